"""One item of the work list: take it, give it back, write a note, mark it as done, undo that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext
from sqlalchemy import Connection, Row

from ivr import clock
from ivr.feeds.unread import settle_alarms
from ivr.ledger.vault import UnknownKey
from ivr.people import work_claims
from ivr.people.audit import AuditKind
from ivr.people.work_claims import MAX_NOTE, Claimant, WorkList, note_version
from ivr.people.work_items import landline_item
from ivr.web.console.context import audit, content_or_none, hospital_zone, services, staff_user
from ivr.web.console.dates import short_moment
from ivr.web.console.people.person_views import number_page
from ivr.web.console.people.queries import masked
from ivr.web.console.security.gate import may_open
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext
from ivr.web.console.work import queries, words
from ivr.web.console.work.message_views import sentence_of_fault
from ivr.web.console.work.views import back_to_list, blueprint, claimant

_SHOW = {
    WorkList.CALLBACKS: "work.show_callback",
    WorkList.ITEMS: "work.show_item",
    WorkList.MESSAGES: "work.show_message",
}
_CHANGE = {
    WorkList.CALLBACKS: "work.change_callback",
    WorkList.ITEMS: "work.change_item",
    WorkList.MESSAGES: "work.change_message",
}


class _Change(NamedTuple):
    """An action on an item: what it does, how it is recorded, and what the next page says. kind: None if only the note
    that comes with it is recorded."""

    apply: Callable[[Connection, WorkList, int, Claimant, datetime], bool]
    kind: AuditKind | None
    sentence: Any


_CHANGES = {
    "claim": _Change(work_claims.claim, AuditKind.WORK_CLAIMED, lazy_gettext("You have taken this. It is yours now.")),
    "release": _Change(work_claims.release, AuditKind.WORK_RELEASED, lazy_gettext("It is free for others to take.")),
    "done": _Change(
        work_claims.complete,
        AuditKind.WORK_DONE,
        lazy_gettext("Done. If that was a mistake, open “Done lately” and undo it within seven days."),
    ),
    "tried": _Change(work_claims.can_act, None, lazy_gettext("Noted. The call-back stays on the list.")),
    "reopen": _Change(
        work_claims.reopen, AuditKind.WORK_REOPENED, lazy_gettext("It is back on the list, and you have taken it.")
    ),
}
_ANY_CHANGE = "<any('claim', 'release', 'done', 'reopen'):action>"
_ANY_OUTCOME = "<any('reached', 'left-message', 'no-answer'):outcome>"


class _Note(NamedTuple):
    """What the field for the note shows. based_on: the version of the stored note. error: what to correct.

    loaded: names the words that the page was loaded with.
    """

    typed: str
    based_on: str
    loaded: str
    error: str = ""

    @property
    def is_changed(self) -> bool:
        return _words_id(self.typed) != self.loaded


class _NoteConflict(Exception):
    """Somebody else has changed the note since the page was loaded. The message is what was typed."""


@blueprint.get("/work/callbacks/<int:item_id>")
def show_callback(item_id: int) -> str:
    return _show(WorkList.CALLBACKS, item_id)


@blueprint.get("/work/items/<int:item_id>")
def show_item(item_id: int) -> str:
    return _show(WorkList.ITEMS, item_id)


@blueprint.get("/work/messages/<int:item_id>")
def show_message(item_id: int) -> str:
    return _show(WorkList.MESSAGES, item_id)


@blueprint.post("/work/callbacks/<int:item_id>")
def note_callback(item_id: int) -> ResponseReturnValue:
    return _write_note(WorkList.CALLBACKS, item_id)


@blueprint.post("/work/items/<int:item_id>")
def note_item(item_id: int) -> ResponseReturnValue:
    return _write_note(WorkList.ITEMS, item_id)


@blueprint.post("/work/messages/<int:item_id>")
def note_message(item_id: int) -> ResponseReturnValue:
    return _write_note(WorkList.MESSAGES, item_id)


@blueprint.post(f"/work/callbacks/<int:item_id>/{_ANY_CHANGE}")
def change_callback(item_id: int, action: str) -> ResponseReturnValue:
    return _change(WorkList.CALLBACKS, item_id, action, _sent_note())


@blueprint.post(f"/work/callbacks/<int:item_id>/{_ANY_OUTCOME}")
def note_outcome(item_id: int, outcome: str) -> ResponseReturnValue:
    """Note how a call went. A patient who was reached leaves the list; the others stay on it."""
    note = _sent_note(_outcome_line(outcome)) or abort(400)
    return _change(WorkList.CALLBACKS, item_id, "done" if outcome == "reached" else "tried", note)


def _outcome_line(outcome: str) -> str:
    at = short_moment(clock.now().astimezone(hospital_zone()))
    return gettext("%(time)s, %(name)s: %(outcome)s.", time=at, name=staff_user().name, outcome=words.OUTCOMES[outcome])


@blueprint.post(f"/work/items/<int:item_id>/{_ANY_CHANGE}")
def change_item(item_id: int, action: str) -> ResponseReturnValue:
    return _change(WorkList.ITEMS, item_id, action, _sent_note())


@blueprint.post(f"/work/messages/<int:item_id>/{_ANY_CHANGE}")
def change_message(item_id: int, action: str) -> ResponseReturnValue:
    return _change(WorkList.MESSAGES, item_id, action, _sent_note())


@blueprint.post("/work/landlines/<int:person_id>")
def claim_landline(person_id: int) -> ResponseReturnValue:
    """Take a landline, which becomes an item of the work list by that."""
    with services().ledger.write() as connection:
        if not queries.has_landline(connection, person_id):
            abort(404)
        item_id = landline_item(connection, person_id, clock.now())
    return _change(WorkList.ITEMS, item_id, "claim")


@blueprint.post("/work/callbacks/<int:item_id>/number")
def show_callback_number(item_id: int) -> ResponseReturnValue:
    """The number of a call-back, for roles that may see every number and for the user who has taken it."""
    with services().ledger.write() as connection:
        row = queries.item(connection, WorkList.CALLBACKS, item_id) or abort(404)
        may = _may_see_number(WorkList.CALLBACKS, row)
        if may:
            audit(connection, AuditKind.NUMBER_SHOWN, person=row.person_id)
    if not may:
        return _show(WorkList.CALLBACKS, item_id, problem_with="number"), 409
    return number_page(row.phone_sealed, url_for("work.show_callback", item_id=item_id))


def _may_see_number(work: WorkList, row: Row[Any]) -> bool:
    user = staff_user()
    calls_back = work is WorkList.CALLBACKS and row.claimed_by == user.id and row.done_at is None
    return calls_back or may_open("people.show_number", user.role)


def _change(work: WorkList, item_id: int, action: str, note: _Note | None = None) -> ResponseReturnValue:
    """Do the action, and save the note that was typed on the same page: both, or neither."""
    change = _CHANGES[action]
    if note and note.error:
        return _show(work, item_id, note=note), 422
    try:
        with services().ledger.write() as connection:
            row = queries.item(connection, work, item_id) or abort(404)
            changed = change.apply(connection, work, item_id, claimant(), clock.now())
            if changed:
                if change.kind:
                    audit(connection, change.kind, **_details(work, item_id))
                if note and note.is_changed:
                    _store_note(connection, work, item_id, note)
                if work is WorkList.MESSAGES:
                    settle_alarms(connection, clock.now())
    except _NoteConflict as conflict:
        return _show_conflict(work, item_id, str(conflict))
    if not changed:
        return _show(work, item_id, problem_with=action, note=note), 409
    flash(str(change.sentence))
    if action in ("done", "release", "tried"):
        return back_to_list(words.kind_of(row))
    return redirect(url_for(_SHOW[work], item_id=item_id), 303)


def _write_note(work: WorkList, item_id: int) -> ResponseReturnValue:
    note = _sent_note() or abort(400)
    if note.error:
        return _show(work, item_id, note=note), 422
    try:
        with services().ledger.write() as connection:
            queries.item(connection, work, item_id) or abort(404)
            _store_note(connection, work, item_id, note)
    except _NoteConflict as conflict:
        return _show_conflict(work, item_id, str(conflict))
    flash(gettext("The note is saved.") if note.typed else gettext("The note is deleted."))
    return redirect(url_for(_SHOW[work], item_id=item_id), 303)


def _sent_note(line: str = "") -> _Note | None:
    """The note of the form, with another line; None if the form has no such field."""
    if "note" not in request.form:
        return None
    # Browsers send CRLF, and count a line break as one character.
    typed = f"{request.form['note'].strip()}\n{line}".replace("\r\n", "\n").strip()
    error = ""
    if len(typed) > MAX_NOTE:
        error = gettext("The note has %(count)s characters. Shorten it to %(limit)s.", count=len(typed), limit=MAX_NOTE)
    return _Note(typed, request.form.get("based_on", ""), request.form.get("loaded", ""), error)


def _store_note(connection: Connection, work: WorkList, item_id: int, note: _Note) -> None:
    """Raises _NoteConflict."""
    if not work_claims.write_note(connection, services().vault, work, item_id, note.typed, note.based_on):
        raise _NoteConflict(note.typed)
    audit(connection, AuditKind.WORK_NOTED, **_details(work, item_id))


def _show_conflict(work: WorkList, item_id: int, typed: str) -> ResponseReturnValue:
    """The page with both notes."""
    error = gettext(
        "Somebody else has changed the note in the meantime; it is shown above. Add what you need from it to your"
        " note, and save again."
    )
    with services().ledger.read() as connection:
        row = queries.item(connection, work, item_id) or abort(404)
    return _show(work, item_id, note=_loaded_note(row)._replace(typed=typed, error=error)), 409


def _show(work: WorkList, item_id: int, *, problem_with: str = "", note: _Note | None = None) -> str:
    """The page of an item. problem_with: an action that could not be done."""
    shared = services()
    with shared.ledger.write() as connection:
        row = queries.item(connection, work, item_id) or abort(404)
        if work is WorkList.CALLBACKS:
            audit(connection, AuditKind.CALLBACKS_READ, callbacks=[item_id])
        elif work is WorkList.ITEMS:
            audit(connection, AuditKind.TODOS_READ, todos=[item_id])
    stored = _stored_note(row)
    return render_template(
        "work/message.html" if work is WorkList.MESSAGES else "work/item.html",
        row=row,
        work=work.value,
        kind=words.kind_of(row),
        here=url_for(_SHOW[work], item_id=item_id),
        masked=None if work is WorkList.MESSAGES else masked(shared.vault, row.phone_sealed),
        stored_note=stored,
        note=note or _kept_note(row),
        note_limit=MAX_NOTE,
        problem=_problem(problem_with, row),
        content=content_or_none(),
        me=claimant(),
        may_change=_CHANGE[work],
        may_see_number=_may_see_number(work, row),
        words=words,
        sentence_of=sentence_of_fault,
    )


def _stored_note(row: Row[Any]) -> str | None:
    """The note; None if it cannot be read."""
    try:
        return services().vault.open(row.note_sealed) if row.note_sealed else ""
    except UnknownKey:
        return None


def _loaded_note(row: Row[Any]) -> _Note:
    stored = _stored_note(row) or ""
    return _Note(stored, note_version(row.note_sealed), _words_id(stored))


def _words_id(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _kept_note(row: Row[Any]) -> _Note:
    """What was typed before the session ended, else the stored note."""
    kept = kept_values()
    if "note" in kept:
        return _Note(*(kept.get(name, "") for name in ("note", "based_on", "loaded")))
    return _loaded_note(row)


def _problem(action: str, row: Row[Any]) -> str:
    """Why an action could not be done, as it is now."""
    if not action:
        return ""
    if action == "number" and row.done_at is None and row.claimed_by is None:
        return gettext("Take this call-back first. Then you can see its number, until it is done.")
    if action == "reopen":
        return gettext(
            "This cannot be undone: it is on the list again already, or it was done more than seven days ago."
        )
    return words.standing(row)


def _details(work: WorkList, item_id: int) -> dict[str, int | None]:
    """An entry of the audit log names the item by its table and id."""
    names = {WorkList.CALLBACKS: "callback", WorkList.ITEMS: "todo", WorkList.MESSAGES: "message"}
    return {name: item_id if each is work else None for each, name in names.items()}
