"""The draft: what differs from the live words, its check, and publishing it."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr.line.content.diff import diff_files
from ivr.people.audit import AuditKind
from ivr.releases.drafts import EditConflict, NoDraft
from ivr.web.console.context import audit, services
from ivr.web.console.prompts.drafted import drafts, open_draft
from ivr.web.console.prompts.publishing import Publishing, begin, last
from ivr.web.console.prompts.views import blueprint
from ivr.web.console.words import gettext


@blueprint.get("/prompts/draft")
def draft() -> str:
    """The differences between the draft and the live words."""
    opened = open_draft()
    names = list(opened.changed)
    before = {name: opened.live_files[name] for name in names if name in opened.live_files}
    after = {name: data for name, data in opened.files.items() if name in names}
    changes = diff_files(before, after)
    return render_template("prompts/draft.html", draft=opened, changes=changes, stamp=_stamp(opened.changed))


def _stamp(changed: object) -> str:
    """Identifies what was seen, so that nothing else is published or thrown away."""
    versions = changed.values() if isinstance(changed, dict) else ()
    return " ".join(f"{file.name}={file.version}" for file in versions)


@blueprint.post("/prompts/draft/discard")
def discard() -> ResponseReturnValue:
    """Throw the draft away, if it is still the one that was seen."""
    opened = open_draft()
    if request.form.get("stamp") != _stamp(opened.changed):
        abort(409)
    try:
        drafts().discard(expected=opened)
    except (EditConflict, NoDraft):
        abort(409)
    with services().ledger.write() as connection:
        audit(connection, AuditKind.DRAFT_CHANGED)
    flash(gettext("The draft is thrown away. The live words are as they were."))
    return redirect(url_for("prompts.draft"), 303)


@blueprint.post("/prompts/draft/publish")
def publish() -> ResponseReturnValue:
    """Begin to check and publish the draft that was seen."""
    opened = open_draft()
    if not opened.changed or request.form.get("stamp") != _stamp(opened.changed):
        abort(409)
    begin(opened, request.form.get("note", "").strip()[:500])
    return redirect(url_for("prompts.publishing"), 303)


@blueprint.get("/prompts/draft/publishing")
def publishing() -> ResponseReturnValue:
    """How far the publishing is: it takes up to a minute, because the line learns the new words."""
    state: Publishing | None = last()
    if state is None:
        return redirect(url_for("prompts.draft"))
    template = "prompts/_publishing.html" if request.headers.get("HX-Request") else "prompts/publishing.html"
    return render_template(template, state=state)
