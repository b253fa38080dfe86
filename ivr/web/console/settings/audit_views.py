"""The audit log: who read or changed what, with filters, and as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from flask import Response, abort, render_template, request
from sqlalchemy import Row, Select, or_, select

from ivr import clock
from ivr.ledger import Ledger
from ivr.ledger.tables import audit_entry
from ivr.people.audit import AuditKind
from ivr.reminders.reports.export import CHUNK
from ivr.staff.users import users as all_users
from ivr.web.console.context import live_line, services
from ivr.web.console.downloads import csv_download
from ivr.web.console.settings.audit_words import kind_words, kinds
from ivr.web.console.settings.views import blueprint

PAGE_SIZE = 50
PERIODS = (1, 7, 30, 365)
MAX_PAGE = 10_000


@blueprint.get("/settings/audit")
def audit_log() -> str:
    days, kind, page = _period(), _kind(), _page()
    rows = _entries(days, kind, PAGE_SIZE + 1, (page - 1) * PAGE_SIZE)
    with services().ledger.read() as connection:
        names = {f"console user {user.id}": user.name for user in all_users(connection)}
    return render_template(
        "settings/audit.html",
        entries=[_entry(row, names) for row in rows[:PAGE_SIZE]],
        more=len(rows) > PAGE_SIZE,
        page=page,
        days=days,
        kind=kind,
        periods=PERIODS,
        kinds=kinds(),
    )


@blueprint.get("/settings/audit.csv")
def audit_csv() -> Response:
    zone = live_line().content.config.zone
    rows = (
        {
            "id": str(row.id),
            "at": row.at.astimezone(zone).isoformat(timespec="seconds"),
            "who": row.actor,
            "kind": row.kind,
            "details": row.details,
        }
        for row in _every_entry(services().ledger, _query(_period(), _kind()))
    )
    return csv_download(rows, ("id", "at", "who", "kind", "details"), "audit.csv")


def _query(days: int, kind: str) -> Select[Any]:
    """The newest first."""
    query = select(audit_entry).where(audit_entry.c.at >= clock.now() - timedelta(days=days))
    if kind:
        query = query.where(audit_entry.c.kind == kind)
    return query.order_by(audit_entry.c.at.desc(), audit_entry.c.id.desc())


def _entries(days: int, kind: str, limit: int, offset: int) -> list[Row[Any]]:
    with services().ledger.read() as connection:
        return list(connection.execute(_query(days, kind).limit(limit).offset(offset)))


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


def _entry(row: Row[Any], names: dict[str, str]) -> dict[str, Any]:
    details = ", ".join(f"{name} {_short(value)}" for name, value in json.loads(row.details).items())
    return {
        "at": row.at,
        "who": names.get(row.actor, row.actor),
        "kind": kind_words(row.kind),
        "details": details,
    }


def _short(value: object) -> str:
    if isinstance(value, list):
        shown = " ".join(map(str, value[:8]))
        return f"{shown} …" if len(value) > len(value[:8]) else shown
    return "–" if value is None else str(value)


def _period() -> int:
    days = request.args.get("days", default=30, type=int)
    return days if days in PERIODS else 30


def _kind() -> str:
    kind = request.args.get("kind", "")
    if kind and kind not in set(AuditKind):
        abort(404)
    return kind


def _page() -> int:
    return min(max(1, request.args.get("page", default=1, type=int)), MAX_PAGE)
