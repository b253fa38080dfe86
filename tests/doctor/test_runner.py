"""All checks run at once, in order, in time, and tell no secret."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ivr.doctor.result import Level, Line, Result, ok, problem
from ivr.doctor.runner import redacted, report_as_json, run
from ivr.settings import Settings

LINE = Line(Settings(), "")


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_check_that_hangs_becomes_a_warning_and_the_others_are_shown(hang: threading.Event) -> None:
    def hanging(_line: Line) -> Result:
        hang.wait()
        return ok("too late")

    waited_for: list[str] = []
    results = dict(run(LINE, {"hanging": hanging, "quick": lambda _: ok("done")}, 0.2, waited_for.append))
    assert {name: result.level for name, result in results.items()} == {"hanging": Level.WARNING, "quick": Level.OK}
    assert waited_for == ["hanging", "quick"]


def test_a_check_that_fails_is_a_problem_without_a_traceback() -> None:
    def failing(_line: Line) -> Result:
        raise RuntimeError("password=hunter2")

    (result,) = dict(run(LINE, {"failing": failing})).values()
    assert result.level is Level.PROBLEM
    assert "RuntimeError" in result.sentence
    assert "hunter2" not in result.sentence


SECRETS = [name for name, field in Settings.model_fields.items() if not field.repr]


@pytest.mark.parametrize("name", SECRETS)
def test_the_value_of_a_secret_setting_never_leaves_a_check(name: str) -> None:
    settings = Settings.model_construct(**{name: "a-secret-value,another-secret"})
    sentence = redacted("It is a-secret-value or another-secret.", settings)
    assert sentence == f"It is [{name.upper()}] or [{name.upper()}]."


def test_a_phone_number_never_leaves_a_check() -> None:
    assert redacted("The number +16035550123 is wrong.", Settings()) == "The number [number] is wrong."


def test_only_a_problem_makes_the_report_not_ok() -> None:
    warned = {"a": ok("fine"), "b": Result(Level.WARNING, "soon")}
    assert report_as_json(warned)["ok"] is True
    assert report_as_json({**warned, "c": problem("now")})["ok"] is False


def test_every_secret_setting_is_kept_out_of_representations() -> None:
    """So that `redacted` knows it: a setting whose name says that it is secret has no repr."""
    words = ("token", "key", "secret", "url")
    named = {name for name in Settings.model_fields if any(word in name.split("_") for word in words)}
    shown = named - set(SECRETS)
    # The keys of feeds are the paths of files, and a public id.
    feeds = {"fhir_url", "fhir_key", "fhir_key_id", "hl7_key"}
    assert shown == {"public_url", "simulator_url", "twilio_api_url", *feeds}
