"""All releases, and going back to one."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock, queues
from ivr.line.content.diff import summarize_changes
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.upgrades import open_release
from ivr.line.lint.runner import check_content
from ivr.people.audit import AuditKind
from ivr.releases.history import find_release, release_history
from ivr.releases.store import AlreadyLive, ConcurrentPublish, Release, live_release, publish_release, stored_files
from ivr.web.console.context import audit, services, staff_user
from ivr.web.console.prompts.views import blueprint
from ivr.web.console.words import gettext

SHOWN = 100


@blueprint.get("/prompts/history")
def history() -> str:
    """The releases, newest first, each with what it changed."""
    entries = release_history(services().ledger)[:SHOWN]
    rows = [
        (entry.release, summarize_changes(entry.changed) if entry.changed is not None else gettext("damaged"))
        for entry in entries
    ]
    return render_template("prompts/history.html", rows=rows)


def _release(number: int) -> Release:
    found = find_release(services().ledger, number) if number < 2**31 else None
    return found if found is not None else abort(404)


@blueprint.get("/prompts/history/<int:number>/roll-back")
def ask_roll_back(number: int) -> str:
    """Ask first, with the number of the release that is live now."""
    return render_template(
        "prompts/roll_back.html", release=_release(number), live=live_release(services().ledger), problem=""
    )


@blueprint.post("/prompts/history/<int:number>/roll-back")
def roll_back(number: int) -> ResponseReturnValue:
    """Make an earlier release live again, as a new one. A second click, or the back button, does nothing twice."""
    shared, target = services(), _release(number)
    live = live_release(shared.ledger)
    if live is None or request.form.get("live") != str(live.number):
        abort(409)
    try:
        content = open_release(stored_files(shared.ledger, target.digest) or {}, shared.settings.prompts_dir)
        problem = _blocking(check_content(content).blocking_errors)
        if not problem:
            note = gettext("back to release %(number)s", number=number)
            by = staff_user().name
            published = publish_release(shared.ledger, content, clock.now(), by, note, "rollback", seen=live.number)
    except (AlreadyLive, ConcurrentPublish) as refused:
        problem = str(refused)
    except BrokenPrompts:
        problem = gettext("This version of the line cannot read release %(number)s.", number=number)
    if problem:
        return render_template("prompts/roll_back.html", release=target, live=live, problem=problem), 409
    with shared.ledger.write() as connection:
        audit(connection, AuditKind.RELEASE_ROLLED_BACK, release=published.number)
    queues.publish(shared.settings.redis_url, queues.PUBLISHED)
    flash(gettext("Release %(number)s is live again, as release %(new)s.", number=number, new=published.number))
    return redirect(url_for("prompts.history"), 303)


def _blocking(errors: object) -> str:
    return gettext("By today's rules, this release would leave callers without help.") if errors else ""
