"""`infoline prompts check`: each rule catches the folder that breaks it, and the shipped folder breaks none."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from ivr.line.callflow.graph import Graph, Stay
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
from ivr.line.content.loader import LINE_FILE, Content, read_content
from ivr.line.lint import runner as check_module
from ivr.line.lint.graph_rules import GRAPH_RULES, ExploredGraph
from ivr.line.lint.menu_rules import MENU_RULES
from ivr.line.lint.runner import check_files
from ivr.line.text import gsm7
from tests.line.content.test_loader import SHIPPED, changed, line_of

CANCER, STOP = "en/cancer.md", "en/stop.md"
HARD = "Radiographically identifiable depositions necessitate comprehensive characterization."


def test_the_shipped_folder_has_no_error_and_warns_of_hours_that_nobody_confirmed() -> None:
    report = check_files(SHIPPED)
    assert [str(finding) for finding in report.findings if finding.level == "error"] == []
    assert {finding.rule for finding in report.findings} == {"unconfirmed"}
    assert {SHIPPED[LINE_FILE].decode().split("\n")[one.line - 1].strip() for one in report.findings} == {
        "confirmed: false"
    }
    assert not report.broken
    assert report.states > 500
    assert report.arrows > report.states


def test_what_cannot_be_read_is_a_finding_and_no_exception() -> None:
    report = check_files({LINE_FILE: b"\x00"})
    assert report.broken
    assert (report.states, report.arrows) == (0, 0)


def test_errors_come_before_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.line.lint.runner.GRAPH_RULES", ())
    levels = [finding.level for finding in check_files(changed(CANCER, "It is natural", HARD)).findings]
    assert levels == sorted(levels)
    assert set(levels) == {"error", "warning"}


def word_findings(files: dict[str, bytes]) -> set[Finding]:
    return check_module._of_words(read_content(files)) - SHIPPED_FINDINGS


SHIPPED_FINDINGS = check_module._of_words(read_content(SHIPPED))

WORDS = [
    ("an unknown placeholder", CANCER, "It is natural", "{doctor} It is natural", "{doctor}", "placeholder"),
    ("a visit's date where there is no visit", CANCER, "It is natural", "{date} It is", "{date}", "placeholder"),
    ("a brace left open", CANCER, "It is natural", "{It is natural", "{It", "placeholder"),
    ("a brace too many", CANCER, "It is natural", "}{ It is natural", "}{", "placeholder"),
    ("braces in braces", CANCER, "It is natural", "{{hospital}} It is", "{{hospital", "placeholder"),
    ("a placeholder in a choice", "en/people.md", "For Central Scheduling", "For {central-scheduling}", "1. For",
     "placeholder"),
    ("a placeholder in a title", CANCER, "Is it cancer?", '"{hospital}?"', "---", "placeholder"),
    ("a number that nobody owns", CANCER, "It is natural", "Call 603-555-0123. It is", "603-555", "number"),
    ("a number one digit short", CANCER, "It is natural", "Call 603-663-218. It is", "603-663", "number"),
    ("a number with brackets", CANCER, "It is natural", "Call (603) 663-2180. It is", "(603)", "number"),
    ("a number with dots", CANCER, "It is natural", "Call 603.663.2180. It is", "603.663", "number"),
    ("a number in one piece", CANCER, "It is natural", "Call 6036632180. It is", "60366", "number"),
    ("a number with the country", CANCER, "It is natural", "Call 1-603-663-2180. It is", "1-603", "number"),
    ("a number without its area", CANCER, "It is natural", "Call 663-2180. It is", "663-2180", "number"),
    ("a number with long dashes", CANCER, "It is natural", "Call 603–663–2180. It is", "603–", "number"),
    ("a number in a choice", "en/people.md", "For Central Scheduling", "For 603-555-0123", "1. For 603", "number"),
    ("long sentences", "es/cancer.md", "Es natural hacer esta pregunta.", "Es " + "muy " * 99 + "natural.", "Es muy",
     "sentences"),
    ("hard words", CANCER, "It is natural to ask this.", f"{HARD} {HARD}", "Radiographically", "grade"),
    ("hard words in a choice", "en/people.md", "For Central Scheduling, to book, move", HARD[:-1] + ", move",
     "1. Radio", "grade"),
    ("a piece of a minute", CANCER, "Your doctor can.\n", "Your doctor can. " + "Take your time. " * 30 + "\n",
     "It is natural", "seconds"),
    ("many words", CANCER, "Your doctor can.\n", "Your doctor can. " + "Take your time now. " * 2400 + "\n",
     "It is natural", "seconds"),
    ("many words in a text", CANCER, "## Texted\n", "## Texted\n\n" + "Take your time now. " * 2400,
     "Take your time now.", "segments"),
    ("a hard word", "es/cancer.md", "Es natural hacer", "Es natural realizar", "Es natural realizar", "hard-word"),
    ("a sentence without an end", CANCER, "It is natural to ask", "It is " + "so very " * 15 + "natural to ask",
     "It is so", "sentences"),
    ("a text that has changed since it was translated", CANCER, "It is natural", "It is so natural", None, "behind"),
    ("a sign-off of other words", CANCER, "{by: null, on: null}", "{by: Dr. Lee, on: 2026-12-01, words: 0123456789ab}",
     "reviewed:", "sign-off"),
    ("an instruction of half a minute", "en/keys.md", "At any time", "Take your time. " * 20 + "At any time", "Take",
     "seconds"),
    ("a text of four segments", "en/stop.md", "{hospital}: you", "{hospital}: " + "so " * 150 + "you", "{hospital}: so",
     "segments"),
    ("a reminder of two segments", "es/reminder-2d.md", "{hospital}: su cita",
     "{hospital}: su grata y esperada cita con nosotros",
     "{hospital}", "segments"),
    ("a menu of three segments", CANCER, "Is it cancer?", "Is it " + "really " * 20 + "cancer?", None, "segments"),
    ("a picture in a text", "en/stop.md", "{hospital}: you", "\U0001f600 {hospital}: you", "\U0001f600", "alphabet"),
    ("another script in a text", "en/stop.md", "{hospital}: you", "नमस्ते {hospital}: you", "नमस्ते", "alphabet"),
    ("a phrase that leads to two topics", CANCER, "- is it cancer\n", "- What are CALCIFICATIONS?\n", None, "phrase"),
    ("a phrase without letters", CANCER, "- is it cancer\n", '- "???"\n', '"???"', "phrase"),
    ("six choices", LINE_FILE, "5: people}", "5: people, 6: cancer}", "{1: calcifications", "menu-choices"),
    ("a voice nobody knows", LINE_FILE, "Polly.Joanna", "Polly.Jonna", "Polly.Jonna", "voice"),
    ("a voice of another language", LINE_FILE, "Polly.Lupe-Neural", "Polly.Joanna-Neural # no",
     "    voice: Polly.Joanna-Neural # no", "voice"),
]  # fmt: skip


@pytest.mark.parametrize(("label", "file", "old", "new", "marker", "rule"), WORDS, ids=[case[0] for case in WORDS])
def test_words_that_break_a_rule_are_told_with_their_line(
    label: str, file: str, old: str, new: str, marker: str | None, rule: str
) -> None:
    files = changed(file, old, new)
    if label == "six choices":
        files["en/welcome.md"] += b"6. To ask if it is cancer\n"
        files["es/welcome.md"] += b"6. Para preguntar\n"
    told = word_findings(files)
    assert rule in {finding.rule for finding in told}
    if marker:
        assert (file, line_of(files, file, marker), rule) in {(one.file, one.line, one.rule) for one in told}


def test_answers_that_are_dear_on_average_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.line.lint.folder_rules.MEAN_SEGMENTS", 1.0)
    told = [one for one in word_findings(SHIPPED) if "on average" in one.message and one.rule == "segments"]
    assert [one.file for one in told] == [LINE_FILE, LINE_FILE]


def test_a_text_that_keeps_its_accents_goes_out_with_them_and_the_check_tells_what_it_costs() -> None:
    files = changed("es/start.md", "reviewed:", "accents: keep\nreviewed:")
    written = read_content(files).texted("es", "start")
    assert written != read_content(SHIPPED).texted("es", "start")
    assert gsm7.fold_to_gsm7(written) == read_content(SHIPPED).texted("es", "start")
    told = [(one.level, one.message) for one in word_findings(files) if one.rule == "accents"]
    dear, cheap = gsm7.count_segments(written).segments, gsm7.count_segments(gsm7.fold_to_gsm7(written)).segments
    assert [level for level, _ in told] == ["warning"]
    assert (
        f"keeps {' '.join(gsm7.non_gsm7_characters(written))}, and so takes {dear} segments where {cheap}" in told[0][1]
    )
    assert dear > cheap


def test_a_text_that_keeps_its_accents_still_has_to_fit_in_three_segments() -> None:
    told = word_findings(changed("es/cancer.md", "reviewed:", "accents: keep\nreviewed:"))
    assert {(one.rule, one.level) for one in told} == {("accents", "warning"), ("segments", "error")}


def test_a_check_in_two_processes_finds_the_same_as_in_one_and_goes_on_without_its_helper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check_module, "GRAPH_RULES", ())
    monkeypatch.setattr(check_module, "MENU_RULES", ())
    nothing = SimpleNamespace(line=SimpleNamespace(states={}, speech=None), arrows=0)
    monkeypatch.setattr(check_module, "ExploredGraph", lambda _content: nothing)
    files = changed(CANCER, "It is natural", f"{HARD} It is natural")
    alone = check_files(files)
    assert {finding.rule for finding in alone.findings} >= {"grade", "unconfirmed"}
    assert check_files(files, in_two=True) == alone
    here, real = os.getpid(), check_module._of_words
    dies = lambda content: real(content) if os.getpid() == here else os._exit(9)  # noqa: E731
    monkeypatch.setattr(check_module, "_of_words", dies)
    assert check_files(files, in_two=True) == alone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="in one process Ctrl-C is told by Python alone")
def test_ctrl_c_ends_the_second_process_of_a_check_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_content: Content) -> set[Finding]:
        os.kill(os.getpid(), signal.SIGINT)
        return {Finding("en/cancer.md", 1, "here", "warning", "It went on.")}

    monkeypatch.setattr(check_module, "_of_words", interrupted)
    assert check_module._Beside(read_content(SHIPPED)).found()
    assert capfd.readouterr().err == ""


def test_a_file_that_nothing_says_is_a_warning_and_so_is_its_missing_translation() -> None:
    told = word_findings({**SHIPPED, "en/old.md": b"---\nsources: [line]\nreviewed: {}\n---\n## Texted\n\nOld.\n"})
    assert {(one.file, one.rule, one.level) for one in told} == {
        ("en/old.md", "unused", "warning"),
        ("es/old.md", "translation", "warning"),
    }


@pytest.mark.parametrize("words", ["1911 and 2024", "from 8:00 to 17:00", "4 or more", "911 or 988"])
def test_numbers_that_are_no_phone_numbers_are_left_alone(words: str) -> None:
    told = word_findings(changed(CANCER, "It is natural to ask this.", f"{words} it is."))
    assert "number" not in {finding.rule for finding in told}


def graph_findings(proof: ExploredGraph, rule: str = "") -> dict[str, list[Finding]]:
    """What the rules for the graph find, by rule; rule: the function that is wanted alone."""
    found: dict[str, list[Finding]] = {}
    for one in GRAPH_RULES:
        for finding in one(proof) if rule in one.__name__ else ():
            found.setdefault(finding.rule, []).append(finding)
    return found


def test_a_menu_that_no_key_leads_to_is_told() -> None:
    files = changed(LINE_FILE, "4: next-steps}\n", "4: next-steps}\n  attic:\n    person: central-scheduling\n"
                    "    choices: {1: cancer}\n")  # fmt: skip
    for language in ("en", "es"):
        files[f"{language}/attic.md"] = (
            b"---\nsources: [line]\nreviewed: {}\n---\n## Spoken\n\nA.\n\n## Choices\n\n1. B\n"
        )
    told = graph_findings(ExploredGraph(read_content(files)), "unreached")["unreached"]
    assert [(one.file, one.line) for one in told] == [(LINE_FILE, line_of(files, LINE_FILE, "  attic:"))]


def test_a_topic_that_no_key_leads_to_is_told() -> None:
    files = changed(LINE_FILE, "3: skin-products, ", "3: people, ")
    told = graph_findings(ExploredGraph(read_content(files)), "unreached")["unreached"]
    assert [(one.file, one.line) for one in told] == [(LINE_FILE, line_of(files, LINE_FILE, "{id: skin-products"))]


def test_a_menu_that_lies_too_deep_is_told() -> None:
    words = SHIPPED[LINE_FILE].decode()
    words = words.replace("5: people}", "5: what-they-are}").replace("{1: what-they-are, 2: c", "{1: people, 2: c")
    line = ExploredGraph(read_content({**SHIPPED, LINE_FILE: words.encode()}))
    assert "depth" in graph_findings(line, "deep")


def menu_findings(files: dict[str, bytes], rule: str) -> list[Finding]:
    content = read_content(files)
    speech = Speech(content, Graph(content))
    return [finding for one in MENU_RULES for finding in one(speech) if finding.rule == rule]


def test_a_menu_that_takes_too_long_is_told() -> None:
    long = "1. For calcifications, and " + "about this and that, " * 10
    told = menu_findings(changed("en/welcome.md", "1. For calcifications", long), "seconds")
    assert [one.file for one in told] == ["en/welcome.md"]


def test_a_phrase_that_is_understood_as_something_else_is_told() -> None:
    files = changed("en/the-visit.md", "- does it hurt\n", "- does my chest hurt\n")
    told = word_findings(files)
    assert [(one.file, one.line) for one in told] == [
        ("en/the-visit.md", line_of(files, "en/the-visit.md", "- does my chest hurt"))
    ]


def broken_move(monkeypatch: pytest.MonkeyPatch, broken: Callable[[State, Heard], Turn | None]) -> ExploredGraph:
    """The proof of a graph in which something leads elsewhere, where `broken` says."""
    walked = Graph.move

    def move(self: Graph, state: State, heard: Heard, facts: Facts) -> Turn | Stay:
        return broken(state, heard) or walked(self, state, heard, facts)

    monkeypatch.setattr(Graph, "move", move)
    return ExploredGraph(read_content(SHIPPED))


def test_a_place_from_which_0_does_not_lead_to_help_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(state: State, heard: Heard) -> Turn | None:
        return Turn(state) if isinstance(state.place, TopicPart) and heard == Key("0") else None

    told = graph_findings(broken_move(monkeypatch, deaf), "help")
    assert set(told) == {"no-help"}
    assert all("piece-" in finding.message for finding in told["no-help"])


def test_a_loop_without_a_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    trap = Menu("calcifications")

    def trapped(state: State, _heard: Heard) -> Turn | None:
        return Turn(State(state.language, trap)) if state.place == trap else None

    told = graph_findings(broken_move(monkeypatch, trapped), "dead")
    assert "en.menu-calcifications" in " ".join(finding.message for finding in told["dead-end"])


def test_a_place_where_silence_is_asked_about_for_ever_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def patient(state: State, heard: Heard) -> Turn | None:
        return Turn(state.at(state.place)) if heard == Silence() and isinstance(state.place, EnterNumber) else None

    told = graph_findings(broken_move(monkeypatch, patient), "silent")
    assert set(told) == {"silent-loop"}
    assert all("keyin-" in finding.message for finding in told["silent-loop"])


def test_a_place_where_the_line_hangs_up_on_somebody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def rude(state: State, heard: Heard) -> Turn | None:
        return (
            Turn(state.at(Goodbye()))
            if heard == SpokenWords("none") and isinstance(state.place, CallbackTime)
            else None
        )

    told = graph_findings(broken_move(monkeypatch, rude), "hung")
    assert set(told) == {"hang-up"}
    assert all("wish-" in finding.message for finding in told["hang-up"])


def test_a_topic_that_begins_too_late_is_told() -> None:
    late = "1. For calcifications, " + "about this and that, " * 4
    told = menu_findings(changed("en/welcome.md", "1. For calcifications", late), "first-words")
    assert {one.file for one in told} >= {"en/cancer.md", "en/next-steps.md"}
    assert all(one.file.startswith("en/") for one in told)


def test_a_finding_is_written_as_editors_read_it() -> None:
    finding = Finding(CANCER, 3, "grade", "error", "Use shorter words.")
    assert str(finding) == "en/cancer.md:3: error: Use shorter words. [grade]"
    assert finding.as_json()["line"] == 3
