"""`infoline prompts proof`: one text proved while it is written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.check import print_report
from ivr.cli.common import FINDINGS, WIDTH, fail, print_findings, print_json, settings_or_exit
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.content.text_files import LARGEST_TEXT
from ivr.line.lint.runner import CheckReport
from ivr.line.lint.single_prompt import PromptProof, TextMeasure, prove_prompt


@click.command()
@click.argument("name", metavar="LANGUAGE/NAME")
@click.argument("typed", metavar="[FILE]", required=False, type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
def proof(name: str, typed: BinaryIO | None, as_json: bool) -> None:
    """What one text comes to, and what is wrong with it: en/cancer, as it stands in the folder or in FILE (- to type).

    Its seconds, grade and segments, by the rules of the check that concern one text. Exit status 1 on errors.
    """
    folder = settings_or_exit().prompts_dir
    content = _content(folder)
    file = name if "." in Path(name).name else f"{name}.md"
    data = typed.read(LARGEST_TEXT + 1) if typed else content.files.get(file)
    if data is None:
        fail(f"There is no {file} in {folder}: write a prompt's language and name, like en/cancer.")
    proved = prove_prompt(content, file, data)
    if as_json:
        print_json(proved.as_json())
    else:
        _print(proved)
    sys.exit(FINDINGS if any(finding.level == "error" for finding in proved.findings) else 0)


def _content(folder: Path) -> Content:
    try:
        return read_content(read_folder(folder))
    except BrokenPrompts as broken:
        print_report(CheckReport(0, 0, tuple(broken.findings)))
        fail("One text is proved among the others: put these errors right first.", FINDINGS)


def _print(proved: PromptProof) -> None:
    print_findings(proved.findings)
    if proved.sections:
        table = Table(box=None, pad_edge=False)
        for heading in ("line", "part", "seconds", "grade", "mean sentence", "longest"):
            table.add_column(heading, justify="left" if heading == "part" else "right")
        for one in proved.sections:
            seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
            most = f" of {one.most_seconds:.0f}" if one.most_seconds and seconds else ""
            grade = "" if one.grade is None else f"{one.grade:.1f}"
            lengths = (f"{one.mean_sentence:.1f}", str(one.longest_sentence))
            table.add_row(str(one.line), one.part, seconds + most, grade, *lengths)
        Console(highlight=False, width=WIDTH).print(table)
    if proved.text:
        click.echo(_segments(proved.text))


def _segments(text: TextMeasure) -> str:
    told = f"By text: {text.segments} of {text.most_segments} segments, {text.characters} characters, {text.left} left."
    if not text.dear:
        return told
    what = "make it dear" if text.keeps_accents else "go out as their nearest letters"
    return f"{told} Signs that {what}: {' '.join(text.dear)}"


COMMANDS = (proof,)
