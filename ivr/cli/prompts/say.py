"""`infoline prompts say`: a preview of a prompt in a synthetic voice."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.common import language_or_exit
from ivr.cli.prompts.folder import fail_wrapped, folder_content_or_exit, write_or_exit
from ivr.line.audio import convert, tts_preview


@click.command()
@click.argument("topic")
@click.option("--language", help="Default: the line's first language.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The WAV file to write.")
@click.option("--telephone", is_flag=True, help="In telephone quality: 8,000 samples a second, mu-law.")
def say(topic: str, language: str | None, output: Path, telephone: bool) -> None:
    """Write TOPIC as callers hear it to a WAV file.

    For example: say cancer -o cancer.wav. TOPIC is any spoken prompt: a topic, a menu with its choices, or a
    message around them (go-on, keys).
    """
    _, content = folder_content_or_exit("Fix these errors first.")
    if "/" in topic and not language:
        # `proof` and `record` take en/cancer, so accept it here too.
        language, _, topic = topic.partition("/")
    topic = topic.removesuffix(".md")
    language = language_or_exit(language, content.config)
    names = tts_preview.spoken_prompts(content, language)
    if topic not in names:
        fail_wrapped(f"The line never says `{topic}`.\nThere are: {', '.join(names)}")
    try:
        audio = tts_preview.render_preview(content, language, topic, telephone=telephone)
    except tts_preview.PreviewUnavailable as error:
        fail_wrapped(error)
    write_or_exit(output, audio)
    click.echo(f"{output}: {convert.duration_seconds(audio):.0f} seconds.")
