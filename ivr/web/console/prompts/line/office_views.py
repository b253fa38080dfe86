"""Adding and removing offices, in the draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.content.config import DirectoryEntry
from ivr.line.content.loader import LINE_FILE
from ivr.releases.drafts import EditConflict, FileRejected, NoDraft
from ivr.web.console.context import staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.collisions import saved_by
from ivr.web.console.prompts.drafted import drafts, language_name, readable_content, recorder
from ivr.web.console.prompts.line.hours_form import MOST_NAME
from ivr.web.console.prompts.line.line_file import LineFile, Refused, open_line_file
from ivr.web.console.prompts.line.offices import (
    MOST_PURPOSE,
    MOST_SAID,
    errors_of_office,
    uses_of,
    with_office,
    without_office,
)
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext, reason_of

_FORM = "office-form"
_USUAL = {"opens": "08:00", "closes": "17:00"}


@blueprint.get("/prompts/hours/offices/add")
def add_office() -> str:
    """The form of a new office."""
    return _form(open_line_file(), kept_values() or _USUAL, {})


def _form(line: LineFile, sent: Mapping[str, str], errors: Mapping[str, str]) -> str:
    return render_template(
        "prompts/add_office.html",
        fields=sent,
        errors=errors,
        languages=[(code, language_name(code)) for code in line.config.languages],
        version=line.version,
        limits={"name": MOST_NAME, "purpose": MOST_PURPOSE, "said": MOST_SAID},
    )


@blueprint.post("/prompts/hours/offices/add")
def save_office() -> ResponseReturnValue:
    """Write a new office into the draft."""
    line, sent = open_line_file(), request.form.to_dict()
    errors = errors_of_office(line.config, sent)
    if errors:
        return _form(line, sent, errors), 400
    try:
        _save(line, sent.get("version", ""), lambda text: with_office(text, line.config, sent))
    except EditConflict:
        return _form(open_line_file(), sent, {_FORM: _overtaken()}), 409
    except Refused as refused:
        return _form(line, sent, {_FORM: str(refused)}), 400
    flash(gettext("Saved in the draft: callers who ask for this office by name are put through once it is published."))
    return redirect(url_for("prompts.hours"), 303)


def _save(line: LineFile, version: str, edit: Callable[[str], str]) -> None:
    """Save an edited line.yaml. Raises Refused, and EditConflict if it is not the version that was seen."""
    data = line.edited(edit)
    try:
        drafts().save(LINE_FILE, data, staff_user().name, clock.now(), version, recorder(LINE_FILE))
    except (FileRejected, NoDraft) as refused:
        raise Refused(reason_of(refused)) from None


def _overtaken() -> str:
    return gettext(
        "%(name)s changed the draft in the meantime, and nothing was saved. Check it, and send your change again.",
        name=saved_by(open_line_file().draft, LINE_FILE),
    )


@blueprint.get("/prompts/hours/offices/<entry>/remove")
def ask_remove_office(entry: str) -> str:
    """Ask first, with what leads to the office."""
    line = open_line_file()
    return _removal(line, _office(line, entry), {})


def _office(line: LineFile, entry: str) -> DirectoryEntry:
    return next((each for each in line.config.directory if each.id == entry), None) or abort(404)


def _removal(line: LineFile, office: DirectoryEntry, errors: Mapping[str, str]) -> str:
    return render_template(
        "prompts/remove_office.html",
        office=office,
        name=office.name[line.config.default_language],
        uses=uses_of(readable_content(line.draft), office.id),
        version=line.version,
        errors=errors,
    )


@blueprint.post("/prompts/hours/offices/<entry>/remove")
def remove_office(entry: str) -> ResponseReturnValue:
    """Remove an office to which nothing leads from the draft."""
    line = open_line_file()
    office = _office(line, entry)
    if uses_of(readable_content(line.draft), entry):
        return _removal(line, office, {}), 409
    try:
        _save(line, request.form.get("version", ""), lambda text: without_office(text, line.config, entry))
    except EditConflict:
        line = open_line_file()
        return _removal(line, _office(line, entry), {"content": _overtaken()}), 409
    except Refused as refused:
        return _removal(line, office, {"content": str(refused)}), 400
    flash(gettext("Removed in the draft. It goes live once the draft is published."))
    return redirect(url_for("prompts.hours"), 303)
