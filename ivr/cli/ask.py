"""`infoline ask`: what the line would answer, and why."""

from __future__ import annotations

import sys
from typing import Any

import click

from ivr.cli.common import (
    content_or_exit,
    fail,
    print_json,
    settings_or_exit,
)
from ivr.ledger import open_ledger
from ivr.line.nlu.matcher import ambiguous_reply
from ivr.line.twiml.release import CompiledLine

# What is answered to somebody whom no visit is known of.
_WITHOUT_VISIT = {"confirm": "no-visit", "change": "no-visit"}


@click.command()
@click.argument("words")
@click.option("--language", help="The language of the conversation so far.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
def ask(words: str, language: str | None, as_json: bool) -> None:
    """What the line would answer to WORDS, and why. `-` reads one question a line and prints JSON."""
    settings = settings_or_exit()
    content = content_or_exit(settings, open_ledger(settings.database_url))
    if language and language not in content.config.languages:
        fail(f"`{language}` is not a language of the line: use {', '.join(content.config.languages)}.")
    line = CompiledLine(content)
    if words == "-":
        for question in sys.stdin:
            print_json(_answer(line, question.rstrip("\n"), language))
        return
    answer = _answer(line, words, language)
    if as_json:
        print_json(answer)
        return
    between = f": {' or '.join(answer['between'])}" if answer["between"] else ""
    click.echo(f"{answer['topic']}{between} ({answer['language']})")
    if answer["runner_up"]:
        click.echo(f"  before {answer['runner_up']}")
    for name, score in answer["scores"].items():
        click.echo(f"  {score:5.1f}  {name}")
    for reply in answer["reply"]:
        click.echo(f"\n{reply}")


def _answer(line: CompiledLine, words: str, language: str | None) -> dict[str, Any]:
    understood = line.matcher.ask(words, language)
    reply = line.text(understood.language, _WITHOUT_VISIT.get(understood.topic, understood.topic))
    if understood.between:
        reply = ambiguous_reply(line.content, understood.language, understood.between)
    return {
        "topic": understood.topic,
        "language": understood.language,
        "reply": [reply],
        "scores": understood.scores,
        "runner_up": understood.runner_up,
        "between": understood.between,
    }
