"""The lists, one tab for each kind of work."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from ivr import clock
from ivr.people.audit import AuditKind
from ivr.people.callbacks import forget_completed_callbacks
from ivr.people.work_claims import Claimant
from ivr.staff.users import Role
from ivr.web.console.context import audit, content_or_none, services, staff_user
from ivr.web.console.people.queries import masked
from ivr.web.console.work import queries, words

blueprint = Blueprint("work", __name__, template_folder="templates")


@blueprint.get("/work")
def callbacks() -> str:
    now, page = clock.now(), page_number()
    with services().ledger.write() as connection:
        rows, more = queries.pending_callbacks(connection, page)
        audit(connection, AuditKind.CALLBACKS_READ, callbacks=[row.id for row in rows])
        common = common_values(connection, "callbacks")
        forget_completed_callbacks(connection, now)
    return render_template("work/callbacks.html", rows=rows, page=page, more=more, **common)


@blueprint.get("/work/items", defaults={"kind": "change"})
@blueprint.get("/work/<any('change', 'cancel', 'wrong-number'):kind>")
def items(kind: str) -> str:
    page = page_number()
    with services().ledger.write() as connection:
        rows, more = queries.pending_items(connection, kind, page)
        audit(connection, AuditKind.TODOS_READ, todos=[row.id for row in rows])
        common = common_values(connection, kind)
    return render_template("work/items.html", rows=rows, page=page, more=more, kind=kind, **common)


@blueprint.get("/work/landlines")
def landlines() -> str:
    page = page_number()
    with services().ledger.write() as connection:
        rows, more = queries.landlines(connection, clock.now(), page)
        audit(connection, AuditKind.TODOS_READ, todos=[row.id for row in rows if row.id is not None])
        common = common_values(connection, "landlines")
    return render_template("work/landlines.html", rows=rows, page=page, more=more, **common)


@blueprint.get("/work/done")
def done() -> str:
    """What was done in the last days, each with a button that undoes it."""
    page, now = page_number(), clock.now()
    with services().ledger.write() as connection:
        forget_completed_callbacks(connection, now)
        rows, more = queries.done_items(connection, now, page)
        audit(connection, AuditKind.CALLBACKS_READ, callbacks=[row.id for row in rows if row.work == "callbacks"])
        audit(connection, AuditKind.TODOS_READ, todos=[row.id for row in rows if row.work == "items"])
        common = common_values(connection, "done")
    return render_template("work/done.html", rows=rows, page=page, more=more, **common)


def claimant() -> Claimant:
    """The signed-in user. An administrator may release and complete what somebody else has taken."""
    user = staff_user()
    return Claimant(user.id, user.name, any_claim=user.role is Role.ADMIN)


def page_number() -> int:
    return min(max(request.args.get("page", 1, type=int), 1), 100_000)


def back_to_list(kind: str) -> ResponseReturnValue:
    """Go to the list that an item is on."""
    if kind == "callback":
        return redirect(url_for("work.callbacks"), 303)
    if kind == "landline":
        return redirect(url_for("work.landlines"), 303)
    if kind == "message":
        return redirect(url_for("work.messages"), 303)
    return redirect(url_for("work.items", kind=kind), 303)


def common_values(connection: Connection, current: str) -> dict[str, Any]:
    """What every list shows. current: the open tab."""
    vault = services().vault
    return {
        "counts": queries.counts(connection, clock.now()),
        "max_count": queries.MAX_COUNT,
        "current": current,
        "content": content_or_none(),
        "masked": lambda row: masked(vault, row.phone_sealed),
        "me": claimant(),
        "words": words,
    }
