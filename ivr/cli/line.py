"""`infoline prompts …` and `infoline ask`: the words, published, and asked."""

from __future__ import annotations

import getpass
import sys
from typing import Any

import click

from ivr import clock
from ivr.cli import hearing, wording
from ivr.cli.checking import checked, print_report, prompts
from ivr.cli.common import (
    FINDINGS,
    content_or_exit,
    give_up,
    ledger_or_exit,
    print_json,
    says_when_the_ledger_is_away,
    settings_or_exit,
)
from ivr.ledger import open_ledger
from ivr.line.compiled import Line
from ivr.line.content import read_content, read_folder
from ivr.line.understand import which_of_two
from ivr.releases.store import publish

# What is answered to somebody whom no visit is known of.
_WITHOUT_VISIT = {"confirm": "no-visit", "change": "no-visit"}


for command in (*wording.COMMANDS, *hearing.COMMANDS):
    prompts.add_command(command)


@prompts.command("publish")
@click.option("--note", default="", help="What changed and why.")
@says_when_the_ledger_is_away
def publish_prompts(note: str) -> None:
    """Prove the folder and make it live on every machine within two seconds."""
    settings = settings_or_exit()
    report = checked(settings.prompts_dir)
    if report.broken:
        print_report(report)
        give_up("Nothing was published: put the errors right first.", FINDINGS)
    content = read_content(read_folder(settings.prompts_dir))
    ledger = ledger_or_exit(settings)
    release = publish(ledger, content, clock.now(), getpass.getuser(), note, "folder")
    click.echo(f"Release {release.number} ({release.digest}) is live.")


@click.command()
@click.argument("words")
@click.option("--language", help="The language of the conversation so far.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
def ask(words: str, language: str | None, as_json: bool) -> None:
    """What the line would answer to WORDS, and why. `-` reads one question a line and prints JSON."""
    settings = settings_or_exit()
    content = content_or_exit(settings, open_ledger(settings.database_url))
    if language and language not in content.config.languages:
        give_up(f"`{language}` is not a language of the line: use {', '.join(content.config.languages)}.")
    line = Line(content)
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


def _answer(line: Line, words: str, language: str | None) -> dict[str, Any]:
    understood = line.matcher.ask(words, language)
    reply = line.text(understood.language, _WITHOUT_VISIT.get(understood.topic, understood.topic))
    if understood.between:
        reply = which_of_two(line.content, understood.language, understood.between)
    return {
        "topic": understood.topic,
        "language": understood.language,
        "reply": [reply],
        "scores": understood.scores,
        "runner_up": understood.runner_up,
        "between": understood.between,
    }
