"""The rows of a file against the appointments that the ledger has: which are new, changed, unchanged, or older."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row as LedgerRow

from ivr.ledger import Vault
from ivr.reminders.imports.change_order import changed_at, is_older
from ivr.reminders.imports.errors import RowError, row_warning
from ivr.reminders.imports.rows import AppointmentRow, PartialRow, ValidRow

# Columns copied from the file.
FROM_FILE = ("starts_at", "timezone", "site", "language", "channel", "status")


@dataclass
class StagedCounts:
    """accepted: also those of an import that has not gone live, which have never counted.

    cancelled: those of the updated that become cancelled. in_cancelled: unchanged rows in cancelled batches.
    opted_out: row numbers of patients who opted out.

    warnings: about appointments that the ledger does not have, or has under another id.
    """

    accepted: int = 0
    updated: int = 0
    cancelled: int = 0
    unchanged: int = 0
    in_cancelled: int = 0
    opted_out: list[int] = field(default_factory=list)
    warnings: list[RowError] = field(default_factory=list)


class RowChanges:
    """Rows sorted into new, changed, and unchanged. known: appointments in the ledger, by appointment_id.

    staged: what to change when the batch goes live, and the appointments to take over as they are from batches that
    are not live. confirmed: the times of rows that say nothing new, and the ids of their appointments.
    """

    def __init__(
        self,
        vault: Vault,
        rows: list[ValidRow],
        persons: dict[str, int],
        known: dict[str, LedgerRow[Any]],
        received_at: datetime,
    ) -> None:
        self._rows = rows
        self.confirmed: list[tuple[datetime, int]] = []
        self._older: list[ValidRow] = []
        self.new: list[AppointmentRow] = []
        self._taken_over: list[AppointmentRow] = []
        self.staged: list[tuple[LedgerRow[Any], ValidRow | None]] = []
        self._unknown: list[PartialRow] = []
        self._updated = self._cancelled = self._unchanged = self._in_cancelled = 0
        for row in rows:
            before = known.get(row.appointment_id)
            at = changed_at(row.sent_at, received_at)
            if before is None:
                self._add(row)
            elif before.live_at is None and isinstance(row, AppointmentRow):
                self._take_over(before, row, at, is_same=_is_unchanged(vault, before, row, persons))
            elif before.live_at is not None and is_older(at, before.as_of):
                self._older.append(row)
                self._unchanged += 1
            elif not _is_unchanged(vault, before, row, persons):
                self.staged.append((before, row))
                self._updated += 1
                self._cancelled += before.status != "cancelled" and _new_status(row) == "cancelled"
            else:
                self._unchanged += 1
                self._confirm(before, at)
                self._in_cancelled += before.cancelled_at is not None
                if before.live_at is None:
                    self.staged.append((before, None))

    @property
    def added(self) -> list[AppointmentRow]:
        """The rows of appointments that count for the first time."""
        return [*self.new, *self._taken_over]

    def _take_over(self, before: LedgerRow[Any], row: AppointmentRow, at: datetime, *, is_same: bool) -> None:
        """The import that staged the appointment has died, or still runs: whichever goes live first makes it count."""
        self._taken_over.append(row)
        self.staged.append((before, None if is_same else row))
        if is_same:
            self._confirm(before, at)

    def _confirm(self, before: LedgerRow[Any], at: datetime) -> None:
        if before.as_of is None or before.as_of < at:
            self.confirmed.append((at, before.id))

    def _add(self, row: ValidRow) -> None:
        if isinstance(row, AppointmentRow):
            self.new.append(row)
        else:
            self._unchanged += 1
            self._unknown.append(row)

    def counts(self, opted_out: set[str], alike: list[RowError]) -> StagedCounts:
        """opted_out: phone numbers. alike: warnings about ids."""
        texted = (row for row in self._rows if isinstance(row, AppointmentRow)) if opted_out else ()
        numbers = [row.number for row in texted if row.phone in opted_out]
        unknown = [row for row in self._unknown if row.column == "status"]
        warnings = [row_warning(row.number, "appointment_id", "cancelled_unknown") for row in unknown]
        warnings += [row_warning(row.number, "", "older") for row in self._older]
        return StagedCounts(
            len(self.added),
            self._updated,
            self._cancelled,
            self._unchanged,
            self._in_cancelled,
            numbers,
            [*warnings, *alike],
        )


def _new_status(row: ValidRow) -> str:
    """The status that a row gives; empty if it gives none."""
    if isinstance(row, AppointmentRow):
        return row.status
    return row.value if row.column == "status" else ""


def _is_unchanged(vault: Vault, before: LedgerRow[Any], row: ValidRow, persons: dict[str, int]) -> bool:
    if isinstance(row, PartialRow):
        return bool(getattr(before, row.column) == row.value)
    name = vault.open(before.first_name_sealed) if before.first_name_sealed else ""
    same = all(getattr(before, key) == getattr(row, key) for key in FROM_FILE)
    return same and name == row.first_name and before.person_id == persons.get(row.phone)
