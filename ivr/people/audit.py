"""The audit log: who read or changed personal data. Append-only; entries name people by database ids only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from ivr.ledger import Vault
from ivr.ledger.tables import audit_entry, person

Detail = int | str | None | Sequence[int] | Sequence[str]


class AuditKind(StrEnum):
    """What was done."""

    CALLBACKS_READ = "callbacks_read"
    TODOS_READ = "todos_read"
    QUESTIONS_READ = "questions_read"
    QUESTIONS_IGNORED = "questions_ignored"
    QUESTIONS_RESTORED = "questions_restored"
    PERSON_READ = "person_read"
    NUMBERS_EXPORTED = "numbers_exported"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    HASH_KEY_READ = "hash_key_read"
    KEYS_ROTATED = "keys_rotated"
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    PASSWORD_CHOSEN = "password_chosen"  # noqa: S105 - not a password
    USER_ADDED = "user_added"
    USER_INVITED = "user_invited"
    USER_ENABLED = "user_enabled"
    USER_DISABLED = "user_disabled"
    ROLE_CHANGED = "role_changed"
    NUMBER_SHOWN = "number_shown"
    APPOINTMENT_READ = "appointment_read"
    APPOINTMENTS_IMPORTED = "appointments_imported"
    BATCH_PAUSED = "batch_paused"
    BATCH_RESUMED = "batch_resumed"
    BATCH_CANCELLED = "batch_cancelled"
    TEXT_REQUESTED = "text_requested"
    TEXTS_LEFT_OUT = "texts_left_out"
    TEXTS_PLANNED_AGAIN = "texts_planned_again"
    LANGUAGE_CHANGED = "language_changed"
    WORK_CLAIMED = "work_claimed"
    WORK_RELEASED = "work_released"
    WORK_DONE = "work_done"
    WORK_REOPENED = "work_reopened"
    WORK_NOTED = "work_noted"
    DRAFT_CHANGED = "draft_changed"
    RELEASE_PUBLISHED = "release_published"
    RELEASE_ROLLED_BACK = "release_rolled_back"
    PROMPT_SIGNED_OFF = "prompt_signed_off"
    API_KEY_ADDED = "api_key_added"
    API_KEY_REVOKED = "api_key_revoked"
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_ENDED = "webhook_ended"
    HL7_MESSAGE_READ = "hl7_message_read"
    ALARM_SEEN = "alarm_seen"
    DATA_EXPIRED = "data_expired"
    PERSON_EXPORTED = "person_exported"
    PERSON_ERASED = "person_erased"


KEYS: Mapping[AuditKind, tuple[str, ...]] = {
    AuditKind.CALLBACKS_READ: ("callbacks",),
    AuditKind.TODOS_READ: ("todos",),
    AuditKind.QUESTIONS_READ: ("days", "questions"),
    AuditKind.QUESTIONS_IGNORED: ("questions",),
    AuditKind.QUESTIONS_RESTORED: ("questions",),
    AuditKind.PERSON_READ: ("person",),
    AuditKind.NUMBERS_EXPORTED: ("batch",),
    AuditKind.OPTED_OUT: ("person",),
    AuditKind.OPTED_IN: ("person",),
    AuditKind.HASH_KEY_READ: (),
    AuditKind.KEYS_ROTATED: ("values",),
    AuditKind.SIGNED_IN: (),
    AuditKind.SIGN_IN_FAILED: ("user",),
    AuditKind.SIGNED_OUT_EVERYWHERE: (),
    AuditKind.PASSWORD_CHOSEN: (),
    AuditKind.USER_ADDED: ("user",),
    AuditKind.USER_INVITED: ("user",),
    AuditKind.USER_ENABLED: ("user",),
    AuditKind.USER_DISABLED: ("user",),
    AuditKind.ROLE_CHANGED: ("user", "role"),
    AuditKind.NUMBER_SHOWN: ("person",),
    AuditKind.APPOINTMENT_READ: ("appointment",),
    AuditKind.APPOINTMENTS_IMPORTED: ("batch", "rows"),
    AuditKind.BATCH_PAUSED: ("batch",),
    AuditKind.BATCH_RESUMED: ("batch",),
    AuditKind.BATCH_CANCELLED: ("batch",),
    AuditKind.TEXT_REQUESTED: ("appointment",),
    AuditKind.TEXTS_LEFT_OUT: ("appointment",),
    AuditKind.TEXTS_PLANNED_AGAIN: ("appointment",),
    AuditKind.LANGUAGE_CHANGED: ("person",),
    AuditKind.WORK_CLAIMED: ("callback", "todo", "message"),
    AuditKind.WORK_RELEASED: ("callback", "todo", "message"),
    AuditKind.WORK_DONE: ("callback", "todo", "message"),
    AuditKind.WORK_REOPENED: ("callback", "todo", "message"),
    AuditKind.WORK_NOTED: ("callback", "todo", "message"),
    AuditKind.DRAFT_CHANGED: ("files",),
    AuditKind.RELEASE_PUBLISHED: ("release",),
    AuditKind.RELEASE_ROLLED_BACK: ("release",),
    AuditKind.PROMPT_SIGNED_OFF: ("files",),
    AuditKind.API_KEY_ADDED: ("key",),
    AuditKind.API_KEY_REVOKED: ("key",),
    AuditKind.WEBHOOK_ADDED: ("webhook",),
    AuditKind.WEBHOOK_ENDED: ("webhook",),
    AuditKind.HL7_MESSAGE_READ: ("message",),
    AuditKind.ALARM_SEEN: ("alarm",),
    AuditKind.DATA_EXPIRED: (
        "incoming_texts",
        "questions",
        "offered_choices",
        "call_turns",
        "appointments",
        "requested_texts",
        "work_items",
        "batches",
        "hl7_messages",
        "alarms",
        "consent_records",
        "numbers_kept_as_hash",
        "numbers",
    ),
    AuditKind.PERSON_EXPORTED: ("person",),
    AuditKind.PERSON_ERASED: ("person",),
}
"""The details of each kind: ids, lists of ids, or counts. A person is null if no such number is stored.

