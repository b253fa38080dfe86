"""All releases, what each one changed, and going back to one."""

from __future__ import annotations

from collections.abc import Mapping

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr.line.content.loader import Files
from ivr.line.content.revisions.diff import diff_files, summarize_changes
from ivr.releases.history import find_release, release_history
from ivr.releases.store import Release, live_release, stored_files
from ivr.web.console.context import services, staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.publishing.draft_views import begin, jobs, note_errors, note_of
from ivr.web.console.prompts.publishing.jobs import CHANGE, Job, Kind
from ivr.web.console.prompts.publishing.overtaken import went_live
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext

PAGE_SIZE = 100
# Of a release that changed more, such as the first one, only the names of the files are shown.
_MOST_FILES = 60


@blueprint.get("/prompts/history")
def history() -> str:
    """The releases, newest first, each with what it changed."""
    rows = []
    page = max(1, request.args.get("page", 1, type=int))
    start = (page - 1) * PAGE_SIZE
    # One more than are shown, to know whether there is another page.
    entries = release_history(services().ledger, slice(start, start + PAGE_SIZE + 1))
    for entry in entries[:PAGE_SIZE]:
        changed = gettext("Its content is damaged.")
        if entry.changed is not None:
            names = summarize_changes(entry.changed)
            changed = names if len(entry.changed) <= _MOST_FILES else gettext("%(n)s files", n=len(entry.changed))
        rows.append((entry.release, changed))
    return render_template(
        "prompts/history.html",
        rows=rows,
        live=live_release(services().ledger),
        page=page,
        more=len(entries) > PAGE_SIZE,
    )


def _release(number: int) -> Release:
    found = find_release(services().ledger, number) if number < 2**31 else None
    return found if found is not None else abort(404)


def _files(digest: str) -> Files | None:
    """The files of a release; None if it is damaged. Unpacking an archive takes longer than the rest of a page."""
    line = services().releases.live
    return line.content.files if line and line.content.digest == digest else stored_files(services().ledger, digest)


@blueprint.get("/prompts/history/<int:number>")
def release(number: int) -> str:
    """What a release changed, word by word."""
    shown, ledger = _release(number), services().ledger
    after = _files(shown.digest)
    before = _files(shown.parent) if shown.parent else {}
    changes = diff_files(before or {}, after) if after is not None else None
    is_many = changes is not None and len(changes) > _MOST_FILES
    return render_template(
        "prompts/release.html", release=shown, changes=changes, is_many=is_many, live=live_release(ledger)
    )


@blueprint.get("/prompts/history/<int:number>/roll-back")
def ask_roll_back(number: int) -> str:
    """Ask first, with what would change."""
    kept = kept_values()
    return _roll_back_page(_release(number), kept.get("note", _refused_note(number)), {})


def _roll_back_page(target: Release, note: str, errors: Mapping[str, str]) -> str:
    live, after = _live(), _files(target.digest)
    changes = diff_files(_files(live.digest) or {}, after) if after is not None else None
    return render_template(
        "prompts/roll_back.html",
        release=target,
        live=live,
        changes=changes if changes is None or len(changes) <= _MOST_FILES else changes[:_MOST_FILES],
        note=note,
        errors=errors,
    )


def _live() -> Release:
    return live_release(services().ledger) or abort(404)


def _refused_note(number: int) -> str:
    """What the user wrote when they last tried to go back to a release; empty if they wrote nothing."""
    job = jobs().get(CHANGE)
    if job is None or not job.is_refused or (job.kind, job.by, job.number) != (Kind.ROLL_BACK, staff_user().id, number):
        return ""
    return "" if job.note == _usual_note(number) else job.note


def _usual_note(number: int) -> str:
    return gettext("back to release %(number)s", number=number)


@blueprint.post("/prompts/history/<int:number>/roll-back")
def roll_back(number: int) -> ResponseReturnValue:
    """Begin to make an earlier release live again, as a new one. A second click, or the back button, does nothing."""
    target, live, user = _release(number), _live(), staff_user()
    note = note_of(request.form)
    if request.form.get("live") != str(live.number) or target.digest == live.digest:
        refusal = gettext("Nothing was changed, because this page was out of date. See what callers would hear now.")
        return _roll_back_page(target, note, {"changes": f"{refusal} {went_live(live)}"}), 409
    if too_long := note_errors(note):
        return _roll_back_page(target, note, too_long), 422
    job = Job(Kind.ROLL_BACK, user.id, user.name, number=number, seen=live.number, note=note or _usual_note(number))
    return begin(job, url_for("prompts.ask_roll_back", number=number))
