"""The lint rules for the plan of reminders, on the shipped plan and on plans that break them."""

from __future__ import annotations

import re

import pytest

from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, read_content
from ivr.line.lint.live_rules import renamed_steps
from ivr.line.lint.plan_rules import names_of_the_test, steps_over_the_limit
from tests.line.content.test_loader import SHIPPED

PLAN = SHIPPED[LINE_FILE].decode().partition("  plan:\n")[2]


def with_plan(*steps: str, limits: str = "{day: 1, week: 3}") -> dict[str, bytes]:
    """The shipped prompts with a plan of steps like `7d late 4d`, named after when they are due."""
    lines = []
    for step in steps:
        before, _, late = step.partition(" late ")
        lines.append(f"    - {{id: {before}, before: {before}, late: {late or '1h'}, prompt: reminder-2d}}\n")
    text = SHIPPED[LINE_FILE].decode().replace(PLAN, "".join(lines))
    return {**SHIPPED, LINE_FILE: text.replace("{day: 1, week: 3}", limits).encode()}


def limit_findings(*steps: str, limits: str = "{day: 1, week: 3}") -> list[Finding]:
    return list(steps_over_the_limit(read_content(with_plan(*steps, limits=limits))))


OVER = [
    ("a fourth step within a week", ("7d", "3d", "2d", "1d"), "{day: 1, week: 3}", {"1d": "error"}),
    ("a fifth too", ("6d", "5d", "3d", "2d", "1d"), "{day: 1, week: 3}", {"2d": "error", "1d": "error"}),
    ("written last to first", ("1d", "2d", "3d", "7d"), "{day: 1, week: 3}", {"1d": "error"}),
    ("a second one on a day", ("26h", "25h"), "{day: 1, week: 3}", {"25h": "error"}),
    ("a second one on some days", ("1d", "12h"), "{day: 1, week: 3}", {"12h": "warning"}),
]
WITHIN = [
    ("the shipped plan", ("7d late 4d", "2d late 1d", "1d late 18h"), "{day: 1, week: 3}"),
    ("a fourth step in another week", ("14d", "3d", "2d", "1d"), "{day: 1, week: 3}"),
    ("four a week", ("7d", "3d", "2d", "1d"), "{day: 1, week: 4}"),
    ("two a day", ("26h", "25h"), "{day: 2, week: 3}"),
    ("a fourth that may be late", ("8d", "3d", "2d", "36h late 1d"), "{day: 1, week: 3}"),
]


@pytest.mark.parametrize(("label", "steps", "limits", "expected"), OVER, ids=[case[0] for case in OVER])
def test_a_reminder_that_the_limits_hold_back_is_reported_with_its_line(
    label: str, steps: tuple[str, ...], limits: str, expected: dict[str, str]
) -> None:
    findings = limit_findings(*steps, limits=limits)
    assert {finding.message.split("`")[1]: finding.level for finding in findings} == expected
    text = with_plan(*steps, limits=limits)[LINE_FILE].decode().split("\n")
    for finding in findings:
        assert f"id: {finding.message.split('`')[1]}," in text[finding.line - 1]


@pytest.mark.parametrize(("label", "steps", "limits"), WITHIN, ids=[case[0] for case in WITHIN])
def test_a_plan_within_the_limits_has_no_finding(label: str, steps: tuple[str, ...], limits: str) -> None:
    assert limit_findings(*steps, limits=limits) == []


def test_the_shipped_plan_has_no_finding() -> None:
    assert list(steps_over_the_limit(read_content(SHIPPED))) == []


RENAMED = [
    ("another id at the same time", ("7d", "2d"), {"{id: 2d,": "{id: second,"}, ["second"]),
    ("both", ("7d", "2d"), {"{id: 2d,": "{id: second,", "{id: 7d,": "{id: first,"}, ["first", "second"]),
    ("another time with the same id", ("7d", "2d"), {"before: 2d": "before: 3d"}, []),
    ("nothing", ("7d", "2d"), {}, []),
]


