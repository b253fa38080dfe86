"""What commands print is safe on a terminal."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ivr.cli import main
from ivr.cli.console import clean, echo, fail, print_json, print_message, print_table, print_wrapped
from tests.support.clinic import at, row
from tests.support.paths import ROOT

ESCAPE, C1_ESCAPE, OVERRIDE = "\x1b[2J", "\x9b2J", "\u202e"
HOSTILE = f"A{ESCAPE}{C1_ESCAPE}{OVERRIDE}\r\u2066B"
PRINTERS = {
    "echo": lambda: echo(HOSTILE),
    "print_table": lambda: print_table(("id",), [(HOSTILE,)]),
    "print_wrapped": lambda: print_wrapped(HOSTILE),
    "print_message": lambda: print_message(HOSTILE, "error", HOSTILE, "code"),
    "fail": lambda: fail(HOSTILE),
    "print_json": lambda: print_json({HOSTILE: HOSTILE}),
}


@pytest.mark.parametrize("name", PRINTERS)
def test_no_printer_passes_a_control_character_or_a_direction_override_on(name, capsys):
    try:
        PRINTERS[name]()
    except SystemExit as error:
        assert error.code == 2  # noqa: PT017
    printed = "".join(capsys.readouterr())
    assert not set(printed) & set("\x1b\x9b\r\u202e\u2066")
    assert "\\x9b2J" in printed or "\\u009b2J" in printed


def test_json_with_escapes_is_the_same_json(capsys):
    print_json({HOSTILE: ["é", "\x7f"]})
    assert json.loads(capsys.readouterr().out) == {HOSTILE: ["é", "\x7f"]}


@given(st.text())
def test_any_cleaned_text_is_printable_on_one_line(text):
    cleaned = clean(text)
    assert len(cleaned.splitlines()) <= 1
    assert clean(cleaned) == cleaned
    cleaned.encode()


@pytest.mark.parametrize("text", ["Zoë Nuñez", "日本", "👩🏽", "a\u200cb"])
def test_names_in_any_script_are_printed_as_they_are(text):
    assert clean(text) == text


def test_an_imported_id_cannot_send_escape_codes_to_the_terminal(clinic_for_commands):
    clinic_for_commands.import_rows({**row(1, at(20)), "appointment_id": "A\u202e1\x9b2J"})
    result = CliRunner().invoke(main, ["reminders", "person", "603-555-0101"])
    assert result.exit_code == 0
    assert "A1\\x9b2J" in result.stdout


# Modules that color parts of a line, and clean the parts; and modules that print only the line's own words.
EXCEPTIONS = {"console", "doctor", "diff", "audio", "check", "draw", "folder", "progress"}
PRINTING_MODULES = [
    path
    for folder in ("", "reminders", "prompts")
    for path in sorted((ROOT / "ivr/cli" / folder).glob("*.py"))
    if path.stem not in EXCEPTIONS
]


@pytest.mark.parametrize("path", PRINTING_MODULES, ids=lambda path: path.stem)
def test_commands_print_only_through_the_console(path: Path):
    """click.echo and print would pass escape codes on."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {ast.unparse(call) for call in calls}
    assert names & {"print", "click.echo", "click.secho"} == set()
