"""What changed, shown on 80 columns: [-these words-] became {+those+}; on a terminal red and green."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import click

from ivr.cli.common import WIDTH
from ivr.line.content.diff import Change, DiffRun, diff_files, summarize_changes
from ivr.line.content.loader import Files

_MARKS = {"-": ("[-", "-]", "red"), "+": ("{+", "+}", "green"), "=": ("", "", None)}


def print_changes(found: Sequence[Change]) -> None:
    """Each file that changed, place by place; files that are new, gone or no words, by their names."""
    whole = [(one.file, one.kind) for one in found if one.kind != "changed"]
    if whole:
        click.echo(textwrap.fill(summarize_changes(whole), WIDTH, subsequent_indent="  "))
    for one in found:
        if one.kind == "changed":
            click.secho(one.file, bold=True)
            for place in one.parts:
                _print_place(place.name, place.runs)
            if not one.parts:
                click.echo("  no word of it")


def _print_place(name: str, pieces: Sequence[DiffRun]) -> None:
    """Lines of at most 80 columns; a word is never parted from its colour."""
    words: list[tuple[str, str | None]] = [(f"{name}:", None)] if name else []
    for sign, said in pieces:
        before, after, colour = _MARKS[sign]
        words += ((word, colour) for word in f"{before}{said}{after}".split())
    line, room = "  ", WIDTH - 2
    for word, colour in words:
        if len(word) + 1 > room and line.strip():
            click.echo(line.rstrip())
            line, room = "    ", WIDTH - 4
        line += click.style(word, fg=colour) + " "
        room -= len(word) + 1
    click.echo(line.rstrip())


def print_sides(base: Files, live: Files, folder: Files) -> None:
    """What the folder changed since both began, and what the live words changed."""
    for told, files in (("the folder", folder), ("what is live", live)):
        click.echo(f"\nChanged in {told} since then:")
        print_changes(diff_files(base, files))
