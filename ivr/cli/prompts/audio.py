"""`infoline prompts record` and `say`: recordings for the line, and previews in a synthetic voice."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ivr.cli.console import FINDINGS
from ivr.cli.context import language_or_exit
from ivr.cli.prompts.folder import fail_wrapped, folder_content_or_exit, replace_or_exit, write_or_exit
from ivr.line.audio import convert
from ivr.line.content.loader import read_folder
from ivr.line.content.recordings import NothingToRecord
from ivr.releases.new_recording import new_recording


@click.command()
@click.argument("name", metavar="LANGUAGE/NAME[-PART]")
@click.argument("file", type=click.Path(path_type=Path))
def record(name: str, file: Path) -> None:
    """Add a recording: record en/cancer-2 monday.mp3

    Once published, callers hear FILE (WAV or MP3) instead of the synthetic voice. PART is the number of a topic's
    part, or `choices` for the choices of a menu. An older recording of the same part is replaced.
    """
    # A broken recording must not block its replacement.
    folder, content = folder_content_or_exit("Fix these errors first.", recordings=False)
    try:
        with file.open("rb") as upload, _silent_stderr():
            recording = new_recording(content, read_folder(folder), name, convert.read_upload(upload))
    except NothingToRecord as error:
        fail_wrapped(error)
    except convert.UnusableAudio as error:
        fail_wrapped(f"{file}: {error}", FINDINGS)
    except OSError as error:
        fail_wrapped(f"{file} cannot be read ({error.strerror}): name a WAV or MP3.")
    path = folder / recording.file
    replace_or_exit(path, recording.data)
    try:
        for old in recording.replaced:
            (folder / old).unlink()
    except OSError as error:
        fail_wrapped(f"{path} cannot replace {old} ({error.strerror}): give this user write access.")
    click.echo(f"{path}: {convert.duration_seconds(recording.data):.0f} seconds. Publish to make it live.")


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discards what the MP3 decoder, a C library, writes to standard error."""
    sys.stderr.flush()
    stderr, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(devnull)


@click.command()
@click.argument("topic")
@click.option("--language", help="Default: the line's first language.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The WAV file to write.")
@click.option("--telephone", is_flag=True, help="Telephone quality: 8,000 samples per second, mu-law.")
def say(topic: str, language: str | None, output: Path, telephone: bool) -> None:
    """Write TOPIC as callers hear it to a WAV file.

    For example: say cancer -o cancer.wav. TOPIC is any spoken prompt: a topic, a menu with its choices, or a
    message around them (go-on, keys).
    """
    from ivr.line.audio import tts_preview

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
