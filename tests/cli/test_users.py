"""`infoline users`: who may sign in to the console."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from ivr.cli import main
from tests.support.clinic import Clinic

ROSA = ("add", "Rosa@Example.org", "--name", "Rosa Example", "--role", "operator")


def users(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["users", *arguments])


@pytest.fixture(autouse=True)
def _clinic(clinic_for_commands: Clinic) -> None:
    """Commands in a folder with a database."""


def listed() -> dict[str, str]:
    return {user["email"]: user["state"] for user in json.loads(users("list", "--json").stdout)["users"]}


def test_without_users_the_command_says_how_to_add_the_first() -> None:
    assert "infoline users add" in users().stdout


def test_a_user_is_added_with_a_link_that_is_printed_once() -> None:
    added = users(*ROSA)
    assert added.exit_code == 0
    assert "/console/welcome/" in added.stdout
    assert listed() == {"rosa@example.org": "invited"}
    assert "welcome" not in users("list").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (ROSA, "is a user already"),
        (("add", "rosa", "--name", "Rosa", "--role", "admin"), "is not an email address"),
        (("add", "b@example.org", "--name", " ", "--role", "admin"), "The name needs"),
        (("add", "b@example.org", "--name", "B", "--role", "king"), "king"),
        (("reset", "nobody@example.org"), "There is no user"),
        (("disable", "nobody@example.org"), "There is no user"),
        (("role", "nobody@example.org", "admin"), "There is no user"),
    ],
)
def test_wrong_input_is_refused_with_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    users(*ROSA)
    refused = users(*arguments)
    assert refused.exit_code == 2
    assert sentence in refused.output
    assert list(listed()) == ["rosa@example.org"]


def test_a_disabled_user_is_let_in_again_by_a_new_link() -> None:
    first = users(*ROSA).stdout
    users("disable", "rosa@example.org")
    assert listed() == {"rosa@example.org": "disabled"}
    second = users("reset", "ROSA@example.org").stdout
    assert second != first
    assert listed() == {"rosa@example.org": "invited"}


def test_a_role_is_changed_and_every_change_is_in_the_audit_log() -> None:
    users(*ROSA)
    users("role", "rosa@example.org", "admin")
    assert json.loads(users("--json").stdout)["users"][0]["role"] == "admin"
    entries = json.loads(CliRunner().invoke(main, ["audit", "--json"]).stdout)["entries"]
    assert [entry["kind"] for entry in entries] == ["user_added", "role_changed"]
    assert entries[1]["details"]["role"] == "admin"
    assert "rosa" not in json.dumps(entries)
