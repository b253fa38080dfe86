"""Questions that the line did not understand, in groups: teaching it one, or ignoring what is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from ivr import clock
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content
from ivr.line.lint.add_phrase import PhraseRejected, add_phrase
from ivr.line.nlu.clusters import QuestionCluster, cluster_questions, looks_personal
from ivr.line.text.normalize import normalize
from ivr.people.audit import AuditKind
from ivr.people.inbound.unanswered import StoredQuestion, ignore_questions, unanswered_questions
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
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext, reason_of

DAYS, SHOWN = 30, 40


@dataclass(frozen=True)
class _Group:
    """Questions that ask the same. closest: name and title of the prompt that fits best. taught: the title of the one
    that has it in the draft."""

    cluster: QuestionCluster
    language_name: str
    closest: tuple[str, str] | None = None
    taught: str = ""


# The page is opened again after each group that is taught. A thousand questions take a quarter of a second.
@lru_cache(4)
def _clusters(questions: tuple[tuple[str, str], ...]) -> list[QuestionCluster]:
    return cluster_questions(questions)


@dataclass(frozen=True)
class _Questions:
    """The groups, those that are ignored, and how many questions contain a number or an address."""

    asked: list[QuestionCluster]
    ignored: list[QuestionCluster]
    hidden: int

    @classmethod
    def of(cls, questions: Sequence[StoredQuestion]) -> _Questions:
        shown = [item for item in questions if not looks_personal(item.words)]
        asked, ignored = (
            _clusters(tuple((item.language, item.words) for item in shown if item.is_ignored is is_ignored))
            for is_ignored in (False, True)
        )
        return cls(asked, ignored, len(questions) - len(shown))


@blueprint.get("/prompts/unanswered")
def unanswered() -> str:
    """The groups, largest first. Words with a number or an address are only counted."""
    with services().ledger.write() as connection:
        questions = _Questions.of(_read(connection))
    content = readable_content(open_draft())
    known = {
        (prompt.language, normalize(phrase)): prompt.name
        for prompt in content.prompts.values()
        for phrase in prompt.phrases
    }
    return render_template(
        "prompts/unanswered.html",
        groups=[_group(content, cluster, known) for cluster in questions.asked[:SHOWN]],
        more=max(0, len(questions.asked) - SHOWN),
        ignored=[_Group(cluster, language_name(cluster.language)) for cluster in questions.ignored],
        hidden=questions.hidden,
        choices=_choices(content),
        chosen=kept_values(),
        days=DAYS,
    )


def _group(content: Content, cluster: QuestionCluster, known: Mapping[tuple[str, str], str]) -> _Group:
    """known: the prompt of each phrase, by its language and its normalized words."""
    match = live_line().matcher.match(cluster.typical, cluster.language)
    closest = next((name for name in match.scores if name != match.topic), match.runner_up or "")
    taught = known.get((cluster.language, normalize(cluster.typical)), "")
    return _Group(
        cluster,
        language_name(cluster.language),
        (closest, title_of(content, closest)) if (cluster.language, closest) in content.prompts else None,
        title_of(content, taught) if taught else "",
    )


def _read(connection: Connection) -> list[StoredQuestion]:
    found = unanswered_questions(connection, services().vault, clock.now() - timedelta(days=DAYS))
    audit(connection, AuditKind.QUESTIONS_READ, days=DAYS, questions=len(found))
    return found


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


def _chosen(clusters: Iterable[QuestionCluster]) -> QuestionCluster | None:
    """The group of the form; None if there is none any more."""
    return next((each for each in clusters if each.id == request.form.get("group")), None)


def _gone() -> ResponseReturnValue:
    flash(gettext("This question is not on the list any more: a colleague was faster, or it is too old."), "wrong")
    return redirect(url_for("prompts.unanswered"), 303)


@blueprint.post("/prompts/unanswered/teach")
def teach() -> ResponseReturnValue:
    """Add the typical question of a group to a prompt's phrases, in the draft."""
    with services().ledger.write() as connection:
        cluster = _chosen(_Questions.of(_read(connection)).asked)
    if cluster is None:
        return _gone()
    if not request.form.get("topic"):
        flash(gettext("Choose the prompt that answers the question first."), "wrong")
        return redirect(url_for("prompts.unanswered"), 303)
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


@blueprint.post("/prompts/unanswered/ignore")
def ignore() -> ResponseReturnValue:
    """Leave a group out of the list, because it is no question for the line; or list it again."""
    is_again, now = request.form.get("again") == "yes", clock.now()
    with services().ledger.write() as connection:
        stored = _read(connection)
        found = _Questions.of(stored)
        cluster = _chosen(found.ignored if is_again else found.asked)
        if cluster is None:
            return _gone()
        kind = AuditKind.QUESTIONS_RESTORED if is_again else AuditKind.QUESTIONS_IGNORED
        count = ignore_questions(connection, stored, cluster.language, cluster.wordings, None if is_again else now)
        audit(connection, kind, questions=count)
    flash(gettext("It is on the list again.") if is_again else gettext("It is ignored, also when it is asked again."))
    return redirect(url_for("prompts.unanswered"), 303)
