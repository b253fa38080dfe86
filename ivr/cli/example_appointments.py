"""Twenty made-up appointments around now, so that a newcomer has a file to import."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

COLUMNS = ("appointment_id", "phone", "starts_at", "language", "first_name")
NAMES = (
    "Alma",
    "Bea",
    "Carmen",
    "Dora",
    "Elena",
    "Fay",
    "Gina",
    "Hana",
    "Iris",
    "June",
    "Kay",
    "Luz",
    "Mona",
    "Nell",
    "Opal",
    "Pia",
    "Rosa",
    "Sue",
    "Tess",
    "Uma",
)
# Days ahead on which a text of the shipped plan is of use at once.
DAYS = (1, 4, 5, 6)
OPENS = 8


def write_example(path: Path, now: datetime) -> None:
    """Write the file. now: by the clock of the site; one number is the telephone's own default."""
    morning = now.replace(hour=OPENS, minute=0, second=0, microsecond=0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n, name in enumerate(NAMES):
            starts_at = morning + timedelta(days=DAYS[n % len(DAYS)], minutes=25 * n)
            phone = "603-555-0123" if n == 0 else f"603-555-01{n:02d}"
            language = "es" if n % 4 == 2 else "en"
            writer.writerow((f"MAM-{1001 + n}", phone, f"{starts_at:%Y-%m-%d %H:%M}", language, name))
