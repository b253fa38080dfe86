"""`infoline unanswered`: what nobody understood, put together by likeness, and made a phrase in one step."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ivr import clock
from ivr.cli.common import (
    FINDINGS,
    WIDTH,
    WORDS,
    content_or_exit,
    current_user,
    fail,
    ledger_or_exit,
    print_json,
    print_message,
    reports_ledger_outage,
    settings_or_exit,
)
from ivr.ledger import Ledger, Vault
from ivr.ledger.vault import UnknownKey
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_content
from ivr.line.content.required_prompts import OUTCOMES
from ivr.line.lint.add_phrase import PhraseEffect, PhraseRejected, add_phrase, preview_effect
from ivr.line.nlu.clusters import QuestionCluster, cluster_questions, looks_personal
from ivr.line.nlu.matcher import Matcher
from ivr.people.inbound.unanswered import UnansweredQuestion, unanswered_questions
from ivr.releases.drafts import Draft, Drafts, EditConflict, NoDraft, NotSaved

SHOWN = 40
_days = click.option(
    "--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="How far to look back."
)


@dataclass(frozen=True)
class _Desk:
    """What nobody understood, and the words that did not understand it."""

    ledger: Ledger
    content: Content
    said: list[UnansweredQuestion]
    """Without those that look personal."""
    personal: int

    @property
    def groups(self) -> list[QuestionCluster]:
        return cluster_questions((one.language, one.words) for one in self.said)


def _desk(days: int) -> _Desk:
    settings = settings_or_exit()
    ledger = ledger_or_exit(settings)
    content = content_or_exit(settings, ledger)
    try:
        with ledger.read() as connection:
            found = unanswered_questions(connection, Vault.of(settings), clock.now() - timedelta(days=days))
    except UnknownKey as error:
        fail(error)
    said = [replace(one, words=_printable(one.words)) for one in found if not looks_personal(one.words)]
    return _Desk(ledger, content, said, len(found) - len(said))


def _printable(words: str) -> str:
    """What anybody texts must not steer the terminal of whoever reads it."""
    return "".join(sign if sign.isprintable() else " " for sign in words)


@click.group(invoke_without_command=True)
@_days
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@click.pass_context
@reports_ledger_outage
def unanswered(context: click.Context, days: int, as_json: bool) -> None:
    """What people texted or said that nobody understood, alike ones together, the most first, without who they are."""
    if context.invoked_subcommand is not None:
        return
    desk = _desk(days)
    matcher = Matcher(desk.content)
    told = [_group_json(one, matcher) for one in desk.groups]
    if as_json:
        zone = desk.content.config.zone
        each = [{"at": one.at.astimezone(zone).isoformat(timespec="seconds"), **_said(one)} for one in desk.said]
        print_json({"groups": told, "unanswered": each, "personal": desk.personal})
    elif told:
        _print(told)
    else:
        click.echo(f"All was understood in the last {days} days.")
    if desk.personal and not as_json:
        click.echo(f"{desk.personal} more hold a number or an address, and are not shown.")


def _said(one: UnansweredQuestion) -> dict[str, str]:
    return {"source": one.source, "language": one.language, "words": one.words}


def _group_json(group: QuestionCluster, matcher: Matcher) -> dict[str, Any]:
    scores = matcher.ask(group.typical, group.language).scores
    nearest = next((one for one in scores.items() if one[0] != "none"), None)
    return {
        "id": group.id,
        "language": group.language,
        "count": group.count,
        "typical": group.typical,
        "wordings": list(group.wordings),
        "nearest": {"topic": nearest[0], "score": nearest[1]} if nearest else None,
    }


def _print(told: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for at, heading in enumerate(("id", "times", "lang", "nearest", "words")):
        table.add_column(heading, no_wrap=at < 4, justify="right" if heading == "times" else "left")
    for one in told[:SHOWN]:
        nearest = f"{one['nearest']['topic']} {one['nearest']['score']:.0f}" if one["nearest"] else "-"
        more = len(one["wordings"]) - 1
        words = one["typical"] + (f" (and {more} like it)" if more else "")
        table.add_row(one["id"], str(one["count"]), one["language"], nearest, words)
    Console(highlight=False, markup=False, width=WIDTH).print(table)
    if len(told) > SHOWN:
        click.echo(f"… and {len(told) - SHOWN} more: see them all with --json.")
    click.echo("Teach one: infoline unanswered teach ID --topic cancer")


@unanswered.command()
@click.argument("words", metavar="WORDS|ID", type=WORDS)
@click.option("--topic", required=True, help="The prompt that answers it, like cancer.")
@click.option("--language", help="Of WORDS; default: the group's, else the line's first.")
@_days
@reports_ledger_outage
def teach(words: str, topic: str, language: str | None, days: int) -> None:
    """Make WORDS, or the group ID, a phrase of a topic in the draft, and say what that pulls along."""
    desk = _desk(days)
    waiting = desk.groups
    group = next((one for one in waiting if one.id == words), None)
    said, spoken = (group.typical, group.language) if group else (words, desk.content.config.default_language)
    file = f"{_known(language or spoken, desk.content)}/{_topic(topic, desk.content)}.md"
    if looks_personal(said):
        fail("These words hold a number or an address: the line's words must name nobody.", FINDINGS)
    drafts = Drafts(desk.ledger, desk.content.config.zone)
    try:
        before = drafts.open()
        if file not in before.files:
            fail(f"There is no {file} in the draft.", FINDINGS)
        taught = add_phrase(file, before.files[file], said)
        after = drafts.save(file, taught, current_user(), clock.now(), before.version(file))
    except (PhraseRejected, NotSaved, NoDraft, EditConflict, BrokenPrompts) as error:
        fail(error, FINDINGS)
    _say(f"`{said}` is a phrase of {file} in the draft.")
    _tell(_effect(before, after, topic, waiting), file)


def _known(language: str, content: Content) -> str:
    if language not in content.config.languages:
        fail(f"`{language}` is not a language of the line: use {', '.join(content.config.languages)}.")
    return language


def _topic(topic: str, content: Content) -> str:
    known = [one.id for one in content.config.topics] + sorted(OUTCOMES)
    if topic not in known:
        fail(f"`{topic}` is no topic or outcome: use one of {', '.join(known)}.")
    return topic


def _effect(before: Draft, after: Draft, topic: str, waiting: list[QuestionCluster]) -> PhraseEffect:
    try:
        return preview_effect(read_content(before.files), read_content(after.files), topic, waiting)
    except BrokenPrompts as broken:
        for finding in broken.findings:
            print_message(f"{finding.file}:{finding.line}", finding.level, finding.message, finding.rule)
        fail("The draft has errors, so what the phrase pulls along cannot be told yet.", FINDINGS)


def _tell(found: PhraseEffect, file: str) -> None:
    for finding in found.findings:
        print_message(f"{finding.file}:{finding.line}", finding.level, finding.message, finding.rule)
    for words, outcome in found.pulled:
        _say(f"Pulled along: `{words}`, which asks for {outcome}.")
    for group in found.answered:
        _say(f"Now answered too: `{group.typical}` ({group.count} times).")
    if found.findings or found.pulled:
        _say("Other words may pull less along. To forget what the draft changes there:")
        click.echo(f"infoline prompts draft discard {file}")
        raise SystemExit(FINDINGS)
    click.echo("Nothing else is pulled along.\nMake it live: infoline prompts publish --draft")


def _say(sentence: str) -> None:
    click.echo(textwrap.fill(sentence, WIDTH, subsequent_indent="  "))
