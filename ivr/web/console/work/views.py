"""The lists, one tab for each kind of work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from hmac import compare_digest
from hmac import new as keyed_hash
from typing import Any, cast

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from ivr import clock
from ivr.people.audit import AuditKind
from ivr.people.callbacks import forget_completed_callbacks
from ivr.people.work_claims import Claimant
from ivr.staff.users import Role
from ivr.web.console.context import audit, content_or_none, services, staff_user
from ivr.web.console.filters import ago
from ivr.web.console.kept_counts import Kept
from ivr.web.console.people.queries import masked
from ivr.web.console.security.form_pages import HTMX
from ivr.web.console.work import queries, words
from ivr.web.services import Services

blueprint = Blueprint("work", __name__, template_folder="templates")
_LANDLINES = "work_landlines"


# What the audit log says was seen.
Seen = Mapping[AuditKind, dict[str, list[int]]]


@blueprint.record_once
def _install(state: BlueprintSetupState) -> None:
    shared: Services = state.app.extensions["infoline"]
    state.app.extensions[_LANDLINES] = Kept(partial(_count_landlines, shared))


def _count_landlines(shared: Services) -> int:
    with shared.ledger.read() as connection:
        return queries.count_landlines(connection, clock.now())


@blueprint.get("/work")
def callbacks() -> ResponseReturnValue:
    return show_list("work/callbacks.html", "callbacks", queries.pending_callbacks, _seen_callbacks)


@blueprint.get("/work/items", defaults={"kind": "change"})
@blueprint.get("/work/<any('change', 'cancel', 'wrong-number'):kind>")
def items(kind: str) -> ResponseReturnValue:
    def find(connection: Connection, page: int) -> queries.Page:
        return queries.pending_items(connection, kind, page)

    return show_list("work/items.html", kind, find, _seen_items, kind=kind)


@blueprint.get("/work/landlines")
def landlines() -> ResponseReturnValue:
    def find(connection: Connection, page: int) -> queries.Page:
        return queries.landlines(connection, clock.now(), page)

    # Finding them takes long, so the page does not do so again and again.
    return show_list("work/landlines.html", "landlines", find, _seen_items, is_live=False)


@blueprint.get("/work/done")
def done() -> ResponseReturnValue:
    """What was done in the last days, each with a button that undoes it."""

    def find(connection: Connection, page: int) -> queries.Page:
        return queries.done_items(connection, clock.now(), page)

    def seen(rows: queries.Rows) -> Seen:
        of_callbacks, of_items = ([row for row in rows if row.work == work] for work in ("callbacks", "items"))
        return _seen_callbacks(of_callbacks) | _seen_items(of_items)

    return show_list("work/done.html", "done", find, seen)


def _seen_callbacks(rows: queries.Rows) -> dict[AuditKind, dict[str, list[int]]]:
    return {AuditKind.CALLBACKS_READ: {"callbacks": [row.id for row in rows]}}


def _seen_items(rows: queries.Rows) -> dict[AuditKind, dict[str, list[int]]]:
    # A landline that nobody has taken yet has no id.
    return {AuditKind.TODOS_READ: {"todos": [row.id for row in rows if row.id is not None]}}


def show_list(
    template: str,
    current: str,
    find: Callable[[Connection, int], queries.Page],
    seen: Callable[[queries.Rows], Seen],
    *,
    is_live: bool = True,
    **values: Any,
) -> ResponseReturnValue:
    """A page of a list, or only its part that replaces itself. current: the open tab.

    A part records what the user sees only if it is not what the page showed before; if it would look the same as well,
    the answer is 204, and the page keeps its part.
    """
    page, is_part, ledger = page_number(), bool(request.headers.get(HTMX)), services().ledger
    with ledger.read() as connection:
        rows, more = find(connection, page)
        common = common_values(connection, current, is_part=is_part)
    entries = seen(rows)
    shown, look = _name_of(sorted(entries.items())), _name_of(_looks_of((rows, more), common))
    is_known = is_part and compare_digest(shown.encode(), request.args.get("shown", "").encode())
    if is_known and look == request.args.get("look"):
        return "", 204
    if entries and not is_known:
        with ledger.write() as connection:
            for kind, ids in entries.items():
                audit(connection, kind, **ids)
            forget_completed_callbacks(connection, clock.now())
    again = url_for(str(request.endpoint), **{**(request.view_args or {}), "page": page, "shown": shown, "look": look})
    common |= {"is_part": is_part, "again": again if is_live else ""}
    return render_template(template, rows=rows, page=page, more=more, **common, **values)


def _name_of(what: object) -> str:
    """Names what the user sees today. Nobody else can make it, so what a page says that it has shown was recorded."""
    words = repr((staff_user().id, clock.now().date(), what))
    return keyed_hash(str(services().settings.secret_key).encode(), words.encode(), "sha256").hexdigest()[:24]


def _looks_of(page: queries.Page, common: Mapping[str, Any]) -> object:
    """All that a list is made from: two that have this in common look the same."""
    (rows, more), content, user = page, common["content"], staff_user()
    ages = [ago(value) for row in rows for value in row if isinstance(value, datetime)]
    words = content.digest if content else None, user.role, user.language
    return [tuple(row) for row in rows], more, ages, common["counts"], words


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


def common_values(connection: Connection, current: str, *, is_part: bool) -> dict[str, Any]:
    """What every list shows. current: the open tab. is_part: take what takes long to count from the background."""
    vault = services().vault
    kept = cast("Kept[int]", current_app.extensions[_LANDLINES]).get() if is_part else None
    return {
        "counts": queries.counts(connection, clock.now(), landlines=kept.value if kept else None),
        "max_count": queries.MAX_COUNT,
        "current": current,
        "content": content_or_none(),
        "masked": lambda row: masked(vault, row.phone_sealed),
        "me": claimant(),
        "words": words,
    }
