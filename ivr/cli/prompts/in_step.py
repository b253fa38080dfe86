"""`infoline prompts in-step`: which translations lag behind the first language, and marking them as compared."""

from __future__ import annotations

import sys

import click

from ivr.cli.common import FINDINGS, fail
from ivr.cli.prompts.folder import folder_content_or_exit
from ivr.cli.prompts.sign import NOTHING_WRITTEN, rewrite_files
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt
from ivr.line.content.translations import mark_up_to_date, outdated_translations, source_prompt, text_digest


@click.command("in-step")
@click.argument("translations", nargs=-1, metavar="[LANGUAGE/NAME]...")
@click.option("--all", "every", is_flag=True, help="Mark all translations that are behind.")
def in_step(translations: tuple[str, ...], every: bool) -> None:
    """Mark translations as up to date.

    Do so after comparing them with the first language. Without a name, lists those that are behind; exit status 1
    if there are any.
    """
    if every and translations:
        fail("Name translations or write --all, not both.")
    folder, content = folder_content_or_exit(NOTHING_WRITTEN)
    outdated = [content.prompts[key] for key in outdated_translations(content)]
    if not every and not translations:
        for prompt in outdated:
            click.echo(f"{prompt.language}/{prompt.name} is behind.")
        click.echo(f"{len(outdated)} behind." if outdated else "Every translation is up to date.")
        sys.exit(FINDINGS if outdated else 0)
    chosen = outdated if every else [_translation_or_exit(content, name) for name in dict.fromkeys(translations)]
    rewrite_files(folder, content, chosen, lambda prompt, data: mark_up_to_date(data, _source_digest(content, prompt)))
    for prompt in chosen:
        click.echo(f"{prompt.file} is up to date.")
    if not chosen:
        click.echo("Every translation is up to date already.")


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
