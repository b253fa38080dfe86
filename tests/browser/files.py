"""Appointment files as a scheduler exports them. All people and numbers are made up."""

from __future__ import annotations

from pathlib import Path

HEADER = "appointment_id,phone,starts_at,first_name,language,site"
_NAMES = ("Maria", "Joan", "Priya", "Elena", "Susan", "Thuy", "Grace", "Carmen", "Aisha", "Nora", "Ellen", "Rosa")

# The first patient of each file is 603-555-01 and these digits. A number gets one reminder a day, so files whose
# reminders are due today share none. 603-555-0100 is the line's own number.
_FIRST_NUMBERS = {"MM": 1, "MN": 11, "MW": 15, "MF": 19, "MB": 21, "MP": 40, "MC": 40, "MQ": 55, "MA": 70}
_FIRST_NUMBERS |= {"MX": 94, "MK": 97}


def number(prefix: str, patient: int) -> str:
    """The phone number of a patient of a file, counted from 0."""
    return f"603-555-01{(_FIRST_NUMBERS[prefix] + patient) % 100:02}"


def appointments(prefix: str, count: int, day: str) -> list[str]:
    """Rows of a morning, ten minutes apart. day: in ISO format."""
    return [
        f"{prefix}-{1001 + n},{number(prefix, n)},{day} {8 + n // 6:02}:{n % 6}0,"
        f"{_NAMES[n % len(_NAMES)]},{'es' if n % 4 == 3 else 'en'},"
        for n in range(count)
    ]


def write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path
