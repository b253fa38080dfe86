"""`infoline keys add|list|revoke`."""

from __future__ import annotations

import json

from click.testing import CliRunner

from ivr.cli import main
from ivr.people.audit import entries_since
from ivr.staff.api_keys import find_api_key
from tests.support.clinic import NOW


def run(*arguments):
    return CliRunner().invoke(main, ["keys", *arguments])


def test_a_key_is_printed_once_listed_and_revoked(clinic_for_commands):
    made = run("add", "Scheduling system", "--role", "scheduler", "--days", "30")
    text = made.stdout.splitlines()[-1]
    with clinic_for_commands.ledger.read() as connection:
        assert find_api_key(connection, text, NOW)
    listed = run("list")
    assert text not in listed.stdout
    assert "valid" in listed.stdout
    assert run("revoke", "1").exit_code == 0
    [key] = json.loads(run("list", "--json").stdout)["keys"]
    assert (key["state"], key["role"]) == ("revoked", "scheduler")
    with clinic_for_commands.ledger.read() as connection:
        assert find_api_key(connection, text, NOW) is None
        kinds = [entry.kind for entry in entries_since(connection, NOW)]
    assert kinds == ["api_key_added", "api_key_revoked"]


def test_a_program_gets_the_key_as_json(clinic_for_commands):
    made = json.loads(run("add", "Epic", "--role", "operator", "--json").stdout)
    with clinic_for_commands.ledger.read() as connection:
        assert find_api_key(connection, made["key"], NOW).id == made["id"]


def test_wrong_use_exits_2_with_a_sentence(clinic_for_commands):
    for arguments, words in (
        (("revoke", "7"), "There is no valid key 7"),
        (("add", " ", "--role", "scheduler"), "The name needs"),
        (("add", "Epic", "--role", "admin"), "not one of"),
    ):
        result = run(*arguments)
        assert (result.exit_code, words in result.stderr) == (2, True), result.stderr


def test_without_keys_the_list_says_how_to_make_one(clinic_for_commands):
    assert "infoline keys add" in run("list").stdout
