"""`infoline prompts check` and `proof`. Imports no database, which takes longer to load than a check takes to run."""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path
from typing import BinaryIO

import click

from ivr import clock
from ivr.cli.console import FINDINGS, fail, json_option, print_findings, print_json, print_table
from ivr.cli.context import settings_or_exit
from ivr.cli.prompts.folder import folder_content_or_exit, print_report, unreadable
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import read_folder
from ivr.line.content.yaml_source import LARGEST_TEXT
from ivr.line.lint.runner import check_files
from ivr.line.lint.single_prompt import PromptProof, TextMeasure, proof_prompt


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@json_option
def check(folder: Path | None, as_json: bool) -> None:
    """Check that the prompts in FOLDER help every caller."""
    # The 100,000 objects of a check all live until it ends, and collecting garbage would take a tenth of its time.
    gc.disable()
    started = time.monotonic()
    try:
        report = check_files(read_folder(folder or settings_or_exit().prompts_dir), parallel=True, now=clock.now())
    except BrokenPrompts as broken:
        report = unreadable(broken)
    seconds = round(time.monotonic() - started, 2)
    gc.enable()
    if as_json:
        findings = [finding.as_json() for finding in report.findings]
        print_json({"states": report.states, "arrows": report.transitions, "seconds": seconds, "findings": findings})
    else:
        print_report(report)
        click.echo(f"{report.states} states, {report.transitions} transitions, {seconds} s.")
    sys.exit(FINDINGS if report.has_errors else 0)


@click.command()
@click.argument("name", metavar="LANGUAGE/NAME")
@click.argument("source", metavar="[FILE]", required=False, type=click.File("rb"))
@json_option
def proof(name: str, source: BinaryIO | None, as_json: bool) -> None:
    """Measure and check one prompt, like en/cancer.

    Reads it from the folder, or from FILE (- for standard input). Prints seconds, reading grade and text segments,
    and the findings that concern this prompt alone. The exit status is 1 if there are errors.
    """
    folder, content = folder_content_or_exit("A prompt is checked together with the others: fix these errors first.")
    file = name if "." in Path(name).name else f"{name}.md"
    data = source.read(LARGEST_TEXT + 1) if source else content.files.get(file)
    if data is None:
        fail(f"There is no {file} in {folder}: write a prompt's language and name, like en/cancer.")
    result = proof_prompt(content, file, data)
    if as_json:
        print_json(result.as_json())
    else:
        _print_proof(result)
    sys.exit(FINDINGS if any(finding.level == "error" for finding in result.findings) else 0)


def _print_proof(result: PromptProof) -> None:
    print_findings(result.findings)
    rows = []
    for section in result.sections:
        seconds = "" if section.seconds is None else f"{section.seconds:.1f}"
        limit = f" of {section.most_seconds:.0f}" if section.most_seconds and seconds else ""
        grade = "" if section.grade is None else f"{section.grade:.1f}"
        lengths = (f"{section.mean_sentence:.1f}", str(section.longest_sentence))
        rows.append((str(section.line), section.part, seconds + limit, grade, *lengths))
    if rows:
        headings = ("line", "part", "seconds", "grade", "mean sentence", "longest")
        print_table(headings, rows, right={*headings} - {"part"})
    if result.text:
        click.echo(_segments(result.text))


def _segments(text: TextMeasure) -> str:
    counts = (
        f"By text: {text.segments} of {text.most_segments} segments, {text.characters} characters, {text.left} left."
    )
    if not text.dear:
        return counts
    effect = "cost extra segments" if text.keeps_accents else "are replaced by plain letters"
    return f"{counts} Characters that {effect}: {' '.join(text.dear)}"
