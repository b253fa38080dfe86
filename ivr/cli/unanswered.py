"""`infoline unanswered`: questions that the line did not understand, in groups, and `teach` to add one to a prompt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import click

from ivr import clock
from ivr.cli.console import (
    FINDINGS,
    TEXT,
    echo,
    exit_on,
    fail,
    json_option,
    print_findings,
    print_json,
    print_table,
    print_wrapped,
)
from ivr.cli.context import CommandContext, current_user, iso, language_or_exit, open_context
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_content
from ivr.line.content.required_prompts import OUTCOMES
from ivr.line.lint.add_phrase import PhraseEffect, PhraseRejected, add_phrase, preview_effect
from ivr.line.nlu.clusters import QuestionCluster, cluster_questions, looks_personal
from ivr.line.nlu.matcher import Matcher
from ivr.people.audit import AuditKind
from ivr.people.inbound.unanswered import StoredQuestion, unanswered_questions
from ivr.releases.drafts import Draft, Drafts, EditConflict, FileRejected, NoDraft

SHOWN = 40
_days_option = click.option(
    "--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="How far back to look."
)


@dataclass(frozen=True)
class _Questions:
    """Unanswered questions without those that are ignored, and those that look personal, which are only counted."""

    shown: list[StoredQuestion]
    personal: int

    @property
    def clusters(self) -> list[QuestionCluster]:
        return cluster_questions((question.language, question.words) for question in self.shown)


def _read_questions(context: CommandContext, days: int) -> _Questions:
    vault = context.vault
    with context.ledger.read() as connection:
        questions = unanswered_questions(connection, vault, clock.now() - timedelta(days=days))
    context.record(AuditKind.QUESTIONS_READ, days=days, questions=len(questions))
    asked = [item for item in questions if not item.is_ignored]
    shown = [replace(item, words=_printable(item.words)) for item in asked if not looks_personal(item.words)]
    return _Questions(shown, len(asked) - len(shown))


def _printable(text: str) -> str:
    """Blanks control characters, so that a text message cannot send escape codes to the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


@click.group(invoke_without_command=True)
@_days_option
@json_option
@click.pass_context
def unanswered(click_context: click.Context, days: int, as_json: bool) -> None:
    """List questions that the line did not understand.

    Similar questions form one group, largest first. Senders are not shown, nor what operators ignore in the console.
    """
    if click_context.invoked_subcommand is not None:
        return
    context = open_context()
    questions, matcher = _read_questions(context, days), Matcher(context.content, context.model_of(context.content))
    clusters = [_cluster_json(cluster, matcher) for cluster in questions.clusters]
    if as_json:
        zone = context.config.zone
        shown = [
            {"at": iso(item.at, zone), "source": item.source, "language": item.language, "words": item.words}
            for item in questions.shown
        ]
        print_json({"groups": clusters, "unanswered": shown, "personal": questions.personal})
        return
    if clusters:
        _print_clusters(clusters)
    else:
        echo(f"No unanswered questions in the last {days} days.")
    if questions.personal:
        echo(f"{questions.personal} more contain a number or an address and are not shown.")


def _cluster_json(cluster: QuestionCluster, matcher: Matcher) -> dict[str, Any]:
    scores = matcher.match(cluster.typical, cluster.language).scores
    nearest = next((item for item in scores.items() if item[0] != "none"), None)
    return {
        "id": cluster.id,
        "language": cluster.language,
        "count": cluster.count,
        "typical": cluster.typical,
        "wordings": list(cluster.wordings),
        "nearest": {"topic": nearest[0], "score": nearest[1]} if nearest else None,
    }


def _print_clusters(clusters: list[dict[str, Any]]) -> None:
    rows = []
    for cluster in clusters[:SHOWN]:
        nearest, similar = cluster["nearest"], len(cluster["wordings"]) - 1
        topic = f"{nearest['topic']} {nearest['score']:.0f}" if nearest else "-"
        text = cluster["typical"] + (f" (and {similar} similar)" if similar else "")
        rows.append((cluster["id"], str(cluster["count"]), cluster["language"], topic, text))
    print_table(("id", "times", "lang", "nearest", "question"), rows, right=("times",), unwrapped=4)
    if len(clusters) > SHOWN:
        echo(f"… and {len(clusters) - SHOWN} more: list them all with --json.")
    echo("To teach one: infoline unanswered teach ID --topic cancer")


@unanswered.command()
@click.argument("words", metavar="WORDS|ID", type=TEXT)
@click.option("--topic", required=True, help="The prompt that answers it, like cancer.")
@click.option("--language", help="The language of WORDS. Default: the group's, else the line's first.")
@_days_option
def teach(words: str, topic: str, language: str | None, days: int) -> None:
    """Add WORDS, or the group ID, to a topic's phrases in the draft.

    Prints which other questions the phrase changes.
    """
    context = open_context(writes=True)
    content, clusters = context.content, _read_questions(context, days).clusters
    cluster = next((cluster for cluster in clusters if cluster.id == words), None)
    phrase = cluster.typical if cluster else words
    language = language_or_exit(language or (cluster.language if cluster else None), content.config)
    file = f"{language}/{_topic_or_exit(topic, content)}.md"
    if looks_personal(phrase):
        fail("This phrase contains a number or an address, and phrases must not identify anyone.", FINDINGS)
    drafts = Drafts(context.ledger, content.config.zone)
    with exit_on(PhraseRejected, FileRejected, NoDraft, EditConflict, BrokenPrompts, status=FINDINGS):
        before = drafts.open()
        if file not in before.files:
            fail(f"There is no {file} in the draft.", FINDINGS)
        changed = add_phrase(file, before.files[file], phrase)
        after = drafts.save(file, changed, current_user(), clock.now(), before.version(file))
    print_wrapped(f"`{phrase}` is now a phrase of {file} in the draft.")
    _print_effect(_effect(context, (before, after), topic, clusters), file)


def _topic_or_exit(topic: str, content: Content) -> str:
    known = [subject.id for subject in content.config.subjects] + sorted(OUTCOMES)
    if topic not in known:
        fail(f"`{topic}` is not a topic or outcome: use one of {', '.join(known)}.")
    return topic


def _effect(
    context: CommandContext, drafts: tuple[Draft, Draft], topic: str, clusters: list[QuestionCluster]
) -> PhraseEffect:
    try:
        before, after = (read_content(draft.files) for draft in drafts)
        return preview_effect(before, after, topic, clusters, context.model_of)
    except BrokenPrompts as broken:
        print_findings(broken.findings)
        fail("The draft has errors, so the effect of the phrase is unknown.", FINDINGS)


def _print_effect(effect: PhraseEffect, file: str) -> None:
    print_findings(effect.findings)
    for phrase, outcome in effect.pulled:
        print_wrapped(f"Also changed: `{phrase}`, which belongs to {outcome}.")
    for cluster in effect.answered:
        print_wrapped(f"Now answered too: `{cluster.typical}` ({cluster.count} times).")
    if effect.findings or effect.pulled:
        print_wrapped("Another phrase may change less. To discard the draft's changes to the file:")
        echo(f"infoline prompts draft discard {file}")
        raise SystemExit(FINDINGS)
    echo("No other question changes.\nTo make it live: infoline prompts publish --draft")
