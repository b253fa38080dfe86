"""Every text of a batch as CSV, for a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select

from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, batch
from ivr.line.content.config import ReminderRules
from ivr.people.phones import format_phone
from ivr.reminders.reports.appointment_texts import TextReporter, appointments_query, local_time
from ivr.reminders.reports.status import NoSuchBatch

CHUNK = 1000
COLUMNS = (
    *("appointment_id", "number", "first_name", "starts_at", "site", "language", "step", "due_at", "state", "reason"),
    *("handed_over_at", "changed_at", "answer", "answered_at", "status"),
)
# https://owasp.org/www-community/attacks/CSV_Injection, which lists the full-width characters too.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")  # noqa: RUF001
_SEPARATOR = "\x1f"
_FORMULA_IN_ROW = re.compile(f"{_SEPARATOR}(?:{_FORMULA.pattern})")
# The columns that are exported, or that affect a text.
_EXPORTED = [appointment.c[name] for name in ("id", "appointment_id", "person_id", "starts_at", "timezone", "site")]
_EXPORTED += [appointment.c[name] for name in ("language", "first_name_sealed", "channel", "status", "answer")]
_EXPORTED += [appointment.c[name] for name in ("answered_at", "batch_id")]


class UnwritableFile(Exception):
    """The file cannot be written; the message says why and what to do."""


def export_texts(
    ledger: Ledger, vault: Vault, rules: ReminderRules, batch_id: int, now: datetime, numbers: bool = False
) -> Iterator[dict[str, str]]:
    """The texts of a batch, one at a time, as cells by COLUMNS. numbers: with full phone numbers and first names.

    Raises NoSuchBatch, and UnknownKey while iterating.
    """
    in_batch = appointment.c.batch_id == batch_id
    with ledger.read() as connection:
        if not connection.execute(select(batch.c.id).where(batch.c.id == batch_id)).first():
            raise NoSuchBatch(f"There is no batch {batch_id}.")
        # Eight bytes per appointment. Paging in the query would scan the whole batch for each page.
        ids = connection.execute(select(appointment.c.id).where(in_batch).order_by(appointment.c.id)).scalars()
        return _export(ledger, vault, TextReporter(rules, now), batch_id, array("q", ids), numbers)


def _export(
    ledger: Ledger, vault: Vault, reporter: TextReporter, batch_id: int, ids: Sequence[int], numbers: bool
) -> Iterator[dict[str, str]]:
    query = appointments_query(*_EXPORTED).order_by(appointment.c.id)
    for start in range(0, len(ids), CHUNK):
        with ledger.read() as connection:
            rows = connection.execute(query.where(appointment.c.id.in_(ids[start : start + CHUNK]))).all()
            reports = list(reporter.report(connection, rows))
        for row, texts in reports:
            # Not in the query, where it would make the database scan the whole batch.
            if row.batch_id == batch_id:
                cells, zone = _appointment_cells(row, vault, numbers), ZoneInfo(row.timezone)
                for text in texts:
                    yield cells | text.cells(zone)


def _appointment_cells(row: Row[Any], vault: Vault, numbers: bool) -> dict[str, str]:
    phone = format_phone(vault.open(row.phone_sealed))
    return {
        "appointment_id": row.appointment_id,
        "number": phone if numbers else f"***-***-{phone[-4:]}",
        "first_name": vault.open(row.first_name_sealed) if numbers and row.first_name_sealed else "",
        "site": row.site,
        "language": row.language or "",
        "answer": row.answer or "",
        "answered_at": local_time(row.answered_at, ZoneInfo(row.timezone)),
        "status": row.status,
    }


def write_csv(
    rows: Iterable[Mapping[str, str]], file: TextIO, columns: Sequence[str], progress: Callable[[int], None]
) -> int:
    """Write a header and rows, with formulas escaped. Returns the number of rows; progress gets it as it grows."""
    count = 0
    for slice_, rows_of_slice in _slices(rows, columns):
        file.write(slice_)
        count += rows_of_slice
        if rows_of_slice == CHUNK:
            progress(count)
    return count


def csv_slices(rows: Iterable[Mapping[str, str]], columns: Sequence[str]) -> Iterator[str]:
    """A header and rows as CSV, with formulas escaped: at most CHUNK rows at a time, as soon as they are read."""
    return (slice_ for slice_, _ in _slices(rows, columns))


def _slices(rows: Iterable[Mapping[str, str]], columns: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Slices of CSV, each with the number of its rows. There is at least one, with the header.

    columns: may come from an imported file, formulas included.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_escaped(columns))
    remaining = iter(rows)
    chunk = list(islice(remaining, CHUNK))
    while True:
        writer.writerows(_escaped([row[name] for name in columns]) for row in chunk)
        yield file.getvalue(), len(chunk)
        file.seek(0)
        file.truncate()
        chunk = list(islice(remaining, CHUNK))
        if not chunk:
            return


def _escaped(cells: Sequence[str]) -> Sequence[str]:
    # Formulas are rare: one search covers the whole row.
    if _FORMULA_IN_ROW.search(_SEPARATOR + _SEPARATOR.join(cells)):
        return [f"'{cell}" if _FORMULA.match(cell) else cell for cell in cells]
    return cells


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """Write a file that only its owner can read, in UTF-8 with the byte-order mark that Excel needs.

    It replaces an older file only when it is complete. Raises UnwritableFile.
    """
    try:
        target = path.resolve()
        if target.is_dir():
            raise UnwritableFile(f"{path} is a folder: name a file in it.")
        if not target.parent.is_dir():
            raise UnwritableFile(f"The folder {path.parent} does not exist: create it, or name another.")
        # A device such as /dev/null is written to, not replaced.
        is_device = target.exists() and not target.is_file()
        with target.open("w", encoding="utf-8-sig", newline="") if is_device else _replacing(target) as file:
            yield file
    except OSError as error:
        raise UnwritableFile(f"{path} cannot be written ({error.strerror}): fix that, or name another file.") from None


@contextmanager
def _replacing(target: Path) -> Iterator[TextIO]:
    draft = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
            yield file
        draft.replace(target)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
