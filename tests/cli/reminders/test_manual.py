"""`infoline reminders person, stop, start, send, skip and unskip`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.people.persons import opt_out
from ivr.reminders.reports.manual import RESULT_SENTENCES
from tests.reminders.reports.test_manual import AHEAD, JANE
from tests.support.clinic import NOW, at, row


@pytest.fixture
def clinic_with_batch(clinic_for_commands):
    """A clinic in the default database, with one batch."""
    clinic_for_commands.import_rows(row(1, at(2, -1)), row(2, AHEAD))
    return clinic_for_commands


def run(*arguments):
    return CliRunner().invoke(main, ["reminders", *arguments])


COMMANDS = [
    (("send", "A2", "7d"), 0, "A2 7d: It goes out within moments"),
    (("send", "A1", "7d"), 1, "too late"),
    (("send", "A3", "7d"), 2, "no appointment A3"),
    (("skip", "A2"), 0, "A2 1d: It will not go out."),
    (("skip", "A2", "8d"), 2, "use one of 7d, 2d, 1d"),
    (("unskip", "A2"), 0, "A2: no text was skipped."),
    (("unskip", "A2", "7d"), 1, "Nobody left it out"),
    (("unskip", "A2", "8d"), 2, "use one of 7d, 2d, 1d"),
    (("stop", "603-555-0102", "--because", "called us"), 0, "603-555-0102 gets no more texts."),
    (("stop", "603-555-0102"), 2, "Missing option '--because'"),
    (("stop", "603-555-0102", "--because", " "), 2, "--because is empty"),
    (("stop", "603-555", "--because", "called us"), 2, "not a phone number"),
    (("start", "603-555-0102", "--because", "called us"), 0, "(no change)"),
    (("person", "603-555-0102"), 0, "A2, batch 1: 2026-12-21 10:00-05:00, elliot"),
    (("person", "603-555-0155"), 0, "Nothing is known about 603-555-0155."),
]


@pytest.mark.parametrize(("arguments", "status", "sentence"), COMMANDS, ids=[" ".join(case[0]) for case in COMMANDS])
def test_each_command_reports_its_result_or_what_to_do(clinic_with_batch, arguments, status, sentence):
    result = run(*arguments)
    assert (result.exit_code, sentence in result.output) == (status, True), result.output
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_each_result_is_available_as_json(clinic_with_batch):
    sent = {
        "appointment_id": "A2",
        "step": "7d",
        "done": True,
        "code": "due_now",
        "message": RESULT_SENTENCES["due_now"],
    }
    assert json.loads(run("send", "A2", "7d", "--json").output) == {"texts": [sent]}
    stopped = json.loads(run("stop", "603-555-0102", "--because", "called us", "--json").output)
    assert stopped == {"number": "+16035550102", "changed": True, "opted_out": True}
    known = json.loads(run("person", "603-555-0102", "--json").output)
    assert known["opted_out"]["source"] == "staff"
    started = json.loads(run("start", "603-555-0102", "--because", "asked", "--json").output)
    assert started == {"number": "+16035550102", "changed": True, "opted_out": False, "was_out_by": "staff"}


def test_skipping_all_texts_succeeds_even_if_some_went_out_already(clinic_with_batch):
    clinic_with_batch.send()
    result = run("skip", "A1")
    assert (result.exit_code, result.stdout) == (0, "A1 1d: It will not go out.\n")
    again = run("skip", "A1")
    assert (again.exit_code, again.stdout) == (0, "A1: no text is planned.\n")


def test_what_was_skipped_is_planned_again_except_what_is_late(clinic_with_batch):
    run("skip", "A2")
    result = run("unskip", "A2")
    assert (result.exit_code, result.stdout.count("It is planned again")) == (0, 3)
    run("skip", "A1")
    late = run("unskip", "A1")
    assert (late.exit_code, "Its time has passed" in late.output) == (1, True)
    assert clinic_with_batch.states("A2") == dict.fromkeys(("7d", "2d", "1d"), "planned")


def test_a_patient_who_texted_stop_must_also_text_start(clinic_with_batch):
    with clinic_with_batch.ledger.write() as connection:
        opt_out(connection, clinic_with_batch.vault, JANE, NOW, "text", "STOP")
    assert "START" in run("start", "603-555-0101", "--because", "called us").output
