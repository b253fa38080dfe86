"""What feeds have sent about one person: messages that wait or could not be read, and what is left of the others."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, delete, or_, select

from ivr.ledger import Vault
from ivr.ledger.tables import hl7_message
from ivr.ledger.vault import UnknownKey
from ivr.people.phones import written_forms

# Below the number of parameters that any database takes in a statement.
_MOST_IDS = 500


def messages_about(
    connection: Connection, vault: Vault, phone: str, appointment_ids: Collection[str]
) -> list[Row[Any]]:
    """The messages about a person's appointments, and those whose encrypted content has the number (E.164).

    appointment_ids: as the scheduling system names them. A message whose key is lost is found by its appointment only.
    """
    is_sealed = or_(hl7_message.c.row_sealed.is_not(None), hl7_message.c.message_sealed.is_not(None))
    written = written_forms(phone)
    found = {
        row.id: row
        for row in connection.execute(select(hl7_message).where(is_sealed))
        if written.search(_number_in(row, vault))
    }
    ids = sorted(appointment_ids)
    for start in range(0, len(ids), _MOST_IDS):
        about = hl7_message.c.appointment_id.in_(ids[start : start + _MOST_IDS])
        found |= {row.id: row for row in connection.execute(select(hl7_message).where(about))}
    return [found[key] for key in sorted(found)]


def exported_message(row: Row[Any], vault: Vault) -> dict[str, Any]:
    """A message as JSON values. Raises UnknownKey."""
    return {
        "received_at": row.received_at.isoformat(),
        "feed": row.feed,
        "sender": row.sender,
        "appointment_id": row.appointment_id,
        "state": row.state,
        "row": json.loads(vault.open(row.row_sealed)) if row.row_sealed else None,
        "message": _raw(row, vault) if row.message_sealed else None,
        "note": vault.open(row.note_sealed) if row.note_sealed else None,
    }


def delete_messages(connection: Connection, vault: Vault, phone: str, appointment_ids: Collection[str]) -> int:
    """Delete what `messages_about` finds, and return how many there were."""
    ids = [row.id for row in messages_about(connection, vault, phone, appointment_ids)]
    for start in range(0, len(ids), _MOST_IDS):
        connection.execute(delete(hl7_message).where(hl7_message.c.id.in_(ids[start : start + _MOST_IDS])))
    return len(ids)


def _number_in(row: Row[Any], vault: Vault) -> str:
    """The part of a message that may have the number; empty if its key is lost."""
    try:
        if row.message_sealed:
            return _raw(row, vault)
        return str(json.loads(vault.open(row.row_sealed)).get("phone", ""))
    except UnknownKey:
        return ""


def _raw(row: Row[Any], vault: Vault) -> str:
    """An HL7 message as text, whatever its bytes are."""
    return base64.b64decode(vault.open(row.message_sealed)).decode(errors="replace")
