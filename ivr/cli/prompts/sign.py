"""`infoline prompts sign`: records in each file who approved its text, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import click

from ivr import clock
from ivr.cli.common import fail, language_or_exit
from ivr.cli.prompts.folder import folder_content_or_exit, replace_or_exit
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt
from ivr.line.content.sign_off import with_sign_off

NOTHING_WRITTEN = "Nothing was written: fix these errors first."


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--by", required=True, help='Who read and approved the text: "Dr. Lee".')
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The date, like 2026-12-01. Default: today.")
@click.option("--language", help="Sign off only this language. Default: all.")
def sign(names: tuple[str, ...], by: str, day: datetime | None, language: str | None) -> None:
    """Sign off the current text of the prompts called NAME.

    NAME is like cancer or urgent. Changing the text ends the sign-off.
    """
    folder, content = folder_content_or_exit(NOTHING_WRITTEN)
    languages = [language_or_exit(language, content.config)] if language else list(content.config.languages)
    chosen = [prompt for name in dict.fromkeys(names) for prompt in _prompts_named(content, languages, name)]
    today = clock.now().astimezone(content.config.zone).date()
    on = day.date() if day else today
    if on > today:
        fail(f"Nothing was written. {on} is in the future: sign off text after reading it.")
    rewrite_files(folder, content, chosen, lambda _prompt, data: with_sign_off(data, by, on))
    for prompt in chosen:
        click.echo(f"{prompt.file} is signed off by {by}, {on}.")


def _prompts_named(content: Content, languages: list[str], name: str) -> list[Prompt]:
    """A prompt in each language; a name like `en/cancer` chooses one language."""
    language, slash, prompt_name = name.rpartition("/")
    return [_prompt_or_exit(content, code, prompt_name) for code in ([language] if slash else languages)]


def _prompt_or_exit(content: Content, language: str, name: str) -> Prompt:
    prompt = content.prompts.get((language, name.removesuffix(".md")))
    if prompt is None:
        fail(f"There is no {language}/{name}.md in this folder: write a prompt's name, like cancer.")
    return prompt


def rewrite_files(
    folder: Path, content: Content, chosen: Iterable[Prompt], change: Callable[[Prompt, bytes], bytes]
) -> None:
    """Change the files of some prompts: all of them, or none if `change` raises ValueError for one."""
    try:
        changed = {prompt.file: change(prompt, content.files[prompt.file]) for prompt in chosen}
    except ValueError as error:
        fail(f"Nothing was written. {error}")
    for file, data in changed.items():
        replace_or_exit(folder / file, data)
