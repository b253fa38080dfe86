"""The audit log: who read or changed what, with filters, and as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask import Response, render_template, request
from sqlalchemy import Connection, Row, Select, or_, select

from ivr.ledger import Ledger
from ivr.ledger.tables import appointment, audit_entry
from ivr.reminders.reports.export import CHUNK
from ivr.staff.api_keys import api_keys
from ivr.staff.users import users
from ivr.web.console.context import hospital_zone, services
from ivr.web.console.downloads import csv_download
from ivr.web.console.settings.audit_filters import query_of, read_filters, who_choices
from ivr.web.console.settings.audit_words import Names, kinds, sentence_of
from ivr.web.console.settings.views import blueprint

PAGE_SIZE = 50
MAX_PAGE = 10_000


@blueprint.get("/settings/audit")
def audit_log() -> str:
    filters, page = read_filters(request.args, hospital_zone()), _page()
    with services().ledger.read() as connection:
        query = query_of(connection, filters, hospital_zone()).limit(PAGE_SIZE + 1).offset((page - 1) * PAGE_SIZE)
        rows = connection.execute(query).all()
        entries = _in_words(connection, rows[:PAGE_SIZE])
        people = who_choices(connection)
    who = dict(people)
    return render_template(
        "settings/audit.html",
        entries=[(row.at, who.get(row.actor, row.actor), sentence) for row, sentence in entries],
        more=len(rows) > PAGE_SIZE,
        page=page,
        filters=filters,
        people=people,
        kinds=kinds(),
    )


@blueprint.get("/settings/audit.csv")
def audit_csv() -> Response:
    zone = hospital_zone()
    ledger = services().ledger
    with ledger.read() as connection:
        query = query_of(connection, read_filters(request.args, zone), zone)
    rows = (
        {
            "id": str(row.id),
            "at": row.at.astimezone(zone).isoformat(timespec="seconds"),
            "who": row.actor,
            "kind": row.kind,
            "details": row.details,
        }
        for row in _every_entry(ledger, query)
    )
    return csv_download(rows, ("id", "at", "who", "kind", "details"), "audit.csv")


def _every_entry(ledger: Ledger, query: Select[Any]) -> Iterator[Row[Any]]:
    """In slices, each of which goes on where the last one ended."""
    at, id_ = audit_entry.c.at, audit_entry.c.id
    rows: Sequence[Row[Any]] = ()
    while not rows or len(rows) == CHUNK:
        later = query
        if rows:
            last = rows[-1]
            later = query.where(at <= last.at, or_(at < last.at, id_ < last.id))
        with ledger.read() as connection:
            rows = connection.execute(later.limit(CHUNK)).all()
        if not rows:
            return
        yield from rows


def _in_words(connection: Connection, rows: Iterable[Row[Any]]) -> list[tuple[Row[Any], str]]:
    """Each row with its sentence."""
    entries = [(row, json.loads(row.details)) for row in rows]
    about = {details["appointment"] for _, details in entries if "appointment" in details}
    numbers = select(appointment.c.id, appointment.c.appointment_id).where(appointment.c.id.in_(about))
    names = Names(
        users={user.id: user.name for user in users(connection)},
        keys={key.id: key.name for key in api_keys(connection)},
        appointments={row.id: row.appointment_id for row in connection.execute(numbers)} if about else {},
    )
    return [(row, sentence_of(row.kind, details, names)) for row, details in entries]


def _page() -> int:
    return min(max(1, request.args.get("page", default=1, type=int)), MAX_PAGE)
