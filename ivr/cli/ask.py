"""`infoline ask`: what the line would answer, and why."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

import click

from ivr.cli.console import WIDTH, echo, json_option, print_json
from ivr.cli.context import CommandContext, content_or_exit, language_or_exit, settings_or_exit
from ivr.ledger import open_ledger
from ivr.line.nlu.matcher import MatchResult
from ivr.line.nlu.replies import choice_reply, with_caution
from ivr.line.twiml.release import CompiledLine
from ivr.people.inbound.outcome import AUTOMATIC, outcome_of_stranger

# The reply to a sender who has no known appointment.
_WITHOUT_APPOINTMENT = {"confirmed": "no-visit", "change": "no-visit"}


@click.command()
@click.argument("words")
@click.option("--language", help="The language of the conversation so far.")
@json_option
def ask(words: str, language: str | None, as_json: bool) -> None:
    """Print how the line would answer WORDS, and why.

    With `-`, reads one question per line from standard input and prints one JSON
    object for each.
    """
    settings = settings_or_exit()
    ledger = open_ledger(settings.database_url)
    content = content_or_exit(settings, ledger)
    if language:
        language_or_exit(language, content.config)
    line = CompiledLine(content, model_of=CommandContext(settings, ledger).model_of)
    if words == "-":
        for question in sys.stdin:
            print_json(_answer(line, question.rstrip("\n"), language))
        return
    answer = _answer(line, words, language)
    if as_json:
        print_json(answer)
        return
    offered = [*(answer["between"] or ()), *["none"] * answer["or_none"]]
    between = f": {' or '.join(offered)}" if offered else ""
    echo(f"{answer['topic']}{between} ({answer['language']})")
    if answer["runner_up"]:
        echo(f"  runner-up: {answer['runner_up']}")
    for name, score in answer["scores"].items():
        echo(f"  {score:5.1f}  {name}")
    for reply in answer["reply"]:
        echo("\n" + "\n".join(textwrap.fill(text, WIDTH) for text in reply.splitlines()))


def _answer(line: CompiledLine, question: str, language: str | None) -> dict[str, Any]:
    outcome, match = outcome_of_stranger(line.matcher, question, language)
    return {
        "topic": outcome,
        "language": match.language,
        "reply": _reply(line, outcome, match),
        "scores": match.scores,
        "runner_up": match.runner_up,
        "between": match.between,
        "or_none": match.or_none,
        "possible": match.possible,
    }


def _reply(line: CompiledLine, outcome: str, match: MatchResult) -> list[str]:
    """The texts that a sender of whom nothing is known would get; none for a reaction or an automatic reply."""
    if outcome == AUTOMATIC:
        return []
    if match.between:
        return with_caution(line.content, match, choice_reply(line.content, match))
    replies = with_caution(line.content, match, line.text(match.language, _WITHOUT_APPOINTMENT.get(outcome, outcome)))
    return [*replies, line.text(match.language, "stop")] if match.also_stop else replies
