"""All releases, what each one changed, and going back to one."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr.line.content.loader import Files
from ivr.line.content.revisions.diff import diff_files, summarize_changes
from ivr.releases.history import find_release, release_history
from ivr.releases.store import Release, live_release, stored_files
from ivr.web.console.context import services, staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.publishing.draft_views import MOST_NOTE, jobs
from ivr.web.console.prompts.publishing.jobs import CHANGE, Job, Kind
from ivr.web.console.words import gettext

PAGE_SIZE = 100
# Of a release that changed more, such as the first one, only the names of the files are shown.
_MOST_FILES = 60


@blueprint.get("/prompts/history")
def history() -> str:
    """The releases, newest first, each with what it changed."""
    rows = []
    page = max(1, request.args.get("page", 1, type=int))
    entries = release_history(services().ledger)
    for entry in entries[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
        changed = gettext("Its content is damaged.")
        if entry.changed is not None:
            names = summarize_changes(entry.changed)
            changed = names if len(entry.changed) <= _MOST_FILES else gettext("%(n)s files", n=len(entry.changed))
        rows.append((entry.release, changed))
    return render_template(
        "prompts/history.html",
        rows=rows,
        live=entries[0].release if entries else None,
        page=page,
        more=len(entries) > page * PAGE_SIZE,
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
    target, ledger = _release(number), services().ledger
    live = live_release(ledger)
    after = _files(target.digest)
    before = _files(live.digest) if live else {}
    changes = diff_files(before or {}, after) if after is not None else None
    return render_template(
        "prompts/roll_back.html",
        release=target,
        live=live,
        changes=changes if changes is None or len(changes) <= _MOST_FILES else changes[:_MOST_FILES],
    )


@blueprint.post("/prompts/history/<int:number>/roll-back")
def roll_back(number: int) -> ResponseReturnValue:
    """Begin to make an earlier release live again, as a new one. A second click, or the back button, does nothing."""
    target, user = _release(number), staff_user()
    live = live_release(services().ledger)
    if live is None or request.form.get("live") != str(live.number) or target.digest == live.digest:
        abort(409)
    note = " ".join(request.form.get("note", "").split())[:MOST_NOTE]
    note = note or gettext("back to release %(number)s", number=number)
    job = Job(Kind.ROLL_BACK, user.id, user.name, number=number, seen=live.number, note=note)
    if not jobs().start(CHANGE, job):
        flash(gettext("Something is being published already. Wait until it is done."), "wrong")
    return redirect(url_for("prompts.publishing"), 303)
