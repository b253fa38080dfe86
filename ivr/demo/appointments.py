"""The files of a made-up scheduling system: past appointments, fifty in the next two weeks, and a few with faults."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

COLUMNS = ("appointment_id", "phone", "starts_at", "language", "first_name", "status")
ENGLISH = ("Alma", "Bea", "Dora", "Fay", "Gina", "Hana", "Iris", "June", "Kay", "Mona", "Nell", "Opal", "Sue", "Tess")
SPANISH = ("Carmen", "Elena", "Luz", "Pia", "Rosa", "Uma")
PAST, COMING, DAYS = 30, 50, 14
# The last two digits of 603-555-01xx, by appointment. Past patients have 20 to 49, coming ones 50 to 99.
FIRST_PAST, FIRST_COMING = 20, 50
DEFAULT_CALLER = "603-555-0123"
OPENING_HOUR, SLOTS_A_DAY, MINUTES = 8, 12, 40

Row = tuple[str, str, str, str, str, str]


def past_rows(today: datetime) -> Iterator[Row]:
    """Appointments of the last ten days, as they were two weeks ago. today: midnight in the site's zone."""
    for index in range(PAST):
        yield _row(f"DEMO-{800 + index}", FIRST_PAST + index, _slot(today, -10 + index * 10 // PAST, index))


def coming_rows(today: datetime) -> Iterator[Row]:
    """Fifty appointments from tomorrow on. today: as for `past_rows`."""
    for index in range(COMING):
        starts_at = _slot(today, 1 + index * DAYS // COMING, index)
        # The default caller of `infoline call` has an appointment too, and is texted in English.
        phone = DEFAULT_CALLER if index == 1 else None
        yield _row(f"DEMO-{1000 + index}", FIRST_COMING + index, starts_at, phone)


def faulty_rows(today: datetime) -> Iterator[Row]:
    """A file to try the check with: four good rows, and four that an import rejects, each for another reason."""
    for index in range(4):
        yield _row(f"DEMO-{1100 + index}", 2 + index, _slot(today, 4, index))
    yield _row("DEMO-1104", 6, _slot(today, 5, 1), "603-555-01")
    yield _row("DEMO-1105", 7, _slot(today, -30, 2))
    yield ("DEMO-1106", "603-555-0108", "next Tuesday", "en", "Nell", "booked")
    yield _row("DEMO-1100", 9, _slot(today, 6, 3))


def write_file(path: Path, rows: Iterator[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _row(appointment_id: str, number: int, starts_at: datetime, phone: str | None = None) -> Row:
    language, names = ("es", SPANISH) if number % 4 == 2 else ("en", ENGLISH)
    name = names[number % len(names)]
    return appointment_id, phone or f"603-555-01{number:02d}", f"{starts_at:%Y-%m-%d %H:%M}", language, name, "booked"


def _slot(today: datetime, days: int, index: int) -> datetime:
    """A time during opening hours, on a weekday: an appointment of a weekend moves to the Monday after."""
    day = today + timedelta(days=days)
    day += timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
    return day + timedelta(hours=OPENING_HOUR, minutes=MINUTES * (index % SLOTS_A_DAY))
