"""Prints changed text on 80 columns: [-old-] became {+new+}, in red and green on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import click

from ivr.cli.console import WIDTH, clean, echo
from ivr.line.content.loader import Files
from ivr.line.content.revisions.diff import Change, DiffRun, diff_files, summarize_changes

_MARKS = {"-": ("[-", "-]", "red"), "+": ("{+", "+}", "green"), "=": ("", "", None)}


def print_changes(changes: Sequence[Change]) -> None:
    """The names of added, removed and binary files, then each changed text file part by part."""
    whole_files = [(change.file, change.kind) for change in changes if change.kind != "changed"]
    if whole_files:
        echo(textwrap.fill(summarize_changes(whole_files), WIDTH, subsequent_indent="  "))
    for change in changes:
        if change.kind == "changed":
            echo(change.file, bold=True)
            for part in change.parts:
                _print_runs(part.name, part.runs)
            if not change.parts:
                click.echo("  no change in its text")


def _print_runs(name: str, runs: Sequence[DiffRun]) -> None:
    """Does not use textwrap, because color codes take no column and a word must keep its color."""
    words: list[tuple[str, str | None]] = [(clean(f"{name}:"), None)] if name else []
    for kind, text in runs:
        before, after, color = _MARKS[kind]
        words += ((word, color) for word in map(clean, f"{before}{text}{after}".split()))
    line, columns_left = "  ", WIDTH - 2
    for word, color in words:
        if len(word) + 1 > columns_left and line.strip():
            click.echo(line.rstrip())
            line, columns_left = "    ", WIDTH - 4
        line += click.style(word, fg=color) + " "
        columns_left -= len(word) + 1
    click.echo(line.rstrip())


def print_sides(base: Files, live: Files, folder: Files) -> None:
    """What the folder and the live release each changed since their common base."""
    for side, files in (("the folder", folder), ("the live release", live)):
        click.echo(f"\nChanged in {side} since then:")
        print_changes(diff_files(base, files))
