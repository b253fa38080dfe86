"""The page of one appointment: its texts, what happened, and what a scheduler can do about a planned text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row

from ivr import clock
from ivr.ledger.tables import appointment as appointments
from ivr.people.audit import AuditKind
from ivr.reminders.outbox.text_states import TextState
from ivr.reminders.reports.appointment_texts import TextReport, TextReporter, appointments_query
from ivr.reminders.reports.manual import MANUAL, ManualActions, ManualResult, UnknownAppointment
from ivr.web.console.context import audit, live_line, services
from ivr.web.console.people import queries, words
from ivr.web.console.people.timeline import History, timeline
from ivr.web.console.people.views import blueprint
from ivr.web.console.reminders.state_words import state_words

_AUDIT = {
    "send": AuditKind.TEXT_REQUESTED,
    "leave-out": AuditKind.TEXTS_LEFT_OUT,
    "plan-again": AuditKind.TEXTS_PLANNED_AGAIN,
}


@blueprint.get("/people/appointments/<path:appointment_id>")
def appointment(appointment_id: str) -> str:
    return _page(appointment_id)


@blueprint.post("/people/texts/<any('send', 'leave-out', 'plan-again'):action>")
def act_on_text(action: str) -> ResponseReturnValue:
    """Do what `infoline reminders send`, `skip` and `unskip` do for one text. Before one is sent, a page asks."""
    appointment_id, step = request.form.get("appointment_id", ""), request.form.get("step", "")
    shared = services()
    with shared.ledger.read() as connection:
        row = queries.appointment_row(connection, appointment_id) or abort(404)
    if action == "send" and "confirmed" not in request.form:
        return _ask_before_sending(row, step)
    actions = ManualActions(
        shared.ledger,
        shared.vault,
        live_line().content.config,
        record=lambda connection: audit(connection, _AUDIT[action], appointment=row.id),
    )
    try:
        result = _act(actions, action, row.appointment_id, step)
    except UnknownAppointment:
        abort(404)
    if not result.done:
        return _page(row.appointment_id, problem=words.result_words(result)), 409
    flash(words.result_words(result))
    return redirect(url_for("people.appointment", appointment_id=row.appointment_id), 303)


def _ask_before_sending(row: Row[Any], step: str) -> str:
    """The page that asks before a patient is texted."""
    config = live_line().content.config
    if step not in (known.id for known in config.reminders.plan):
        abort(404)
    masked = queries.masked(services().vault, row.phone_sealed)
    return render_template(
        "people/send.html", appointment=row, step=step, name=words.step_words(step, config.reminders), masked=masked
    )


def _act(actions: ManualActions, action: str, appointment_id: str, step: str) -> ManualResult:
    if action == "send":
        return actions.send(appointment_id, step, clock.now())
    if not step:
        # Without a step, these would change all texts.
        raise UnknownAppointment
    change = actions.skip if action == "leave-out" else actions.unskip
    [result] = change(appointment_id, step, clock.now())
    return result


def _page(appointment_id: str, problem: str = "") -> str:
    shared, config, now = services(), live_line().content.config, clock.now()
    with shared.ledger.write() as connection:
        row = queries.appointment_row(connection, appointment_id) or abort(404)
        audit(connection, AuditKind.APPOINTMENT_READ, appointment=row.id)
        planned = connection.execute(appointments_query().where(appointments.c.id == row.id)).all()
        [(_, texts)] = TextReporter(config.reminders, now).report(connection, planned)
        history = History(
            changes=queries.changes_of(connection, row.id),
            moves=queries.moves_of(connection, row.id),
            work=queries.work_about(connection, row),
        )
    current = [text for text in texts if text.starts_at == row.starts_at]
    return render_template(
        "people/appointment.html",
        appointment=row,
        first_name=queries.opened(shared.vault, row.first_name_sealed),
        masked=queries.masked(shared.vault, row.phone_sealed),
        texts=current,
        actions={text.step: _actions(text, now) for text in current},
        events=timeline(row, history, texts, config, now),
        problem=problem,
        words=words,
        config=config,
        state_words=state_words,
    )


def _actions(text: TextReport, now: datetime) -> tuple[str, ...]:
    """What can be done about a text. One whose step has left the plan has no time."""
    if text.starts_at <= now or text.due_at is None:
        return ()
    if text.state is TextState.PLANNED:
        return ("send", "leave-out")
    if text.state is not TextState.SKIPPED or text.reason != MANUAL:
        return ()
    return ("plan-again", "send") if text.due_at > now else ("send",)
