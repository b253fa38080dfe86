"""What the audit page and its CSV file are filtered by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from flask import abort
from flask_babel import lazy_gettext
from sqlalchemy import ColumnElement, Connection, Select, select
from werkzeug.datastructures import MultiDict

from ivr import clock
from ivr.ledger.tables import appointment, audit_details_are_short, audit_entry, todo
from ivr.people.audit import AuditKind
from ivr.staff.api_keys import api_keys
from ivr.staff.users import users
from ivr.web.console.words import gettext

DAYS = 30
COMMANDS = "commands"
# Actors that are neither users nor keys, by their name in the table.
_PROGRAMS = {
    "console": lazy_gettext("Nobody yet: failed sign-ins"),
    "watched folder": lazy_gettext("The watched folder"),
    "infoline worker": lazy_gettext("The worker"),
    "infoline retention": lazy_gettext("The deletion of old data"),
}


@dataclass(frozen=True)
class Filters:
    """who: an actor, or COMMANDS; kind, appointment: each empty if there is no such filter. Both days are included."""

    who: str
    kind: str
    appointment: str
    first: date
    last: date

    @property
    def arguments(self) -> dict[str, str]:
        """Of the address that shows the same entries."""
        days = {"from": self.first.isoformat(), "to": self.last.isoformat()}
        return {"who": self.who, "kind": self.kind, "appointment": self.appointment, **days}


def read_filters(arguments: MultiDict[str, str], zone: tzinfo) -> Filters:
    """What an address asks for. A day that is missing or none is the default one."""
    kind = arguments.get("kind", "")
    if kind and kind not in set(AuditKind):
        abort(404)
    today = clock.now().astimezone(zone).date()
    last = _day(arguments.get("to", ""), today)
    first = _day(arguments.get("from", ""), last - timedelta(days=min(DAYS, (last - date.min).days)))
    return Filters(arguments.get("who", ""), kind, arguments.get("appointment", "").strip(), first, last)


def query_of(connection: Connection, filters: Filters, zone: tzinfo) -> Select[Any]:
    """The entries, the newest first."""
    columns = audit_entry.c
    conditions: list[ColumnElement[bool]] = [columns.at >= _start(filters.first, zone)]
    if filters.last < date.max:
        conditions.append(columns.at < _start(filters.last + timedelta(days=1), zone))
    if filters.who == COMMANDS:
        conditions.append(columns.uid.is_not(None))
    elif filters.who:
        conditions.append(columns.actor == filters.who)
    if filters.kind:
        conditions.append(columns.kind == filters.kind)
    if filters.appointment:
        conditions += [audit_details_are_short, columns.details.in_(_about(connection, filters.appointment))]
    return select(audit_entry).where(*conditions).order_by(columns.at.desc(), columns.id.desc())


def who_choices(connection: Connection) -> list[tuple[str, str]]:
    """Pairs of each actor, as it is stored, and its name."""
    keys = [(f"api key {key.id}", gettext("API key %(name)s", name=key.name)) for key in api_keys(connection)]
    programs = [(name, str(words)) for name, words in _PROGRAMS.items()]
    people = [(f"console user {user.id}", user.name) for user in users(connection)]
    return [*people, *keys, (COMMANDS, gettext("Commands on the server")), *programs]


def _about(connection: Connection, appointment_id: str) -> Sequence[str]:
    """The details of entries about an appointment, its person, or one of the person's entries of the work list."""
    row = connection.execute(
        select(appointment.c.id, appointment.c.person_id).where(appointment.c.appointment_id == appointment_id)
    ).one_or_none()
    if row is None:
        return ()
    items = connection.execute(select(todo.c.id).where(todo.c.person_id == row.person_id)).scalars()
    found = [{"appointment": row.id}, {"person": row.person_id}]
    found += [{"callback": None, "todo": item, "message": None} for item in items]
    return [json.dumps(details) for details in found]


def _start(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _day(text: str, default: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return default
    # Other years are no times in each zone.
    return day if 1970 <= day.year < 9999 else default
