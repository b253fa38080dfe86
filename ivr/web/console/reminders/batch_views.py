"""One batch: its states as they change, pause, resume, cancel, and download."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, Row

from ivr import clock
from ivr.ledger.tables import appointment
from ivr.people.audit import AuditKind
from ivr.reminders.outbox.text_states import PENDING
from ivr.reminders.reports.appointment_texts import TextReporter, appointments_query
from ivr.reminders.reports.export import COLUMNS, export_texts
from ivr.reminders.reports.status import CancelledBatch, NoSuchBatch, control, counts_of_batches
from ivr.web.console.context import audit, content_or_none, live_line, services, staff_user
from ivr.web.console.downloads import csv_download
from ivr.web.console.kept_counts import KeptOfEach
from ivr.web.console.reminders.batch_queries import Ahead, ahead, batch_row, find_appointment, texts_for_reason
from ivr.web.console.reminders.import_work import files_to_mend
from ivr.web.console.reminders.plan_drawing import step_words
from ivr.web.console.reminders.state_words import bar, left_out_words, mode, reason_words, state_words
from ivr.web.console.reminders.uploads import Uploads
from ivr.web.console.reminders.views import blueprint, page_number
from ivr.web.console.words import gettext
from ivr.web.services import Services

# As often as the page asks, and for so many batches at a time.
_LIVE_SECONDS, _LIVE_BATCHES = 3.0, 100
_EXTENSION = "batch_counts"
Counts: TypeAlias = dict[str, Any]


@blueprint.record_once
def _install(state: BlueprintSetupState) -> None:
    count = partial(_count, state.app.extensions["infoline"])
    state.app.extensions[_EXTENSION] = KeptOfEach(count, _LIVE_SECONDS, _LIVE_BATCHES)


def _count(services: Services, batch_id: int) -> Counts:
    with services.ledger.read() as connection:
        return counts_of_batches(connection, [batch_id])[batch_id]


@blueprint.get("/reminders/batches/<int:batch_id>")
def batch(batch_id: int) -> str:
    """A batch, with the appointment or the reason that is asked for."""
    wanted = request.args.get("appointment", "").strip()[:100]
    reason, page = request.args.get("reason", "")[:100], page_number()
    content = content_or_none()
    with services().ledger.read() as connection:
        row = _row(connection, batch_id)
        counts = counts_of_batches(connection, [batch_id])[batch_id]
        texts, more = texts_for_reason(connection, batch_id, reason, page) if reason else ([], False)
    return render_template(
        "reminders/batch.html",
        wanted=wanted,
        found=_find(batch_id, wanted),
        reason=reason_words(reason) if reason else None,
        texts=[(text, state_words(text.state)) for text in texts],
        page=page,
        more=more,
        to_mend=files_to_mend(_uploads(), staff_user().id, batch_id),
        left_out_words=left_out_words,
        step_words=step_words,
        rules=content.config.reminders if content else None,
        **_live_values(row, counts),
    )


def _uploads() -> Uploads:
    return Uploads(services().settings.var_dir, services().vault)


@blueprint.get("/reminders/batches/<int:batch_id>/live")
def batch_live(batch_id: int) -> str:
    """The part of the page that changes by itself. Its counts are a few seconds old, so that it waits for none."""
    with services().ledger.read() as connection:
        row = _row(connection, batch_id)
    kept = cast(KeptOfEach[int, Counts], current_app.extensions[_EXTENSION]).get(batch_id)
    counts = kept.value if kept else _count(services(), batch_id)
    return render_template("reminders/_batch.html", **_live_values(row, counts))


def _live_values(row: Row[Any], counts: Counts) -> dict[str, Any]:
    reasons = sorted(counts["reasons"].items(), key=lambda entry: -entry[1])
    return {
        "batch": row,
        "mode": mode(row),
        "counts": counts,
        "bar": bar(counts["texts"]),
        "reasons": [(reason, reason_words(reason), count) for reason, count in reasons],
        "is_over": not any(counts["texts"][state] for state in PENDING),
    }


def _row(connection: Connection, batch_id: int) -> Any:
    # A number that is too large for the database is no batch either.
    row = batch_row(connection, batch_id) if batch_id < 2**31 else None
    return row if row is not None else abort(404)


def _find(batch_id: int, wanted: str) -> dict[str, Any] | None:
    """The texts of the appointment with an id; None if the batch has none."""
    if not wanted:
        return None
    with services().ledger.read() as connection:
        row_id = find_appointment(connection, batch_id, wanted)
        if row_id is None:
            return None
        row = connection.execute(appointments_query().where(appointment.c.id == row_id)).one()
        reporter = TextReporter(live_line().content.config.reminders, clock.now())
        [(row, texts)] = reporter.report(connection, [row])
    shown = [(text, state_words(text.state), reason_words(text.reason) if text.reason else None) for text in texts]
    return {"row": row, "texts": shown, "url": url_for("people.appointment", appointment_id=row.appointment_id)}


@blueprint.post("/reminders/batches/<int:batch_id>")
def change_batch(batch_id: int) -> ResponseReturnValue:
    """Pause, resume or cancel a batch."""
    change = _CHANGES.get(request.form.get("action", "")) or abort(400)
    kind, values, sentence = change
    try:
        control(
            services().ledger,
            batch_id if batch_id < 2**31 else 0,
            on_change=lambda connection: audit(connection, kind, batch=batch_id),
            **values(),
        )
    except NoSuchBatch:
        abort(404)
    except CancelledBatch:
        flash(gettext("This batch is cancelled for good. To send its texts, import its file again."))
    else:
        flash(sentence())
    return redirect(url_for("reminders.batch", batch_id=batch_id), 303)


_Change = tuple[AuditKind, Callable[[], dict[str, Any]], Callable[[], str]]
_CHANGES: dict[str, _Change] = {
    "pause": (
        AuditKind.BATCH_PAUSED,
        lambda: {"paused": True},
        lambda: gettext("The batch is paused. Its texts wait until you resume it."),
    ),
    "resume": (
        AuditKind.BATCH_RESUMED,
        lambda: {"paused": False},
        lambda: gettext("The batch goes on. Its texts go out as planned."),
    ),
    "cancel": (
        AuditKind.BATCH_CANCELLED,
        lambda: {"cancelled_at": clock.now()},
        lambda: gettext("The batch is cancelled. None of its remaining texts will go out."),
    ),
}


@blueprint.get("/reminders/batches/<int:batch_id>/cancel")
def ask_to_cancel(batch_id: int) -> ResponseReturnValue:
    """The page that asks before a batch is cancelled."""
    with services().ledger.read() as connection:
        row = _row(connection, batch_id)
        left: Ahead = ahead(connection, batch_id, live_line().content.config.reminders)
    if row.cancelled_at is not None:
        return redirect(url_for("reminders.batch", batch_id=batch_id))
    return render_template("reminders/cancel.html", batch=row, left=left)


@blueprint.get("/reminders/batches/<int:batch_id>/texts.csv")
def download(batch_id: int) -> Response:
    """All texts of a batch, with masked numbers and without names."""
    return _csv(batch_id, numbers=False)


@blueprint.post("/reminders/batches/<int:batch_id>/texts-with-numbers.csv")
def download_numbers(batch_id: int) -> Response:
    """All texts of a batch, with numbers and names. Recorded."""
    with services().ledger.write() as connection:
        _row(connection, batch_id)
        audit(connection, AuditKind.NUMBERS_EXPORTED, batch=batch_id)
    return _csv(batch_id, numbers=True)


def _csv(batch_id: int, *, numbers: bool) -> Response:
    columns = [name for name in COLUMNS if numbers or name != "first_name"]
    rules = live_line().content.config.reminders
    try:
        rows = export_texts(
            services().ledger, services().vault, rules, batch_id if batch_id < 2**31 else 0, clock.now(), numbers
        )
    except NoSuchBatch:
        abort(404)
    return csv_download(rows, columns, f"batch-{batch_id}{'-numbers' if numbers else ''}.csv")
