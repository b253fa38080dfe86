"""Questions that the line did not understand, in groups, and teaching it one."""

from __future__ import annotations

from datetime import timedelta

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.lint.add_phrase import PhraseRejected, add_phrase
from ivr.line.nlu.clusters import QuestionCluster, cluster_questions, looks_personal
from ivr.people.audit import AuditKind
from ivr.people.inbound.unanswered import unanswered_questions
from ivr.releases.drafts import EditConflict, FileRejected
from ivr.web.console.context import audit, live_line, services, staff_user
from ivr.web.console.prompts.drafted import drafts, open_draft, prompt_files
from ivr.web.console.prompts.views import blueprint
from ivr.web.console.words import gettext

DAYS, SHOWN = 30, 40


@blueprint.get("/prompts/unanswered")
def unanswered() -> str:
    """The groups, largest first. Words with a number or an address are only counted."""
    clusters, hidden = _clusters()
    content = live_line().content
    choices = [
        (prompt.name, prompt.title or prompt.name)
        for prompt in sorted(content.prompts.values(), key=lambda prompt: prompt.title or prompt.name)
        if prompt.language == content.config.default_language and prompt.phrases
    ]
    nearest = {
        cluster.id: live_line().matcher.match(cluster.typical, cluster.language).runner_up for cluster in clusters
    }
    return render_template(
        "prompts/unanswered.html", clusters=clusters[:SHOWN], hidden=hidden, choices=choices, nearest=nearest, days=DAYS
    )


def _clusters() -> tuple[list[QuestionCluster], int]:
    shared = services()
    with shared.ledger.write() as connection:
        found = unanswered_questions(connection, shared.vault, clock.now() - timedelta(days=DAYS))
        audit(connection, AuditKind.QUESTIONS_READ, days=DAYS, questions=len(found))
    shown = [item for item in found if not looks_personal(item.words)]
    return cluster_questions((item.language, item.words) for item in shown), len(found) - len(shown)


@blueprint.post("/prompts/unanswered/teach")
def teach() -> ResponseReturnValue:
    """Add the typical question of a group to a topic's phrases, in the draft."""
    cluster = next((each for each in _clusters()[0] if each.id == request.form.get("group")), None)
    if cluster is None:
        abort(409)
    draft = open_draft()
    file = prompt_files(draft, cluster.language, request.form.get("topic", ""))
    try:
        data = add_phrase(file, draft.files[file], cluster.typical)
        drafts().save(file, data, staff_user().name, clock.now(), draft.version(file))
    except (PhraseRejected, EditConflict, FileRejected) as refused:
        flash(str(refused))
        return redirect(url_for("prompts.unanswered"), 303)
    with services().ledger.write() as connection:
        audit(connection, AuditKind.DRAFT_CHANGED)
    flash(gettext("Saved in the draft. The line learns it when the draft is published."))
    return redirect(url_for("prompts.unanswered"), 303)
