"""Twenty made-up appointments around now, so that a new user has a file to import."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

COLUMNS = ("appointment_id", "phone", "starts_at", "language", "first_name")
NAMES = (
    *("Alma", "Bea", "Carmen", "Dora", "Elena", "Fay", "Gina", "Hana", "Iris", "June"),
    *("Kay", "Luz", "Mona", "Nell", "Opal", "Pia", "Rosa", "Sue", "Tess", "Uma"),
)
# On these days ahead of an appointment, the shipped reminder plan has a text due at once.
DAYS_AHEAD = (1, 4, 5, 6)
OPENING_HOUR = 8


def write_example(path: Path, now: datetime) -> None:
    """Write the file. now: in the site's zone. The first number is the default caller of `infoline call`."""
    opening = now.replace(hour=OPENING_HOUR, minute=0, second=0, microsecond=0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for index, name in enumerate(NAMES):
            starts_at = opening + timedelta(days=DAYS_AHEAD[index % len(DAYS_AHEAD)], minutes=25 * index)
            phone = "603-555-0123" if index == 0 else f"603-555-01{index:02d}"
            language = "es" if index % 4 == 2 else "en"
            writer.writerow((f"MAM-{1001 + index}", phone, f"{starts_at:%Y-%m-%d %H:%M}", language, name))
