"""`infoline prompts sign` and `in-step`: record in each file who approved its text, and which source it translates."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import click

from ivr import clock
from ivr.cli.console import FINDINGS, echo, fail
from ivr.cli.context import language_or_exit
from ivr.cli.prompts.folder import folder_content_or_exit, replace_or_exit
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt
from ivr.line.content.revisions.sign_off import with_sign_off
from ivr.line.content.revisions.translations import mark_up_to_date, outdated_translations, source_prompt, text_digest

_NOTHING_WRITTEN = "Nothing was written: fix these errors first."


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--by", required=True, help='Who read and approved the text: "Dr. Lee".')
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The date, like 2026-12-01. Default: today.")
@click.option("--language", help="Sign off only this language. Default: all.")
def sign(names: tuple[str, ...], by: str, day: datetime | None, language: str | None) -> None:
    """Sign off the current text of the prompts called NAME.

    NAME is, for example, cancer or urgent. Changing the text voids the sign-off.
    """
    folder, content = folder_content_or_exit(_NOTHING_WRITTEN)
    languages = [language_or_exit(language, content.config)] if language else list(content.config.languages)
    chosen = [prompt for name in dict.fromkeys(names) for prompt in _prompts_named(content, languages, name)]
    today = clock.now().astimezone(content.config.zone).date()
    on = day.date() if day else today
    if on > today:
        fail(f"Nothing was written. {on} is in the future: sign off text after reading it.")
    _rewrite_files(folder, content, chosen, lambda _prompt, data: with_sign_off(data, by, on))
    for prompt in chosen:
        echo(f"{prompt.file} is signed off by {by}, {on}.")


def _prompts_named(content: Content, languages: list[str], name: str) -> list[Prompt]:
    """The prompt in each language; a name like `en/cancer` chooses one language."""
    language, slash, prompt_name = name.removesuffix(".md").rpartition("/")
    keys = [(code, prompt_name) for code in ([language] if slash else languages)]
    for key in keys:
        if key not in content.prompts:
            fail(f"There is no {'/'.join(key)}.md in this folder: write a prompt's name, like cancer.")
    return [content.prompts[key] for key in keys]


@click.command("in-step")
@click.argument("translations", nargs=-1, metavar="[LANGUAGE/NAME]...")
@click.option("--all", "mark_all", is_flag=True, help="Mark all translations that are behind.")
def in_step(translations: tuple[str, ...], mark_all: bool) -> None:
    """Mark translations as up to date.

    Do so after comparing them with the first language. Without a name, lists those that are behind; the exit
    status is 1 if there are any.
    """
    if mark_all and translations:
        fail("Name translations or write --all, not both.")
    folder, content = folder_content_or_exit(_NOTHING_WRITTEN)
    outdated = [content.prompts[key] for key in outdated_translations(content)]
    if not mark_all and not translations:
        for prompt in outdated:
            echo(f"{prompt.language}/{prompt.name} is behind.")
        echo(f"{len(outdated)} behind." if outdated else "Every translation is up to date.")
        sys.exit(FINDINGS if outdated else 0)
    chosen = outdated if mark_all else [_translation_or_exit(content, name) for name in dict.fromkeys(translations)]
    _rewrite_files(folder, content, chosen, lambda prompt, data: mark_up_to_date(data, _source_digest(content, prompt)))
    for prompt in chosen:
        echo(f"{prompt.file} is up to date.")
    if not chosen:
        echo("Every translation is up to date already.")


def _translation_or_exit(content: Content, name: str) -> Prompt:
    language, _, prompt_name = name.removesuffix(".md").partition("/")
    prompt = content.prompts.get((language, prompt_name))
    if prompt is None or source_prompt(content, prompt) is None:
        fail(f"`{name}` is not a translation in this folder: write its language and name, like es/cancer.")
    return prompt


def _source_digest(content: Content, prompt: Prompt) -> str:
    source = source_prompt(content, prompt)
    assert source is not None, prompt.file
    return text_digest(source)


def _rewrite_files(
    folder: Path, content: Content, chosen: Iterable[Prompt], change: Callable[[Prompt, bytes], bytes]
) -> None:
    """Change the files of some prompts: all of them, or none if `change` raises ValueError for one."""
    try:
        changed = {prompt.file: change(prompt, content.files[prompt.file]) for prompt in chosen}
    except ValueError as error:
        fail(f"Nothing was written. {error}")
    for file, data in changed.items():
        replace_or_exit(folder / file, data)
