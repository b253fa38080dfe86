"""`infoline prompts say | record | draw`: the words of the folder heard, recorded, and drawn as a picture."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from ivr.cli.common import FINDINGS, WIDTH, WRONG_USE, fail, print_findings, settings_or_exit
from ivr.line.audio import convert, tts_preview
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.content.recordings import NothingToRecord, is_in_recordings_folder, locate_recording, recordings_by_file
from ivr.line.diagram import menu_tree, svg
from ivr.line.lint.recording_rules import current_fingerprint

# Names and paths stay whole.
_WHOLE: dict[str, Any] = {"break_on_hyphens": False, "break_long_words": False}
_language = click.option("--language", help="Which language; without it, the first.")


def _refuse(message: object, status: int = WRONG_USE) -> NoReturn:
    fail("\n".join(textwrap.fill(line, WIDTH, **_WHOLE) for line in str(message).splitlines()), status)


def _folder() -> Path:
    return settings_or_exit().prompts_dir


def _read(folder: Path, *, recordings: bool = True) -> Content:
    """The folder as it is now, published or not. recordings: False leaves them out, broken ones too."""
    try:
        files = read_folder(folder)
        return read_content({name: files[name] for name in files if recordings or not is_in_recordings_folder(name)})
    except BrokenPrompts as broken:
        print_findings(broken.findings)
        _refuse("Put these errors right first.", FINDINGS)


def _language_of(content: Content, language: str | None) -> str:
    known = content.config.languages
    if language and language not in known:
        _refuse(f"`{language}` is not a language of the line: use {', '.join(known)}.")
    return language or content.config.default_language


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        _refuse(f"{file} cannot be written ({error.strerror}): name a file in a folder of yours.")


@click.command()
@click.argument("topic")
@_language
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The WAV to write.")
@click.option("--telephone", is_flag=True, help="As a telephone plays it: 8,000 samples a second, mu-law.")
def say(topic: str, language: str | None, output: Path, telephone: bool) -> None:
    """Hear TOPIC as callers do: say cancer -o cancer.wav

    TOPIC is any file that is spoken: a menu with its choices, or what the line says around them (go-on, keys).
    """
    content = _read(_folder())
    if "/" in topic and not language:
        # As `proof` and `record` name it.
        language, _, topic = topic.partition("/")
    topic = topic.removesuffix(".md")
    language = _language_of(content, language)
    names = tts_preview.spoken_prompts(content, language)
    if topic not in names:
        _refuse(f"The line never says `{topic}`.\nThere are: {', '.join(names)}")
    try:
        heard = tts_preview.render_preview(content, language, topic, telephone=telephone)
    except tts_preview.PreviewUnavailable as error:
        _refuse(error)
    _write(output, heard)
    click.echo(f"{output}: {convert.duration_seconds(heard):.0f} seconds.")


@click.command()
@click.argument("place", metavar="LANGUAGE/NAME[-PART]")
@click.argument("file", type=click.Path(path_type=Path))
def record(place: str, file: Path) -> None:
    """Put a recording in its place: record en/cancer-2 monday.mp3

    Callers hear FILE (WAV or MP3) where the line says LANGUAGE/NAME, once it is published.
    PART is the number of a topic's piece, or `choices` for what a menu offers.
    """
    folder = _folder()
    content = _read(folder, recordings=False)
    try:
        key, name = locate_recording(place, content.config, content.prompts)
        said = current_fingerprint(Speech(content, Graph(content)), key)
        with file.open("rb") as opened, _quiet():
            data = convert.to_telephone_wav(convert.read_upload(opened), said)
    except NothingToRecord as error:
        _refuse(error)
    except convert.UnusableAudio as error:
        _refuse(f"{file}: {error}", FINDINGS)
    except OSError as error:
        _refuse(f"{file} cannot be read ({error.strerror}): name a WAV or MP3.")
    _put(folder, name, data, [old for other, old in recordings_by_file(read_folder(folder)) if other == key])
    click.echo(f"{folder / name}: {convert.duration_seconds(data):.0f} seconds. Publish, and callers hear it.")


def _put(folder: Path, name: str, data: bytes, before: list[str]) -> None:
    """Put a recording in its place; what said the same until now, in whatever form, goes away."""
    try:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        beside = (folder / name).with_suffix(".new~")
        beside.write_bytes(data)
        beside.replace(folder / name)
        for old in before:
            if old != name:
                (folder / old).unlink()
    except OSError as error:
        _refuse(f"{folder / name} cannot be written ({error.strerror}): let this user write there.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Whatever the decoder of MP3s mutters on standard error, past Python, is not for operators."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The SVG to write: a picture for any browser.")
@_language
@click.option("--words", is_flag=True, help="Print the same as an outline in words.")
def draw(output: Path | None, language: str | None, words: bool) -> None:
    """Draw the menus and keys: draw -o line.svg

    Which key leads where, how long it takes to hear, and whom 0 reaches.
    """
    if not (output or words):
        _refuse("Say where the picture goes, as in -o line.svg, or --words for an outline.")
    content = _read(_folder())
    language = _language_of(content, language)
    if words:
        click.echo(menu_tree.describe_menu_tree(content, language))
    if output:
        _write(output, svg.render_svg(content, language).encode())
        click.echo(f"{output}: open it in a browser, and print it from there.", err=words)


COMMANDS = (say, record, draw)
