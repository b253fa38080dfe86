"""Appointments of a FHIR server that could not be imported: one work item each, until they are imported after all."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ivr.feeds.unread import UNREAD, FeedKind, is_open, settle_alarms
from ivr.ledger import Vault
from ivr.ledger.tables import hl7_message
from ivr.ledger.vault import UnknownKey
from ivr.reminders.imports.columns import SENT_AT
from ivr.reminders.imports.errors import ErrorCode, RowError

_EVENT = "FHIR"
_BY = "infoline reminders pull"
_RESOURCE = "resource"
# https://hl7.org/fhir/R4/datatypes.html#id
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
# The element of each column. What is not listed is an element of the appointment.
_PLACES = {
    "appointment_id": "Appointment.identifier",
    "phone": "Patient.telecom",
    "first_name": "Patient.name",
    "language": "Patient.communication",
    "starts_at": "Appointment.start",
    "timezone": "Appointment.start",
    "site": "Location",
    "": "Appointment",
}


@dataclass(frozen=True)
class RejectedAppointment:
    """resource_id: at the server. cells: as they were read, by column. errors: at least one."""

    resource_id: str
    cells: dict[str, str]
    errors: list[RowError]

    @property
    def needs_staff(self) -> bool:
        """Whether somebody must look at it. An appointment that is only over needs no reminder."""
        return any(error.code != ErrorCode.PAST for error in self.errors)


@dataclass(frozen=True)
class RejectedList:
    """The work items of one server. server: its address, as the items name the sender."""

    vault: Vault
    server: str

    @property
    def _sender(self) -> str:
        return self.server.partition("://")[2].rstrip("/")[:100]

    def open_ids(self, connection: Connection) -> list[str]:
        """The ids at the server of the appointments that wait, oldest first."""
        query = select(hl7_message.c.row_sealed).where(
            is_open(), hl7_message.c.feed == FeedKind.FHIR, hl7_message.c.sender == self._sender
        )
        found = (self._stored(sealed) for sealed in connection.execute(query.order_by(hl7_message.c.id)).scalars())
        return [resource for cells in found if _ID.fullmatch(resource := cells.get(_RESOURCE, ""))]

    def settle(
        self, connection: Connection, rejected: Iterable[RejectedAppointment], imported: Collection[str], now: datetime
    ) -> None:
        """Add what was rejected, complete what was imported, by its ids at the server, and settle the alarm."""
        for each in rejected:
            if each.needs_staff:
                self._add(connection, each, now)
        waiting = set(self.open_ids(connection)).intersection(imported)
        keys = [self._key(resource_id) for resource_id in waiting]
        done = update(hl7_message).where(hl7_message.c.key_hash.in_(keys), is_open())
        connection.execute(done.values(done_at=now, done_by=_BY))
        settle_alarms(connection, now)

    def _add(self, connection: Connection, rejected: RejectedAppointment, now: datetime) -> None:
        """Add an item, or bring it up to date. One that staff have completed opens again only for another content."""
        key, cells = self._key(rejected.resource_id), {**rejected.cells, _RESOURCE: rejected.resource_id}
        # A record may be stamped anew for a change that the line does not read.
        cells.pop(SENT_AT, None)
        query = select(hl7_message.c.id, hl7_message.c.row_sealed).where(hl7_message.c.key_hash == key)
        known = connection.execute(query).first()
        if known is not None and self._stored(known.row_sealed) == cells:
            return
        error = rejected.errors[0]
        values = {
            "received_at": now,
            "appointment_id": cells.get("appointment_id", "")[:100] or None,
            "fault": error.code,
            "place": _PLACES.get(error.column, f"Appointment.{error.column}")[:40],
            "reason": json.dumps([part for each in rejected.errors for part in each.sentences]),
            "row_sealed": self.vault.seal(json.dumps(cells)),
            "done_at": None,
            "done_by": None,
        }
        if known is not None:
            connection.execute(update(hl7_message).where(hl7_message.c.id == known.id).values(values))
            return
        fixed = {"key_hash": key, "sender": self._sender, "event": _EVENT, "state": UNREAD, "feed": FeedKind.FHIR}
        connection.execute(insert(hl7_message).values(**fixed, **values))

    def _key(self, resource_id: str) -> str:
        return self.vault.hash("\x1f".join((FeedKind.FHIR, self.server, resource_id)))

    def _stored(self, sealed: bytes | None) -> dict[str, str]:
        """The cells of an item; empty if their key is lost."""
        try:
            return dict(json.loads(self.vault.open(sealed))) if sealed else {}
        except UnknownKey:
            return {}
