"""Questions that the line did not understand, in groups, and teaching it one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content
from ivr.line.lint.add_phrase import PhraseRejected, add_phrase
from ivr.line.nlu.clusters import QuestionCluster, cluster_questions, looks_personal
from ivr.line.text.normalize import normalize
from ivr.people.audit import AuditKind
from ivr.people.inbound.unanswered import unanswered_questions
from ivr.releases.drafts import EditConflict, FileRejected
from ivr.web.console.context import audit, live_line, services, staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.drafted import (
    drafts,
    language_name,
    open_draft,
    prompt_file,
    readable_content,
    recorder,
)
from ivr.web.console.prompts.tree import title_of
from ivr.web.console.words import gettext, reason_of

DAYS, SHOWN = 30, 40


@dataclass(frozen=True)
class _Group:
    """Questions that ask the same. nearest: the prompt that fits best. taught: the one that has it in the draft."""

    cluster: QuestionCluster
    language_name: str
    nearest: str
    taught: str


@blueprint.get("/prompts/unanswered")
def unanswered() -> str:
    """The groups, largest first. Words with a number or an address are only counted."""
    clusters, hidden = _clusters()
    content = readable_content(open_draft())
    known = {
        (prompt.language, normalize(phrase)): prompt.name
        for prompt in content.prompts.values()
        for phrase in prompt.phrases
    }
    groups = []
    for cluster in clusters[:SHOWN]:
        match = live_line().matcher.match(cluster.typical, cluster.language)
        taught = known.get((cluster.language, normalize(cluster.typical)), "")
        nearest = next((name for name in match.scores if name != match.topic), match.runner_up or "")
        groups.append(
            _Group(cluster, language_name(cluster.language), nearest, title_of(content, taught) if taught else "")
        )
    return render_template(
        "prompts/unanswered.html",
        groups=groups,
        more=max(0, len(clusters) - SHOWN),
        hidden=hidden,
        choices=_choices(content),
        days=DAYS,
    )


def _choices(content: Content) -> list[tuple[str, list[tuple[str, str]]]]:
    """The prompts that can answer a question, in groups for a select: those that have phrases already."""
    names = dict.fromkeys(
        prompt.name
        for prompt in content.prompts.values()
        if prompt.language == content.config.default_language and prompt.phrases
    )
    topics = [topic.id for topic in content.config.topics]
    library = [answer.id for answer in content.config.library]
    groups = (
        (gettext("Topics"), topics),
        (gettext("Library of answers"), library),
        (gettext("Others"), [name for name in names if name not in {*topics, *library}]),
    )
    return [
        (title, sorted(((name, title_of(content, name)) for name in group if name in names), key=lambda pair: pair[1]))
        for title, group in groups
    ]


def _clusters() -> tuple[list[QuestionCluster], int]:
    shared = services()
    with shared.ledger.write() as connection:
        found = unanswered_questions(connection, shared.vault, clock.now() - timedelta(days=DAYS))
        audit(connection, AuditKind.QUESTIONS_READ, days=DAYS, questions=len(found))
    shown = [item for item in found if not looks_personal(item.words)]
    return cluster_questions((item.language, item.words) for item in shown), len(found) - len(shown)


@blueprint.post("/prompts/unanswered/teach")
def teach() -> ResponseReturnValue:
    """Add the typical question of a group to a prompt's phrases, in the draft."""
    cluster = next((each for each in _clusters()[0] if each.id == request.form.get("group")), None)
    if cluster is None:
        abort(409)
    draft = open_draft()
    file = prompt_file(draft, cluster.language, request.form.get("topic", ""))
    try:
        data = add_phrase(file, draft.files[file], cluster.typical)
        drafts().save(file, data, staff_user().name, clock.now(), draft.version(file), recorder(file))
    except BrokenPrompts:
        flash(gettext("The draft of that prompt has an error. Open it, and fix it first."), "wrong")
    except (PhraseRejected, EditConflict, FileRejected) as refused:
        flash(reason_of(refused), "wrong")
    else:
        flash(gettext("Saved in the draft. The line learns it when the draft is published."))
    return redirect(url_for("prompts.unanswered"), 303)
