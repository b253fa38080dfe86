"""The lint rules for the call graph and its menus report every way in which a caller would be left without help."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ivr.line.callflow.graph import Graph, StayReason
from ivr.line.callflow.speech import Speech
from ivr.line.callflow.states import (
    CallbackTime,
    EnterNumber,
    Facts,
    Goodbye,
    Heard,
    Key,
    Menu,
    Silence,
    SpokenWords,
    State,
    TopicPart,
    Turn,
)
from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, read_content
from ivr.line.lint.graph_rules import GRAPH_RULES, ExploredGraph
from ivr.line.lint.menu_rules import MENU_RULES
from ivr.line.lint.runner import check_files
from tests.line.content.test_loader import SHIPPED, changed, line_of


def graph_findings(explored: ExploredGraph, function: str) -> dict[str, list[Finding]]:
    """The findings by rule id, from the graph rules whose function name contains `function`."""
    findings: dict[str, list[Finding]] = {}
    for rule in GRAPH_RULES:
        for finding in rule(explored) if function in rule.__name__ else ():
            findings.setdefault(finding.rule, []).append(finding)
    return findings


def test_a_menu_that_no_key_leads_to_is_reported() -> None:
    files = changed(LINE_FILE, "4: next-steps}\n", "4: next-steps}\n  attic:\n    person: central-scheduling\n"
                    "    choices: {1: cancer}\n")  # fmt: skip
    for language in ("en", "es"):
        files[f"{language}/attic.md"] = (
            b"---\nsources: [line]\nreviewed: {}\n---\n## Spoken\n\nA.\n\n## Choices\n\n1. B\n"
        )
    findings = graph_findings(ExploredGraph(read_content(files)), "unreached")["unreached"]
    assert [(finding.file, finding.line) for finding in findings] == [
        (LINE_FILE, line_of(files, LINE_FILE, "  attic:"))
    ]


def test_the_whole_check_reports_a_topic_that_no_key_leads_to() -> None:
    report = check_files(changed(LINE_FILE, "2: skin-products}", "2: the-visit}"))
    assert [finding.line for finding in report.about("unreached")] == [
        line_of(SHIPPED, LINE_FILE, "{id: skin-products")
    ]


def test_a_topic_in_no_menu_is_one_finding_even_if_answers_are_offered_after_it() -> None:
    files = changed(LINE_FILE, "2: cancer, 3: more-pictures, ", "3: more-pictures, ")
    for language, label in (("en", b"2. About cancer\n"), ("es", b"2. Sobre el c\xc3\xa1ncer\n")):
        menu = f"{language}/calcifications.md"
        files[menu] = files[menu].replace(label, b"")
    errors = [finding for finding in check_files(files).findings if finding.level == "error"]
    assert [(finding.rule, finding.line) for finding in errors] == [
        ("unreached", line_of(files, LINE_FILE, "{id: cancer, number"))
    ]


def test_the_time_to_a_topic_is_right_in_a_menu_with_as_many_paragraphs_as_choices() -> None:
    text = SHIPPED["en/welcome.md"].decode()
    greeting = text.partition("## Spoken\n\n")[2].partition("\n\n## Choices")[0]
    paragraphs = "\n\n".join(f"Hello {number}." for number in range(4))
    files = changed("en/welcome.md", greeting, paragraphs)
    assert menu_findings(files, "first-words") == []


def test_a_menu_that_is_too_deep_is_reported() -> None:
    text = SHIPPED[LINE_FILE].decode()
    text = text.replace("4: people}", "4: what-they-are}").replace("{1: what-they-are, 2: c", "{1: people, 2: c")
    explored = ExploredGraph(read_content({**SHIPPED, LINE_FILE: text.encode()}))
    assert "depth" in graph_findings(explored, "deep")


def menu_findings(files: dict[str, bytes], rule_id: str) -> list[Finding]:
    content = read_content(files)
    speech = Speech(content, Graph(content))
    return [finding for rule in MENU_RULES for finding in rule(speech) if finding.rule == rule_id]


def test_a_menu_that_takes_too_long_to_say_is_reported() -> None:
    long = "1. About calcifications, and " + "about this and that, " * 10
    findings = menu_findings(changed("en/welcome.md", "1. About calcifications", long), "seconds")
    assert [finding.file for finding in findings] == ["en/welcome.md", "en/welcome.md"]
    assert ["to its last choice" in finding.message for finding in findings] == [True, False]


def explore_with(monkeypatch: pytest.MonkeyPatch, override: Callable[[State, Heard], Turn | None]) -> ExploredGraph:
    """Explores a graph in which `override` replaces a transition wherever it returns a turn."""
    original = Graph.transition

    def transition(self: Graph, state: State, heard: Heard, facts: Facts) -> Turn | StayReason:
        return override(state, heard) or original(self, state, heard, facts)

    monkeypatch.setattr(Graph, "transition", transition)
    return ExploredGraph(read_content(SHIPPED))


def test_a_state_in_which_0_does_not_lead_to_help_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def ignore_0(state: State, heard: Heard) -> Turn | None:
        return Turn(state) if isinstance(state.node, TopicPart) and heard == Key("0") else None

    findings = graph_findings(explore_with(monkeypatch, ignore_0), "help")
    assert set(findings) == {"no-help"}
    messages = {finding.message for finding in findings["no-help"]}
    place = "At the topic cancer, part 2, in es after 1 silence (es.piece-cancer-1.s1)"
    assert f"{place}, pressing 0 does not lead to a person" in " ".join(messages)
    assert all("piece-" in finding.message for finding in findings["no-help"])


def test_a_loop_without_an_exit_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    trap = Menu("calcifications")

    def trapped(state: State, _heard: Heard) -> Turn | None:
        return Turn(State(state.language, trap)) if state.node == trap else None

    findings = graph_findings(explore_with(monkeypatch, trapped), "dead")
    assert "en.menu-calcifications" in " ".join(finding.message for finding in findings["dead-end"])


def test_a_state_that_reprompts_a_silent_caller_forever_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def reprompt(state: State, heard: Heard) -> Turn | None:
        return Turn(state.enter(state.node)) if heard == Silence() and isinstance(state.node, EnterNumber) else None

    findings = graph_findings(explore_with(monkeypatch, reprompt), "silent")
    assert set(findings) == {"silent-loop"}
    assert all("keyin-" in finding.message for finding in findings["silent-loop"])


def test_a_state_in_which_the_line_hangs_up_too_early_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang_up(state: State, heard: Heard) -> Turn | None:
        return (
            Turn(state.enter(Goodbye()))
            if heard == SpokenWords("none") and isinstance(state.node, CallbackTime)
            else None
        )

    findings = graph_findings(explore_with(monkeypatch, hang_up), "hang")
    assert set(findings) == {"hang-up"}
    assert all("wish-" in finding.message for finding in findings["hang-up"])


def test_a_topic_that_begins_too_late_is_reported() -> None:
    late = "1. About calcifications, " + "about this and that, " * 4
    findings = menu_findings(changed("en/welcome.md", "1. About calcifications", late), "first-words")
    assert {finding.file for finding in findings} >= {"en/cancer.md", "en/next-steps.md"}
    assert all(finding.file.startswith("en/") for finding in findings)
