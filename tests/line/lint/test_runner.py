"""`infoline prompts check`: each lint rule reports a folder that breaks it, and the shipped folder breaks none."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace

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
from ivr.line.content.loader import LINE_FILE, Content, read_content
from ivr.line.lint import runner
from ivr.line.lint.graph_rules import GRAPH_RULES, ExploredGraph
from ivr.line.lint.menu_rules import MENU_RULES
from ivr.line.lint.runner import check_files
from ivr.line.text import gsm7
from tests.line.content.test_loader import SHIPPED, changed, line_of

CANCER, STOP = "en/cancer.md", "en/stop.md"
HARD = "Radiographically identifiable depositions necessitate comprehensive characterization."


def test_the_shipped_folder_has_no_errors_and_only_warns_about_unconfirmed_hours() -> None:
    report = check_files(SHIPPED)
    assert [str(finding) for finding in report.findings if finding.level == "error"] == []
    assert {finding.rule for finding in report.findings} == {"unconfirmed"}
    assert {SHIPPED[LINE_FILE].decode().split("\n")[finding.line - 1].strip() for finding in report.findings} == {
        "confirmed: false"
    }
    assert not report.has_errors
    assert report.states > 500
    assert report.transitions > report.states


def test_a_folder_that_cannot_be_read_is_a_finding_not_an_exception() -> None:
    report = check_files({LINE_FILE: b"\x00"})
    assert report.has_errors
    assert (report.states, report.transitions) == (0, 0)


def test_errors_come_before_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.line.lint.runner.GRAPH_RULES", ())
    levels = [finding.level for finding in check_files(changed(CANCER, "It is natural", HARD)).findings]
    assert levels == sorted(levels)
    assert set(levels) == {"error", "warning"}


def text_findings(files: dict[str, bytes]) -> set[Finding]:
    return runner._check_text(read_content(files)) - shipped_findings()


@cache
def shipped_findings() -> set[Finding]:
    return runner._check_text(read_content(SHIPPED))


TEXT_CASES = [
    ("an unknown placeholder", CANCER, "It is natural", "{doctor} It is natural", "{doctor}", "placeholder"),
    ("an appointment's date outside a reminder", CANCER, "It is natural", "{date} It is", "{date}", "placeholder"),
    ("an unclosed brace", CANCER, "It is natural", "{It is natural", "{It", "placeholder"),
    ("an extra brace", CANCER, "It is natural", "}{ It is natural", "}{", "placeholder"),
    ("nested braces", CANCER, "It is natural", "{{hospital}} It is", "{{hospital", "placeholder"),
    ("a placeholder in a choice", "en/people.md", "For an appointment", "For {central-scheduling}", "1. For",
     "placeholder"),
    ("a placeholder in a title", CANCER, "Is it cancer?", '"{hospital}?"', "---", "placeholder"),
    ("a number that is not in the directory", CANCER, "It is natural", "Call 603-555-0123. It is", "603-555", "number"),
    ("a number one digit short", CANCER, "It is natural", "Call 603-663-218. It is", "603-663", "number"),
    ("a number with parentheses", CANCER, "It is natural", "Call (603) 663-2180. It is", "(603)", "number"),
    ("a number with dots", CANCER, "It is natural", "Call 603.663.2180. It is", "603.663", "number"),
    ("a number without separators", CANCER, "It is natural", "Call 6036632180. It is", "60366", "number"),
    ("a number with the country code", CANCER, "It is natural", "Call 1-603-663-2180. It is", "1-603", "number"),
    ("a number without its area code", CANCER, "It is natural", "Call 663-2180. It is", "663-2180", "number"),
    ("a number with en dashes", CANCER, "It is natural", "Call 603–663–2180. It is", "603–", "number"),
    ("a number in a choice", "en/people.md", "For an appointment", "For 603-555-0123", "1. For 603", "number"),
    ("long sentences", "es/cancer.md", "Es natural preguntarlo.", "Es " + "muy " * 99 + "natural.", "Es muy",
     "sentences"),
    ("hard words", CANCER, "It is natural to ask this.", f"{HARD} {HARD}", "Radiographically", "grade"),
    ("hard words in a choice", "en/people.md", "For an appointment", HARD[:-1],
     "1. Radio", "grade"),
    ("a one-minute section", CANCER, "Your doctor can.\n", "Your doctor can. " + "Take your time. " * 30 + "\n",
     "It is natural", "seconds"),
    ("thousands of words", CANCER, "Your doctor can.\n", "Your doctor can. " + "Take your time now. " * 2400 + "\n",
     "It is natural", "seconds"),
    ("thousands of words in a text message", CANCER, "## Texted\n", "## Texted\n\n" + "Take your time now. " * 2400,
     "Take your time now.", "segments"),
    ("a hard word", "es/cancer.md", "Es natural", "Es natural realizar", "Es natural realizar", "hard-word"),
    ("a run-on sentence", CANCER, "It is natural to ask", "It is " + "so very " * 15 + "natural to ask",
     "It is so", "sentences"),
    ("a prompt that changed after it was translated", CANCER, "It is natural", "It is so natural", None, "behind"),
    ("a sign-off of another version", CANCER, "{by: null, on: null}",
     "{by: Dr. Lee, on: 2026-12-01, words: 0123456789ab}", "reviewed:", "sign-off"),
    ("a half-minute instruction", "en/keys.md", "To hear", "Take your time. " * 20 + "To hear", "Take",
     "seconds"),
    ("a four-segment text message", "en/stop.md", "{hospital}: you", "{hospital}: " + "so " * 150 + "you",
     "{hospital}: so", "segments"),
    ("a two-segment reminder", "es/reminder-2d.md", "{hospital}: su cita",
     "{hospital}: su grata y esperada cita con nosotros",
     "{hospital}", "segments"),
    ("a three-segment menu", CANCER, "Is it cancer?", "Is it " + "really " * 20 + "cancer?", None, "segments"),
    ("an emoji in a text message", "en/stop.md", "{hospital}: you", "\U0001f600 {hospital}: you", "\U0001f600",
     "alphabet"),
    ("another script in a text message", "en/stop.md", "{hospital}: you", "नमस्ते {hospital}: you", "नमस्ते",
     "alphabet"),
    ("a phrase that leads to two topics", CANCER, "- is it cancer\n", "- What are CALCIFICATIONS?\n", None, "phrase"),
    ("a phrase without letters", CANCER, "- is it cancer\n", '- "???"\n', '"???"', "phrase"),
    ("a costly transfer", LINE_FILE, "number: 603-663-2180", "number: 900-234-1234", "900-234", "costly-number"),
    ("a premium exchange", LINE_FILE, "number: 603-663-2180", "number: 603-976-2180", "603-976", "costly-number"),
    ("a transfer to Jamaica", LINE_FILE, "number: 603-663-2180", "number: 876-234-1234", "876-234", "costly-number"),
    ("six choices", LINE_FILE, "4: people}", "4: people, 5: cancer, 6: cancer}", "{1: calcifications", "menu-choices"),
    ("an unknown voice", LINE_FILE, "Polly.Joanna", "Polly.Jonna", "Polly.Jonna", "voice"),
    ("a voice that Twilio lacks", LINE_FILE, "Polly.Joanna-Neural", "Polly.Nobody-Neural", "Polly.Nobody", "voice"),
    ("a kind that a voice lacks", LINE_FILE, "Polly.Joanna-Neural", "Polly.Ivy-Generative", "Polly.Ivy", "voice"),
    ("Google in another language", LINE_FILE, "Polly.Joanna-Neural", "Google.es-US-Neural2-A", "Google", "voice"),
    ("an entry's id that is too long", LINE_FILE, "  - id: elliot\n", f"  - id: {'e' * 41}\n", "- id: eee", "long-id"),
    ("a voice for another language", LINE_FILE, "Polly.Lupe-Neural", "Polly.Joanna-Neural # no",
     "    voice: Polly.Joanna-Neural # no", "voice"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "file", "old", "new", "marker", "rule"), TEXT_CASES, ids=[case[0] for case in TEXT_CASES]
)
def test_text_that_breaks_a_rule_is_reported_with_its_line(
    label: str, file: str, old: str, new: str, marker: str | None, rule: str
) -> None:
    files = changed(file, old, new)
    if label == "six choices":
        files["en/welcome.md"] += b"5. To ask if it is cancer\n6. And again\n"
        files["es/welcome.md"] += b"5. Para preguntar\n6. Y otra vez\n"
    findings = text_findings(files)
    assert rule in {finding.rule for finding in findings}
    if marker:
        located = {(finding.file, finding.line, finding.rule) for finding in findings}
        assert (file, line_of(files, file, marker), rule) in located


VOICES = [
    ("a standard voice", "en-US", "Polly.Joanna", None),
    ("a neural voice", "en-US", "Polly.Ruth-Neural", None),
    ("a generative voice", "en-US", "Polly.Ruth-Generative", None),
    ("a voice of Google", "en-US", "Google.en-US-Chirp3-HD-Aoede", None),
    ("a voice that Twilio lacks", "en-US", "Polly.Nobody-Neural", "error"),
    ("a standard voice that exists only as neural", "en-US", "Polly.Ruth", "error"),
    ("any voice of a language that is not in the table", "vi-VN", "Polly.Nobody-Neural", "warning"),
]


@pytest.mark.parametrize(("label", "tag", "voice", "level"), VOICES, ids=[case[0] for case in VOICES])
def test_a_voice_that_callers_would_not_hear_is_an_error_and_an_unknown_one_a_warning(
    label: str, tag: str, voice: str, level: str | None
) -> None:
    files = changed(LINE_FILE, "voice: Polly.Joanna-Neural\n    tag: en-US", f"voice: {voice}\n    tag: {tag}")
    findings = [finding for finding in text_findings(files) if finding.rule == "voice"]
    assert [finding.level for finding in findings] == ([level] if level else [])


def test_replies_that_cost_too_much_on_average_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.line.lint.folder_rules.MEAN_SEGMENTS", 1.0)
    findings = [finding for finding in text_findings(SHIPPED) if finding.rule == "segments"]
    assert [finding.file for finding in findings] == [LINE_FILE, LINE_FILE]
    assert all("average" in finding.message for finding in findings)


def test_a_text_message_that_keeps_its_accents_is_sent_with_them_and_its_cost_is_reported() -> None:
    files = changed("es/start.md", "reviewed:", "accents: keep\nreviewed:")
    written = read_content(files).texted("es", "start")
    assert written != read_content(SHIPPED).texted("es", "start")
    assert gsm7.fold_to_gsm7(written) == read_content(SHIPPED).texted("es", "start")
    (finding,) = [finding for finding in text_findings(files) if finding.rule == "accents"]
    kept, folded = gsm7.count_segments(written).segments, gsm7.count_segments(gsm7.fold_to_gsm7(written)).segments
    accents = " ".join(gsm7.non_gsm7_characters(written))
    assert finding.level == "warning"
    assert f"keeps {accents}, and takes {kept} segments instead of {folded}" in finding.message
    assert kept > folded


def test_a_text_message_that_keeps_its_accents_must_still_fit_in_three_segments() -> None:
    findings = text_findings(changed("es/cancer.md", "reviewed:", "accents: keep\nreviewed:"))
    assert {(finding.rule, finding.level) for finding in findings} == {("accents", "warning"), ("segments", "error")}


def test_a_check_in_two_processes_reports_the_same_as_in_one_even_if_the_second_dies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "GRAPH_RULES", ())
    monkeypatch.setattr(runner, "MENU_RULES", ())
    empty = SimpleNamespace(states={}, speech=None, transitions=0)
    monkeypatch.setattr(runner, "ExploredGraph", lambda _content: empty)
    files = changed(CANCER, "It is natural", f"{HARD} It is natural")
    alone = check_files(files)
    assert {finding.rule for finding in alone.findings} >= {"grade", "unconfirmed"}
    assert check_files(files, parallel=True) == alone
    parent, check_text = os.getpid(), runner._check_text
    die_in_child = lambda content: check_text(content) if os.getpid() == parent else os._exit(9)  # noqa: E731
    monkeypatch.setattr(runner, "_check_text", die_in_child)
    assert check_files(files, parallel=True) == alone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a second process")
def test_the_second_process_of_a_check_prints_nothing_on_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_content: Content) -> set[Finding]:
        os.kill(os.getpid(), signal.SIGINT)
        return {Finding("en/cancer.md", 1, "any", "warning", "It continued.")}

    monkeypatch.setattr(runner, "_check_text", interrupted)
    assert runner._TextWorker(read_content(SHIPPED)).findings()
    assert capfd.readouterr().err == ""


def test_an_unused_prompt_and_its_missing_translation_are_warnings() -> None:
    data = b"---\nsources: [line]\nreviewed: {}\n---\n## Texted\n\nOld.\n"
    findings = text_findings({**SHIPPED, "en/old.md": data})
    assert {(finding.file, finding.rule, finding.level) for finding in findings} == {
        ("en/old.md", "unused", "warning"),
        ("es/old.md", "translation", "warning"),
    }


@pytest.mark.parametrize("words", ["1911 and 2024", "from 8:00 to 17:00", "4 or more", "911 or 988"])
def test_numbers_that_are_not_phone_numbers_are_not_reported(words: str) -> None:
    findings = text_findings(changed(CANCER, "It is natural to ask this.", f"{words} it is."))
    assert "number" not in {finding.rule for finding in findings}


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


def test_a_topic_that_no_key_leads_to_is_reported() -> None:
    files = changed(LINE_FILE, "2: skin-products}", "2: the-visit}")
    findings = graph_findings(ExploredGraph(read_content(files)), "unreached")["unreached"]
    assert [(finding.file, finding.line) for finding in findings] == [
        (LINE_FILE, line_of(files, LINE_FILE, "{id: skin-products"))
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


def test_a_phrase_that_a_red_flag_rule_matches_is_reported() -> None:
    files = changed("en/the-visit.md", "- does it hurt\n", "- does my chest hurt\n")
    assert [(finding.file, finding.line) for finding in text_findings(files)] == [
        ("en/the-visit.md", line_of(files, "en/the-visit.md", "- does my chest hurt"))
    ]


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


def test_a_finding_prints_in_the_format_that_editors_parse() -> None:
    finding = Finding(CANCER, 3, "grade", "error", "Use shorter words.")
    assert str(finding) == "en/cancer.md:3: error: Use shorter words. [grade]"
    assert finding.as_json()["line"] == 3
