"""Unanswered questions are clustered, and one becomes a phrase in a single step that shows its side effects."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr import clock
from ivr.cli import main
from ivr.ledger import Ledger, Vault
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_content
from ivr.line.content.prompt import read_prompt
from ivr.line.lint.add_phrase import PhraseRejected, add_phrase, preview_effect
from ivr.line.nlu.clusters import MOST_WORDINGS, cluster_questions, looks_personal
from ivr.line.nlu.models import trained_model
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.releases.drafts import Drafts
from ivr.releases.store import publish_release
from ivr.settings import load
from tests.line.content.test_loader import SHIPPED as WHOLE
from tests.support.databases import on_one_database
from tests.support.matching import matcher_of

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
FEW = {
    f"{language}/questions.tsv": b"".join(WHOLE[f"{language}/questions.tsv"].splitlines(keepends=True)[::250])
    for language in ("en", "es")
}
# The shipped prompts with one in 250 of their questions: learning from all of them takes seconds.
SHIPPED = {**WHOLE, **FEW}
# A question that the shipped prompts cannot answer.
PURPLE = "purple monkey dishwasher"
TOPIC, FILE = "the-visit", "en/the-visit.md"


@pytest.fixture(scope="module")
def content() -> Content:
    return read_content(SHIPPED)


CLUSTERS = [
    ("the same words in another case", ["Purple monkey!", "purple monkey"], [1]),
    ("another order and other filler words", ["is there a shuttle bus", "a shuttle bus, is there one there"], [1]),
    ("a misspelling", ["shutle from the garage", "shuttle from the garage"], [1]),
    ("another form of a word", ["where do i park the car", "parking for cars"], [1]),
    ("different words that look alike", ["cancel", "cancer"], [1, 1]),
    ("questions that share a frequent word", ["does the needle hurt", "does the machine hurt"], [1, 1]),
    ("punctuation only", ["??", "!!"], [1, 1]),
    ("no questions", [], []),
]


@pytest.mark.parametrize(("label", "questions", "counts"), CLUSTERS, ids=[case[0] for case in CLUSTERS])
def test_similar_questions_are_clustered(label, questions, counts) -> None:
    # Most questions are about something else.
    rest = [("en", words) for words in ("where is the gift shop", "who won the game", "any room for my stroller")]
    clusters = cluster_questions([("en", words) for words in questions] + rest)
    similar = [cluster for cluster in clusters if set(cluster.wordings) & set(questions)]
    assert len(similar) == len(counts)
    assert sum(cluster.count for cluster in similar) == len(questions)


def test_the_biggest_cluster_comes_first_with_its_most_typical_question() -> None:
    questions = ["is there a shuttle bus", "shuttle bus?", "the shuttle bus, please", "is there a shuttle bus"]
    clusters = cluster_questions([("en", "gift shop"), *(("en", words) for words in questions), ("es", "shuttle")])
    assert [(cluster.count, cluster.language) for cluster in clusters] == [(4, "en"), (1, "en"), (1, "es")]
    assert clusters[0].typical == clusters[0].wordings[0] == "is there a shuttle bus"
    again = cluster_questions([*(("en", words) for words in questions), ("es", "shuttle"), ("en", "gift shop")])
    assert [cluster.id for cluster in again] == [cluster.id for cluster in clusters], "the ids depend on the order"


def test_a_flood_of_questions_is_cut_to_the_newest() -> None:
    clusters = cluster_questions(("en", f"q{number:05} w{number:05}") for number in range(MOST_WORDINGS + 50))
    assert sum(cluster.count for cluster in clusters) == MOST_WORDINGS


PERSONAL = [
    ("call me at 603-555-0123", True),
    ("my number is (603) 555 0123", True),
    ("6035550123", True),
    ("i was born 03/14/1962", True),
    ("jane@example.org wrote me", True),
    ("birads 4", False),
    ("my visit is at 10:30 on 12/4", False),
    ("room 1200", False),
]


@pytest.mark.parametrize(("words", "personal"), PERSONAL)
def test_a_question_with_a_phone_number_a_date_or_an_address_looks_personal(words, personal) -> None:
    assert looks_personal(words) is personal


TOP = "---\ntitle: x\nsources: [F1]\nreviewed: {by: null, on: null}\n"
BODY = "---\n## Spoken\n\nWords.\n"
EDITS = [
    ("at the end of the list", TOP + "phrases:\n  - a\n  - b b\n" + BODY, "  - b b\n", "  - where do i park\n"),
    ("before another field", TOP + "phrases:\n- a\nkeyword_rules: |\n  a + b\n" + BODY, "- a\n", "- where do i park\n"),
    ("after a phrase on two lines", TOP + "phrases:\n  - a\n    b\n" + BODY, "    b\n", "  - where do i park\n"),
    ("after a phrase in quotes", TOP + 'phrases:\n  - "a: b"\n' + BODY, '"a: b"\n', "  - where do i park\n"),
    (
        "after a phrase below its dash",
        TOP + "phrases:\n  -\n    well-worn a\n" + BODY,
        "worn a\n",
        "  - where do i park\n",
    ),
    ("after a comment", TOP + "phrases:\n  - a # why\n" + BODY, "# why\n", "  - where do i park\n"),
    ("in a list on one line", TOP + "phrases: [a, b]\n" + BODY, "[a, b", ", where do i park"),
    ("in an empty list", TOP + "phrases: []\n" + BODY, "phrases: [", "where do i park"),
    ("in a file without a list", TOP + BODY, "on: null}\n", "phrases:\n  - where do i park\n"),
    (
        "in a file with Windows line endings",
        "\ufeff" + (TOP + "phrases:\n  - a\n" + BODY).replace("\n", "\r\n"),
        "  - a\r\n",
        "  - where do i park\r\n",
    ),
    (
        "in a file with classic Mac OS line endings",
        (TOP + "phrases:\n  - a\n" + BODY).replace("\n", "\r"),
        "  - a\r",
        "  - where do i park\r",
    ),
]


@pytest.mark.parametrize(("label", "file", "after", "added"), EDITS, ids=[case[0] for case in EDITS])
def test_adding_a_phrase_keeps_every_other_byte(label, file, after, added) -> None:
    offset = file.index(after) + len(after)
    edited = add_phrase("en/x.md", file.encode(), " where do\n i  park ")
    assert edited.decode() == file[:offset] + added + file[offset:]


@pytest.mark.parametrize("words", ["is it: bad?", "# 1", "no", "- x", 'say "it"', "[b]", "¿es malo?", "100", "a, b"])
def test_a_phrase_is_read_back_as_it_was_written(words) -> None:
    for file in (TOP + "phrases:\n  - a\n" + BODY, TOP + "phrases: [a]\n" + BODY):
        edited = add_phrase("en/x.md", file.encode(), words)
        assert read_prompt("en/x.md", edited).phrases == ("a", words)


def test_a_phrase_can_be_added_to_every_shipped_prompt() -> None:
    for name, data in SHIPPED.items():
        if name.endswith(".md"):
            before, after = (read_prompt(name, version) for version in (data, add_phrase(name, data, PURPLE)))
            assert after.phrases == (*before.phrases, PURPLE)
            assert (after.keyword_rules, after.title) == (before.keyword_rules, before.title)
            assert [section.words for section in after.sections()] == [section.words for section in before.sections()]


REJECTED = [
    ("the same phrase again", "  A b? ", PhraseRejected, "already"),
    ("no letters", "???", PhraseRejected, "no letters"),
]


@pytest.mark.parametrize(("label", "words", "error", "message"), REJECTED, ids=[case[0] for case in REJECTED])
def test_a_rejected_phrase_has_a_reason(label, words, error, message) -> None:
    with pytest.raises(error, match=message):
        add_phrase("en/x.md", (TOP + "phrases:\n  - a b\n" + BODY).encode(), words)


def test_a_phrase_cannot_be_added_to_a_file_with_its_fields_on_one_line() -> None:
    file = "---\n{title: x, sources: [F1], reviewed: {by: null, on: null}}\n" + BODY
    with pytest.raises(PhraseRejected, match="in an editor"):
        add_phrase("en/x.md", file.encode(), "where do i park")


def test_a_phrase_cannot_be_added_to_a_file_that_cannot_be_read() -> None:
    with pytest.raises(BrokenPrompts):
        add_phrase("en/x.md", b"no fields", "where do i park")


def with_phrase(words: str, file: str = FILE) -> Content:
    return read_content({**SHIPPED, file: add_phrase(file, SHIPPED[file], words)})


def test_a_phrase_of_another_outcome_or_prompt_is_reported(content: Content) -> None:
    model = trained_model(content)
    effect = preview_effect(content, with_phrase("my chest hurts and i cannot breathe"), TOPIC, (), lambda _: model)
    assert [(finding.file, finding.rule) for finding in effect.findings] == [(FILE, "phrase")]
    duplicate = preview_effect(content, with_phrase("is it cancer"), TOPIC, (), lambda _: model)
    assert {finding.rule for finding in duplicate.findings} == {"phrase"}


def test_questions_that_a_phrase_pulls_away_from_other_topics_are_listed(content: Content) -> None:
    question = next(
        question
        for question in content.questions()
        if question.outcome == "cancer"
        and question.language == "en"
        and len(question.words.split()) > 4
        and matcher_of(content).match(question.words, "en").topic == "cancer"
    )
    effect = preview_effect(content, with_phrase(question.words), TOPIC, ())
    assert (question.words, "cancer") in effect.pulled


def test_a_phrase_that_led_to_another_topic_before_is_listed(content: Content) -> None:
    question = "is it cancer then"
    assert matcher_of(content).match(question, "en").topic == "cancer"
    assert (question, "cancer") in preview_effect(content, with_phrase(question), TOPIC, ()).pulled


def test_clusters_that_a_phrase_would_also_answer_are_listed(content: Content) -> None:
    unanswered = cluster_questions(
        [("en", PURPLE), ("en", "is a purple monkey dishwasher there"), ("en", "who won the game")]
    )
    effect = preview_effect(content, with_phrase(PURPLE), TOPIC, unanswered)
    assert (effect.findings, effect.pulled) == ((), ())
    answered = {words for cluster in effect.answered for words in cluster.wordings}
    assert PURPLE in answered
    assert "who won the game" not in answered


Run = Callable[..., Result]


@pytest.fixture
def run(ledger: Ledger, ledger_url: str, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    publish_release(ledger, content, NOW, "ann", "", "folder")
    log = UnansweredLog(ledger, Vault.of(load()))
    questions = [PURPLE, "Purple monkey\x1b dishwasher!", "a purple monkey dishwasher", "who won the game"]
    for minutes, words in enumerate([*questions, "call me at 603-555-0123"]):
        log.add(UnansweredQuestion(NOW - timedelta(minutes=minutes), "text", "en", words))
    log.add(UnansweredQuestion(NOW - timedelta(days=40), "call", "es", "hace mucho"))
    log.flush()
    return lambda *arguments: CliRunner().invoke(main, ["unanswered", *arguments])


def phrases(ledger: Ledger, file: str = FILE) -> tuple[str, ...]:
    return read_prompt(file, Drafts(ledger, UTC).open().files[file]).phrases


def test_unanswered_questions_are_shown_in_groups_without_those_that_look_personal(run: Run) -> None:
    shown = run().output
    assert "(and 1 similar)" in shown or "(and 2 like it)" in shown
    assert "1 more contain a number or an address" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    report = json.loads(run("--json").output)
    assert [(group["count"], group["language"]) for group in report["groups"]] == [(3, "en"), (1, "en")]
    nearest = [group["nearest"] for group in report["groups"]]
    assert all(topic is None or (topic["topic"] != "none" and 0 < topic["score"] <= 100) for topic in nearest)
    assert (report["personal"], len(report["unanswered"])) == (1, 4)
    assert "\x1b" not in shown + report["groups"][0]["typical"]
    assert "555" not in shown + json.dumps(report)
    assert json.loads(run("--json", "--days", "60").output)["groups"][-1]["language"] == "es"


@on_one_database
def test_a_group_becomes_a_phrase_of_the_draft_in_one_step(run: Run, ledger: Ledger) -> None:
    group = json.loads(run("--json").output)["groups"][0]
    result = run("teach", group["id"], "--topic", TOPIC)
    assert result.exit_code == 0, result.output
    assert f"is now a phrase of {FILE} in the draft" in " ".join(result.output.split())
    assert "Now answered too" in result.output
    assert phrases(ledger)[-1] == group["typical"]
    assert run("teach", group["typical"], "--topic", TOPIC).exit_code == 1, "a phrase can be added twice"


@on_one_database
def test_a_phrase_with_side_effects_is_reported_at_once(run: Run, ledger: Ledger) -> None:
    result = run("teach", "my chest hurts and i cannot breathe", "--topic", TOPIC)
    assert (result.exit_code, "[phrase]" in result.output) == (1, True)
    assert f"infoline prompts draft discard {FILE}\n" in result.output
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


WRONG = [
    ("an unknown topic", ["where is the gift shop", "--topic", "parking"], 2, "not a topic"),
    ("an unknown language", ["gift shop", "--topic", TOPIC, "--language", "fr"], 2, "not a language"),
    ("a question that looks personal", ["call 603-555-0123", "--topic", TOPIC], 1, "must not identify anyone"),
    ("bytes that are not UTF-8", ["caf\udce9", "--topic", TOPIC], 2, "UTF-8"),
    ("no letters", ["?!", "--topic", TOPIC], 1, "no letters"),
]


@on_one_database
@pytest.mark.parametrize(("label", "arguments", "status", "message"), WRONG, ids=[case[0] for case in WRONG])
def test_the_command_says_why_a_phrase_is_rejected(label, arguments, status, message, run: Run, ledger: Ledger) -> None:
    result = run("teach", *arguments)
    assert (result.exit_code, message in result.output, "Traceback" in result.output) == (status, True, False)
    assert Drafts(ledger, UTC).open().changed == {}


@on_one_database
def test_a_phrase_goes_into_the_named_language_and_keeps_the_edits_of_others(run: Run, ledger: Ledger) -> None:
    drafts = Drafts(ledger, UTC)
    drafts.save("en/cancer.md", b"half typed", "bob", NOW, None)
    result = run("teach", "hay tienda de regalos", "--topic", TOPIC, "--language", "es")
    assert (result.exit_code, "The draft has errors" in result.output) == (1, True)
    assert phrases(ledger, "es/the-visit.md")[-1] == "hay tienda de regalos"
    assert drafts.open().files["en/cancer.md"] == b"half typed"