@pytest.mark.parametrize(("label", "steps", "edits", "renamed"), RENAMED, ids=[case[0] for case in RENAMED])
def test_a_reminder_that_keeps_its_time_under_another_id_is_reported(
    label: str, steps: tuple[str, ...], edits: dict[str, str], renamed: list[str]
) -> None:
    live = with_plan(*steps)
    edited = live[LINE_FILE].decode()
    for old, new in edits.items():
        edited = edited.replace(old, new)
    findings = list(renamed_steps(read_content(live).config, read_content({**live, LINE_FILE: edited.encode()})))
    assert [finding.message.split("`")[3] for finding in findings] == renamed
    assert all(
        f"id: {name}," in edited.split("\n")[finding.line - 1] for finding, name in zip(findings, renamed, strict=True)
    )


def test_a_new_reminder_and_a_removed_one_at_other_times_are_not_reported() -> None:
    live, edited = read_content(with_plan("7d", "2d")), read_content(with_plan("7d", "5d"))
    assert list(renamed_steps(live.config, edited)) == []


REVEALING = [
    ("Elliot Diagnostic Imaging", "Diagnostic"),
    ("Elliot Imaging", "Imaging"),
    ("Elliot Radiology", "Radiology"),
    ("Breast Health Center", "Breast"),
    ("Mammography Suite", "Mammography"),
    ("Elliot Regional Cancer Center", "Cancer"),
    ("Oncology, 2nd floor", "Oncology"),
    ("X-ray, River's Edge", "X-ray"),
    ("Centro de Salud del Seno", "Seno"),
    ("Centro de Imágenes", "Imágenes"),
    ("Centro de la Mama", "Mama"),
    ("Mamografía, piso 2", "Mamografía"),
    ("Centro de Cáncer", "Cáncer"),
    ("Oncología", "Oncología"),
    ("Rayos X", "Rayos"),
]
NEUTRAL = ["Elliot Hospital", "Elliot at River's Edge", "Hospital Elliot, entrada 3", "Mamaroneck Clinic"]


def with_site(name: str, language: str = "en") -> dict[str, bytes]:
    """The shipped prompts with another name of the first site in one language."""
    before, heading, sites = SHIPPED[LINE_FILE].decode().partition("sites:\n")
    shipped = sites.partition("name: {")[2].partition("}")[0]
    named = re.sub(rf"\b{language}: [^,]*", f'{language}: "{name}"', shipped)
    return {**SHIPPED, LINE_FILE: (before + heading + sites.replace(shipped, named, 1)).encode()}


@pytest.mark.parametrize(("name", "word"), REVEALING)
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_site_name_that_reveals_the_kind_of_test_is_refused(name: str, word: str, language: str) -> None:
    files = with_site(name, language)
    (finding,) = names_of_the_test(read_content(files))
    assert (finding.rule, finding.level, finding.message.split("`")[1]) == ("site-name", "error", word)
    assert "name: {" in files[LINE_FILE].decode().split("\n")[finding.line - 1]


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_neutral_site_name_passes(name: str) -> None:
    assert list(names_of_the_test(read_content(with_site(name)))) == []


def test_the_name_of_the_hospital_is_held_to_the_same_rule() -> None:
    text = SHIPPED[LINE_FILE].decode().replace("  en: Elliot Health System\n", "  en: Elliot Breast Imaging\n")
    (finding,) = names_of_the_test(read_content({**SHIPPED, LINE_FILE: text.encode()}))
    assert finding.message.startswith("`Breast`")
    assert text.split("\n")[finding.line - 1] == "  en: Elliot Breast Imaging"


def test_a_site_name_that_no_reminder_says_may_reveal_the_test() -> None:
    files = with_site("Elliot Imaging")
    for language in ("en", "es"):
        file = f"{language}/reminder-7d.md"
        files[file] = files[file].replace(b"{site}", b"{hospital}")
    assert list(names_of_the_test(read_content(files))) == []


def test_a_reminder_that_names_the_test_on_purpose_may_name_such_a_site() -> None:
    files = with_site("Elliot Imaging")
    for language in ("en", "es"):
        files[f"{language}/reminder-7d-names-test.md"] = files[f"{language}/reminder-7d.md"]
    files[LINE_FILE] = files[LINE_FILE].replace(b"prompt: reminder-7d}", b"prompt: reminder-7d, names_test: true}")
    assert list(names_of_the_test(read_content(files))) == []
