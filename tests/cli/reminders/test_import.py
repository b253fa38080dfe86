"""`infoline reminders import`, and the countries that the commands for one patient accept."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.shipped import shipped_prompts
from tests.support.clinic import at
from tests.support.workbooks import workbook

HEADER = ("appointment_id", "phone", "starts_at")
SHEETS = {
    "First": [HEADER, ("A1", "603-555-0101", at(8)), ("A2", "603-555-0102", at(8))],
    "Second": [HEADER, ("B1", "603-555-0103", at(8))],
}


def run(*arguments):
    return CliRunner().invoke(main, ["reminders", *arguments])


OPTIONS = [
    ((), 1, ["other_sheets", "hidden_rows", "absent_rows"]),
    (("--hidden-rows",), 2, ["other_sheets", "absent_rows"]),
    (("--sheet", "Second"), 1, ["absent_rows"]),
]


@pytest.mark.parametrize(("options", "accepted", "codes"), OPTIONS)
def test_hidden_rows_and_other_sheets_are_imported_only_if_asked_for(
    clinic_for_commands, tmp_path, options, accepted, codes
):
    (tmp_path / "list.xlsx").write_bytes(workbook(SHEETS, hidden_rows=[3]))
    result = run("import", str(tmp_path / "list.xlsx"), "--json", *options)
    report = json.loads(result.stdout)
    assert (result.exit_code, report["rows"], report["accepted"]) == (0, accepted, accepted)
    assert [warning["code"] for warning in report["warnings"]] == codes
    assert set(report) == {"batch", "rows", "accepted", "updated", "unchanged", "rejected", "warnings", "errors"}
    assert all(set(warning) == {"row", "column", "code", "message"} for warning in report["warnings"])


def test_a_hostile_workbook_ends_in_one_sentence(clinic_for_commands, tmp_path):
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    (tmp_path / "list.xlsx").write_bytes(workbook({"A": far}))
    result = run("import", str(tmp_path / "list.xlsx"))
    assert result.exit_code == 1
    assert "a cell is far from the list" in " ".join(result.output.split())


def test_the_countries_of_the_line_apply_to_files_and_to_commands(clinic_for_commands, tmp_path, monkeypatch):
    shutil.copytree(shipped_prompts(), tmp_path / "prompts")
    line = tmp_path / "prompts" / "line.yaml"
    line.write_text(line.read_text().replace("countries: [US]", "countries: [US, CA]"))
    monkeypatch.setenv("PROMPTS_DIR", str(tmp_path / "prompts"))
    (tmp_path / "list.csv").write_text(f"appointment_id,phone,starts_at\nA1,+1 416 967 1111,{at(8)}\n")
    assert json.loads(run("import", str(tmp_path / "list.csv"), "--json").stdout)["accepted"] == 1
    assert json.loads(run("person", "+1 416 967 1111", "--json").stdout)["known"]
