"""The prompts folder as commands read and write it: errors end the command with a sentence."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from ivr.cli.console import FINDINGS, WIDTH, WRONG_USE, fail, print_findings
from ivr.cli.context import settings_or_exit
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.content.recordings import is_in_recordings_folder
from ivr.line.lint.runner import CheckReport

LEVELS = ("error", "warning")


def print_report(report: CheckReport) -> None:
    """All findings, then how many there are of each level."""
    print_findings(report.findings)
    counts = {level: sum(finding.level == level for finding in report.findings) for level in LEVELS}
    click.echo(", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items()) + ".")


def unreadable(broken: BrokenPrompts) -> CheckReport:
    """The report on prompts that cannot be read."""
    return CheckReport(0, 0, tuple(broken.findings))


@contextmanager
def exit_on_broken_prompts(reason: str) -> Iterator[None]:
    """Print why prompts cannot be read, then exit with `reason` as the last sentence."""
    try:
        yield
    except BrokenPrompts as broken:
        print_report(unreadable(broken))
        fail(reason, FINDINGS)


def folder_content_or_exit(reason: str, *, recordings: bool = True) -> tuple[Path, Content]:
    """The folder and its content, published or not. recordings: False leaves them out, broken ones too."""
    folder = settings_or_exit().prompts_dir
    with exit_on_broken_prompts(reason):
        files = read_folder(folder)
        kept = {name: files[name] for name in files if recordings or not is_in_recordings_folder(name)}
        return folder, read_content(kept)


def fail_wrapped(message: object, status: int = WRONG_USE) -> NoReturn:
    """Exit with a message on 80 columns that breaks no name or path."""
    lines = str(message).splitlines()
    fail(
        "\n".join(textwrap.fill(line, WIDTH, break_on_hyphens=False, break_long_words=False) for line in lines), status
    )


def write_or_exit(path: Path, data: bytes) -> None:
    """Write an output file."""
    try:
        path.write_bytes(data)
    except OSError as error:
        fail_wrapped(f"{path} cannot be written ({error.strerror}): choose a folder that you can write to.")


def replace_or_exit(path: Path, data: bytes) -> None:
    """Replace a file of the prompts folder atomically and keep its mode."""
    path = path.resolve()
    # Readers of the folder ignore names that end in ~.
    draft = path.with_name(f".{path.name}.new~")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        if path.exists():
            shutil.copymode(path, draft)
        draft.replace(path)
    except OSError as error:
        fail(f"{path} cannot be written ({error.strerror}): give this user write access.")
