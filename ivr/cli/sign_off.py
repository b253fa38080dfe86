"""`infoline prompts in-step` and `sign`: somebody has compared a translation, or has signed words off."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import click

from ivr import clock
from ivr.cli.check import print_report
from ivr.cli.common import FINDINGS, fail, settings_or_exit
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.content.prompt import Prompt
from ivr.line.content.sign_off import with_sign_off
from ivr.line.content.translations import mark_up_to_date, outdated_translations, source_prompt, words_digest
from ivr.line.lint.runner import CheckReport


@click.command("in-step")
@click.argument("translations", nargs=-1, metavar="[LANGUAGE/NAME]...")
@click.option("--all", "every", is_flag=True, help="All translations that are behind.")
def in_step_command(translations: tuple[str, ...], every: bool) -> None:
    """Say that translations were compared with the first language's words, and are right.

    Without a name it tells which are behind; exit status 1 if any is.
    """
    if every and translations:
        fail("Name the translations, or write --all, not both.")
    folder, content = _folder()
    late = [content.prompts[key] for key in outdated_translations(content)]
    if not every and not translations:
        for prompt in late:
            click.echo(f"{prompt.language}/{prompt.name} is behind.")
        click.echo(f"{len(late)} behind." if late else "Every translation is in step.")
        sys.exit(FINDINGS if late else 0)
    chosen = late if every else [_translation(content, name) for name in dict.fromkeys(translations)]
    _rewrite(folder, content, chosen, lambda prompt, data: mark_up_to_date(data, _digest_of_origin(content, prompt)))
    for prompt in chosen:
        click.echo(f"{prompt.file} is in step.")
    if not chosen:
        click.echo("Every translation is in step already.")


def _translation(content: Content, name: str) -> Prompt:
    language, _, called = name.removesuffix(".md").partition("/")
    prompt = content.prompts.get((language, called))
    if prompt is None or source_prompt(content, prompt) is None:
        fail(f"`{name}` is no translation in this folder: write its language and its name, like es/cancer.")
    return prompt


def _digest_of_origin(content: Content, prompt: Prompt) -> str:
    made_from = source_prompt(content, prompt)
    assert made_from is not None, prompt.file
    return words_digest(made_from)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--by", required=True, help='Who has read the words and signs them: "Dr. Lee".')
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day, like 2026-12-01; default today.")
@click.option("--language", help="Only the words of one language; default all.")
def sign(names: tuple[str, ...], by: str, day: datetime | None, language: str | None) -> None:
    """Sign off the present words of the prompts called NAME, like cancer or urgent. A changed word ends it."""
    folder, content = _folder()
    if language and language not in content.config.languages:
        fail(f"`{language}` is not a language of the line: use {', '.join(content.config.languages)}.")
    languages = [language] if language else list(content.config.languages)
    chosen = [prompt for name in dict.fromkeys(names) for prompt in _all_named(content, languages, name)]
    today = clock.now().astimezone(content.config.zone).date()
    on = day.date() if day else today
    if on > today:
        fail(f"Nothing was written. {on} is still to come: sign words off when they have been read.")
    _rewrite(folder, content, chosen, lambda _prompt, data: with_sign_off(data, by, on))
    for prompt in chosen:
        click.echo(f"{prompt.file} is signed off by {by}, {on}.")


def _all_named(content: Content, languages: list[str], name: str) -> list[Prompt]:
    """A prompt in some languages; `en/cancer` names one of them itself."""
    language, slash, called = name.rpartition("/")
    return [_named(content, code, called) for code in ([language] if slash else languages)]


def _named(content: Content, language: str, name: str) -> Prompt:
    prompt = content.prompts.get((language, name.removesuffix(".md")))
    if prompt is None:
        fail(f"There is no {language}/{name}.md in this folder: write a prompt's name, like cancer.")
    return prompt


def _folder() -> tuple[Path, Content]:
    folder = settings_or_exit().prompts_dir
    try:
        return folder, read_content(read_folder(folder))
    except BrokenPrompts as broken:
        print_report(CheckReport(0, 0, tuple(broken.findings)))
        fail("Nothing was written: put the errors right first.", FINDINGS)


def _rewrite(
    folder: Path, content: Content, chosen: Iterable[Prompt], change: Callable[[Prompt, bytes], bytes]
) -> None:
    """Change files of the folder: all of them, or none where one cannot be changed."""
    try:
        written = {prompt.file: change(prompt, content.files[prompt.file]) for prompt in chosen}
    except ValueError as error:
        fail(f"Nothing was written. {error}")
    for file, data in written.items():
        path = (folder / file).resolve()
        beside = path.with_name(f".{path.name}.new")
        try:
            beside.write_bytes(data)
            shutil.copymode(path, beside)
            beside.replace(path)
        except OSError as error:
            fail(f"{path} cannot be written ({error.strerror}): let this user write there.")


COMMANDS = (in_step_command, sign)
