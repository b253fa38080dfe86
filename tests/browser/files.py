"""Appointment files as a scheduler exports them. All people and numbers are made up."""

from __future__ import annotations

from pathlib import Path

HEADER = "appointment_id,phone,starts_at,first_name,language,site"
_NAMES = ("Maria", "Joan", "Priya", "Elena", "Susan", "Thuy", "Grace", "Carmen", "Aisha", "Nora", "Ellen", "Rosa")


def appointments(prefix: str, count: int, day: str, first_number: int = 1) -> list[str]:
    """Rows of a morning, ten minutes apart. day: in ISO format. 603-555-0100 is the line's own number."""
    return [
        f"{prefix}-{1001 + n},603-555-01{(first_number + n) % 100:02},{day} {8 + n // 6:02}:{n % 6}0,"
        f"{_NAMES[n % len(_NAMES)]},{'es' if n % 4 == 3 else 'en'},"
        for n in range(count)
    ]


def write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path