`files` are names of files of prompts/, none if the whole draft was discarded; `role` is the new role.

Of `callback`, `todo` and `message` (of an HL7 feed), those that were not changed are null."""


@dataclass(frozen=True)
class Actor:
    """Who acts. name: of the account. uid, sudo_user: the operating system's user, and who became it with sudo."""

    name: str
    uid: int | None = None
    sudo_user: str | None = None


@dataclass(frozen=True)
class AuditEntry:
    id: int
    at: datetime
    actor: Actor
    kind: str
    details: Mapping[str, Detail]


def record(connection: Connection, actor: Actor, kind: AuditKind, now: datetime, **details: Detail) -> None:
    """Add an entry, in the transaction that reads or changes the data. Raises ValueError unless details fit KEYS."""
    if tuple(details) != KEYS[kind]:
        raise ValueError(f"{kind} needs the details {KEYS[kind]}, not {tuple(details)}")
    entry = {"at": now, "actor": actor.name[:200], "uid": actor.uid, "sudo_user": actor.sudo_user, "kind": kind}
    connection.execute(insert(audit_entry).values(**entry, details=json.dumps(details)))


def entries_since(connection: Connection, since: datetime) -> list[AuditEntry]:
    """The entries since a time, oldest first."""
    query = select(audit_entry).where(audit_entry.c.at >= since).order_by(audit_entry.c.id)
    return [
        AuditEntry(row.id, row.at, Actor(row.actor, row.uid, row.sudo_user), row.kind, json.loads(row.details))
        for row in connection.execute(query)
    ]


def person_id(connection: Connection, vault: Vault, phone: str) -> int | None:
    """The id of the person with a number (E.164); None if it is not stored."""
    stored: int | None = connection.execute(
        select(person.c.id).where(person.c.phone_hash == vault.hash(phone))
    ).scalar_one_or_none()
    return stored
