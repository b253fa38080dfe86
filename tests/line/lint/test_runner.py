"""`infoline prompts check`: each lint rule reports a folder that breaks it, and the shipped folder breaks none."""

from __future__ import annotations

import os
import signal
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, Content, read_content
from ivr.line.lint import runner
from ivr.line.lint.folder_rules import FOLDER_RULES
from ivr.line.lint.recording_rules import RECORDING_RULES
from ivr.line.lint.runner import check_files
from ivr.line.nlu.phrase_index import PhraseIndex
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


def skip_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the whole check not explore the call graph, which takes seconds."""
    monkeypatch.setattr(runner, "GRAPH_RULES", ())
    monkeypatch.setattr(runner, "MENU_RULES", ())
    empty = SimpleNamespace(states={}, speech=None, transitions=0)
    monkeypatch.setattr(runner, "ExploredGraph", lambda _content: empty)


def test_errors_come_before_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_the_graph(monkeypatch)
    levels = [finding.level for finding in check_files(changed(CANCER, "It is natural", HARD)).findings]
    assert levels == sorted(levels)
    assert set(levels) == {"error", "warning"}


def text_findings(files: dict[str, bytes]) -> set[Finding]:
    """The new findings of the rules for the folder, and for the prompts that differ from the shipped ones."""
    content = read_content(files)
    index = PhraseIndex(content)
    findings = {finding for rule in (*FOLDER_RULES, *RECORDING_RULES) for finding in rule(content)}
    different = {Path(file).stem for file in files if files[file] != SHIPPED.get(file)}
    prompts = [prompt for prompt in content.prompts.values() if prompt.name in different]
    return findings.union(*(runner.check_prompt(content, index, prompt) for prompt in prompts)) - shipped_findings()


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


def test_the_whole_check_reports_a_menu_that_another_prompts_title_makes_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    skip_the_graph(monkeypatch)
    report = check_files(changed(CANCER, "Is it cancer?", "Is it " + "really " * 20 + "cancer?"))
    assert [(finding.file, finding.level) for finding in report.about("segments")] == [("en/menu.md", "error")]


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
    skip_the_graph(monkeypatch)
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


def test_a_phrase_that_a_red_flag_rule_matches_is_reported() -> None:
    files = changed("en/the-visit.md", "- does it hurt\n", "- does my chest hurt\n")
    assert [(finding.file, finding.line) for finding in text_findings(files)] == [
        ("en/the-visit.md", line_of(files, "en/the-visit.md", "- does my chest hurt"))
    ]


def test_a_finding_prints_in_the_format_that_editors_parse() -> None:
    finding = Finding(CANCER, 3, "grade", "error", "Use shorter words.")
    assert str(finding) == "en/cancer.md:3: error: Use shorter words. [grade]"
    assert finding.as_json()["line"] == 3
