"""Uploading a file, what was found in it, and importing it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal
from werkzeug.datastructures import FileStorage

from ivr.reminders.imports.preview import TextPreview
from ivr.settings import example_with_faults
from ivr.web.console.context import live_line, services, staff_user
from ivr.web.console.dates import full_moment
from ivr.web.console.downloads import csv_download
from ivr.web.console.reminders.findings import Findings, sentence_of
from ivr.web.console.reminders.import_work import BAD_ROWS, Desk, findings, rows_left_out, start
from ivr.web.console.reminders.state_words import COLUMNS, left_out_words
from ivr.web.console.reminders.uploads import Phase, Upload, Uploads
from ivr.web.console.reminders.views import blueprint, page_number
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext, ngettext
from ivr.web.services import Services

_FAULTS_ON_A_PAGE, _EXAMPLES = 50, 3
_MAX_BYTES = 20 * 1024 * 1024


@blueprint.record_once
def _delete_old_uploads(state: BlueprintSetupState) -> None:
    """Those that a process left behind when it ended."""
    services = cast(Services, state.app.extensions["infoline"])
    Uploads(services.settings.var_dir, services.vault).watch(services.stopping)


def _uploads() -> Uploads:
    return Uploads(services().settings.var_dir, services().vault)


def _desk() -> Desk:
    return Desk(services().settings, services().ledger, services().vault, live_line().content)


@blueprint.get("/reminders/upload")
def upload() -> str:
    """The form for choosing a file."""
    return _form({})


def _form(errors: dict[str, str]) -> str:
    example = _example()
    return render_template("reminders/upload.html", errors=errors, has_example=example is not None and example.exists())


def _example() -> Path | None:
    """The made-up file that a local line has for a first look; it may not exist."""
    settings = services().settings
    return example_with_faults(settings.var_dir) if settings.loopback else None


@blueprint.post("/reminders/upload")
def receive() -> ResponseReturnValue:
    """Keep a file, and begin to read it."""
    example = _example()
    if "example" in request.form and example and example.exists():
        return _keep(example.name, example.read_bytes())
    file = request.files.get("file")
    data = file.read() if file else b""
    if problem := _problem(file, data):
        return _form({"file": problem}), 400
    return _keep(file.filename or "" if file else "", data)


def _keep(name: str, data: bytes) -> ResponseReturnValue:
    uploads = _uploads()
    kept = uploads.add(name, data, staff_user().id)
    uploads.watch(services().stopping)
    lock = uploads.lock(kept.id)
    if lock is not None:
        start(_desk(), kept, lock)
    return redirect(url_for("reminders.found", upload_id=kept.id), 303)


def _problem(file: FileStorage | None, data: bytes) -> str:
    """Why a file is not taken; empty if it is. What is in it, the importer says."""
    if file is None or not file.filename:
        return gettext("Choose the file with your appointments.")
    if not data:
        return gettext("This file is empty. Save the appointments again, and choose the new file.")
    if len(data) > _MAX_BYTES:
        return gettext("This file is larger than 20 MB. Split it into several files, and upload each of them.")
    return ""


@blueprint.get("/reminders/uploads/<upload_id>")
def found(upload_id: str) -> ResponseReturnValue:
    """What was found in a file; while it is being read or imported, how far that is."""
    upload = _current(upload_id)
    if upload.phase is Phase.IMPORTED:
        return _imported(upload)
    if upload.is_busy or upload.phase is Phase.FAILED:
        return render_template("reminders/reading.html", upload=upload)
    page = page_number()
    found = findings(_uploads(), upload)
    start_at = (page - 1) * _FAULTS_ON_A_PAGE
    return render_template(
        "reminders/found.html",
        upload=upload,
        found=found,
        faults=found.faults[start_at : start_at + _FAULTS_ON_A_PAGE],
        page=page,
        more=len(found.faults) > start_at + _FAULTS_ON_A_PAGE,
        import_label=_import_label(found),
        texts=_by_row(found),
        warnings=_warnings(found),
        columns=COLUMNS,
        sheet=kept_values().get("sheet", upload.sheet),
    )


def _current(upload_id: str) -> Upload:
    """An upload as it is now. Answers 404 if there is none."""
    uploads = _uploads()
    upload = uploads.get(upload_id) or abort(404)
    if upload.is_busy and not uploads.is_locked(upload_id):
        # It ended a moment ago, or its process died.
        upload = uploads.get(upload_id) or abort(404)
        if upload.is_busy:
            upload.phase = Phase.FAILED if upload.phase is Phase.READING else Phase.READ
            upload.interrupted = True
    return upload


def _imported(upload: Upload) -> ResponseReturnValue:
    left_out = rows_left_out(_uploads(), upload)
    flash(" ".join([_imported_sentence(upload), *([left_out_words(left_out)] if left_out else ())]))
    if upload.batch is None:
        return redirect(url_for("reminders.batches"))
    return redirect(url_for("reminders.batch", batch_id=upload.batch))


def _imported_sentence(upload: Upload) -> str:
    if upload.batch is None:
        return gettext("Everything in this file was known already, so nothing changed.")
    return ngettext(
        "%(count)s appointment of this file is imported, as batch %(batch)s.",
        "%(count)s appointments of this file are imported, as batch %(batch)s.",
        upload.imported,
        count=format_decimal(upload.imported),
        batch=upload.batch,
    )


def _import_label(found: Findings) -> str:
    """What the import would do."""
    imports, cancels = found.new + found.changed, format_decimal(found.cancelled)
    if not imports:
        return ngettext("Cancel %(count)s appointment", "Cancel %(count)s appointments", found.cancelled, count=cancels)
    label = ngettext(
        "Import %(count)s appointment", "Import %(count)s appointments", imports, count=format_decimal(imports)
    )
    if not found.cancelled:
        return label
    return gettext("%(imports)s, cancel %(count)s", imports=label, count=cancels)


def _by_row(found: Findings) -> dict[int, list[tuple[TextPreview, str]]]:
    """The first texts by the row that they are for, each with its time where the patient is."""
    rows: dict[int, list[tuple[TextPreview, str]]] = {}
    for text in found.texts:
        at = full_moment(datetime.fromisoformat(text.at))
        rows.setdefault(text.row, []).append((text, at))
    return rows


@dataclass(frozen=True)
class _Warning:
    """Warnings of a kind. sentences: with the rows that each is about, up to _EXAMPLES. more: how many others."""

    code: str
    sentences: list[tuple[str, list[int]]]
    more: int


def _warnings(found: Findings) -> list[_Warning]:
    kinds: dict[str, dict[str, list[int]]] = {}
    for warning in found.warnings:
        kinds.setdefault(warning.code, {}).setdefault(warning.sentence, []).extend([warning.row] if warning.row else [])
    return [
        _Warning(code, list(sentences.items())[:_EXAMPLES], max(0, len(sentences) - _EXAMPLES))
        for code, sentences in kinds.items()
    ]


@blueprint.get("/reminders/uploads/<upload_id>/progress")
def progress(upload_id: str) -> ResponseReturnValue:
    """The live part of the page of a file that is being read or imported."""
    upload = _current(upload_id)
    if upload.is_busy:
        return render_template("reminders/_progress.html", upload=upload)
    response = Response(status=204)
    response.headers["HX-Redirect"] = url_for("reminders.found", upload_id=upload_id)
    return response


@blueprint.post("/reminders/uploads/<upload_id>")
def act(upload_id: str) -> ResponseReturnValue:
    """Import a file, read it again with other options, or throw it away. Of two at once, one does it."""
    uploads = _uploads()
    if uploads.get(upload_id) is None:
        abort(404)
    action = _ACTIONS.get(request.form.get("action", "")) or abort(400)
    lock = uploads.lock(upload_id)
    if lock is None:
        flash(gettext("This file is being worked on already, so it was not started a second time."))
        return redirect(url_for("reminders.found", upload_id=upload_id), 303)
    upload = uploads.get(upload_id)
    if upload is None or upload.phase is Phase.IMPORTED:
        os.close(lock)
        return redirect(url_for("reminders.found", upload_id=upload_id), 303)
    upload.by, upload.interrupted, upload.rows = staff_user().id, False, 0
    return action(upload, lock)


def _import(upload: Upload, lock: int) -> ResponseReturnValue:
    found = findings(_uploads(), upload)
    if upload.phase not in (Phase.READ, Phase.IMPORTING) or not found.to_import:
        os.close(lock)
        abort(409)
    upload.phase = Phase.IMPORTING
    start(_desk(), upload, lock)
    return redirect(url_for("reminders.found", upload_id=upload.id), 303)


def _read_again(upload: Upload, lock: int) -> ResponseReturnValue:
    upload.phase = Phase.READING
    upload.sheet = request.form.get("sheet", "").strip()[:100]
    upload.hidden_rows = request.form.get("hidden_rows") == "yes"
    start(_desk(), upload, lock)
    return redirect(url_for("reminders.found", upload_id=upload.id), 303)


def _throw_away(upload: Upload, lock: int) -> ResponseReturnValue:
    _uploads().remove(upload.id)
    os.close(lock)
    flash(gettext("The file is thrown away. Nothing was imported from it."))
    return redirect(url_for("reminders.batches"), 303)


_ACTIONS = {"import": _import, "read": _read_again, "throw-away": _throw_away}


@blueprint.get("/reminders/uploads/<upload_id>/rows-to-mend.csv")
def rows_to_mend(upload_id: str) -> Response:
    """The rows that are not imported, and those that they repeat, as they were, with what is wrong with each."""
    uploads = _uploads()
    upload = uploads.get(upload_id) or abort(404)
    rows = json.loads(uploads.read(upload.id, BAD_ROWS) or "[]") or abort(404)
    wrong = gettext("what is wrong")
    names = list(dict.fromkeys(name for row in rows for name, _ in row["cells"]))
    empty = dict.fromkeys(names, "")
    cells = ({**empty, **dict(row["cells"]), wrong: " ".join(map(sentence_of, row["wrong"]))} for row in rows)
    return csv_download(cells if names else (), [*names, wrong], "rows-to-mend.csv")
