"""`infoline reminders export`: a CSV file for a spreadsheet."""

from __future__ import annotations

import csv
import json
from datetime import datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from ivr.cli import main
from ivr.ledger import Vault
from ivr.ledger.tables import person, text
from ivr.people.persons import get_or_create_persons
from tests.reminders.reports.test_export import DUE, JANE, lines, write
from tests.support.clinic import NOW, at, row


@pytest.fixture
def clinic_with_batch(clinic_for_commands):
    """A clinic in the default database, with one batch."""
    clinic_for_commands.import_rows(row(1, DUE, first_name="Zoë"), row(2, at(20)))
    return clinic_for_commands


def run(*arguments):
    return CliRunner().invoke(main, ["reminders", *arguments])


def test_the_command_writes_a_file_that_excel_reads(clinic_with_batch, tmp_path):
    path = tmp_path / "texts.csv"
    result = run("export", "1", "-o", str(path))
    assert (result.exit_code, result.output) == (0, "6 texts of batch 1.\n")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfappointment_id,number,starts_at,")
    assert "Zoë" not in path.read_text()
    assert "0101" in path.read_text()
    assert "603-555" not in path.read_text()
    summary = json.loads(run("export", "1", "-o", str(path), "--numbers", "--json").output)
    assert summary == {"batch": 1, "file": str(path), "texts": 6}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["number"] == "603-555-0101"
    assert rows[0]["first_name"] == "Zoë"
    assert datetime.fromisoformat(rows[0]["starts_at"]) == datetime.fromisoformat(DUE)


def test_a_dash_writes_to_standard_output_and_the_summary_to_standard_error(clinic_with_batch):
    result = run("export", "1", "-o", "-")
    assert result.stdout_bytes.startswith(b"\xef\xbb\xbfappointment_id,")
    assert result.stdout_bytes.count(b"\r\n") == 7
    assert result.stderr.endswith("6 texts of batch 1.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("export", "7", "-o", "-"), "There is no batch 7."),
        (("export", "1", "-o", "/dev/null/texts.csv"), "The folder /dev/null does not exist"),
        (("export", "1"), "Missing option '-o'"),
    ],
)
def test_wrong_use_is_reported_in_one_sentence(clinic_with_batch, arguments, sentence):
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stdout == ""


def test_an_unknown_encryption_key_is_reported_and_leaves_no_file(clinic_with_batch, tmp_path):
    other_vault = Vault([b"x" * 32])
    with clinic_with_batch.ledger.write() as connection:
        get_or_create_persons(connection, clinic_with_batch.vault, [JANE], NOW)
        connection.execute(update(person).values(phone_sealed=other_vault.seal(JANE)))
    result = run("export", "1", "-o", str(tmp_path / "texts.csv"))
    assert result.exit_code == 2
    assert "PHONE_KEY" in result.stderr
    assert not (tmp_path / "texts.csv").exists()


def test_a_text_whose_step_was_removed_from_the_plan_keeps_its_row(clinic):
    clinic.import_rows(row(1, DUE))
    clinic.send()
    write(clinic, update(text).where(text.c.step == "2d").values(step="old"))
    (old,) = [line for line in lines(clinic) if line["step"] == "old"]
    assert (old["state"], old["due_at"]) == ("handed_over", "")
