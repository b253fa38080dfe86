"""What nobody understood is put together by likeness, and made a phrase in one step that tells what it pulls along."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
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
from ivr.line.nlu.clusters import MOST, cluster_questions, looks_personal
from ivr.line.nlu.matcher import Matcher
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.releases.drafts import Drafts
from ivr.releases.store import publish
from ivr.settings import load
from tests.line.content.test_loader import SHIPPED as WHOLE

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
FEW = {
    f"{language}/questions.tsv": b"".join(WHOLE[f"{language}/questions.tsv"].splitlines(keepends=True)[::50])
    for language in ("en", "es")
}
# The shipped words with one in fifty of their questions: to learn from all takes seconds.
SHIPPED = {**WHOLE, **FEW}
# What the shipped words have no answer to.
PURPLE = "purple monkey dishwasher"
TOPIC, FILE = "the-visit", "en/the-visit.md"


@pytest.fixture(autouse=True, scope="module")
def _read_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.line.content.loader.read_prompt", cache(read_prompt))
        yield


@pytest.fixture(scope="module")
def content() -> Content:
    return read_content(SHIPPED)


TOGETHER = [
    ("the same words in another case", ["Purple monkey!", "purple monkey"], [1]),
    ("another order, other small words", ["is there a shuttle bus", "a shuttle bus, is there one there"], [1]),
    ("a slip of the pen", ["shutle from the garage", "shuttle from the garage"], [1]),
    ("another form of a word", ["where do i park the car", "parking for cars"], [1]),
    ("what only looks alike", ["cancel", "cancer"], [1, 1]),
    ("what shares a word that all share", ["does the needle hurt", "does the machine hurt"], [1, 1]),
    ("nothing but signs", ["??", "!!"], [1, 1]),
    ("nothing at all", [], []),
]


@pytest.mark.parametrize(("label", "said", "counts"), TOGETHER, ids=[case[0] for case in TOGETHER])
def test_wordings_that_ask_for_the_same_are_put_together(label, said, counts) -> None:
    # Most of what people ask has nothing to do with it.
    rest = [("en", words) for words in ("where is the gift shop", "who won the game", "any room for my stroller")]
    found = [
        one for one in cluster_questions([("en", words) for words in said] + rest) if set(one.wordings) & set(said)
    ]
    assert len(found) == len(counts)
    assert sum(one.count for one in found) == len(said)


def test_the_biggest_group_comes_first_told_by_its_most_typical_wording() -> None:
    said = ["is there a shuttle bus", "shuttle bus?", "the shuttle bus, please", "is there a shuttle bus"]
    found = cluster_questions([("en", "gift shop"), *(("en", words) for words in said), ("es", "shuttle")])
    assert [(one.count, one.language) for one in found] == [(4, "en"), (1, "en"), (1, "es")]
    assert found[0].typical == found[0].wordings[0] == "is there a shuttle bus"
    again = cluster_questions([*(("en", words) for words in said), ("es", "shuttle"), ("en", "gift shop")])
    assert [one.id for one in again] == [one.id for one in found], "a group keeps its id"


def test_a_flood_of_wordings_is_cut_to_the_newest() -> None:
    found = cluster_questions(("en", f"q{number:05} w{number:05}") for number in range(MOST + 50))
    assert sum(one.count for one in found) == MOST


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
def test_words_with_a_number_or_an_address_look_personal(words, personal) -> None:
    assert looks_personal(words) is personal


TOP = "---\ntitle: x\nsources: [F1]\nreviewed: {by: null, on: null}\n"
BODY = "---\n## Spoken\n\nWords.\n"
EDITS = [
    ("at the end of the list", TOP + "phrases:\n  - a\n  - b b\n" + BODY, "  - b b\n", "  - where do i park\n"),
    ("before another field", TOP + "phrases:\n- a\nsigns: |\n  a + b\n" + BODY, "- a\n", "- where do i park\n"),
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
    ("where there was no list", TOP + BODY, "on: null}\n", "phrases:\n  - where do i park\n"),
    (
        "in a file from Windows",
        "\ufeff" + (TOP + "phrases:\n  - a\n" + BODY).replace("\n", "\r\n"),
        "  - a\r\n",
        "  - where do i park\r\n",
    ),
]


@pytest.mark.parametrize(("label", "file", "after", "added"), EDITS, ids=[case[0] for case in EDITS])
def test_a_phrase_is_added_and_all_else_stays_byte_for_byte(label, file, after, added) -> None:
    at = file.index(after) + len(after)
    taught = add_phrase("en/x.md", file.encode(), " where do\n i  park ")
    assert taught.decode() == file[:at] + added + file[at:]


@pytest.mark.parametrize("words", ["is it: bad?", "# 1", "no", "- x", 'say "it"', "[b]", "¿es malo?", "100", "a, b"])
def test_a_phrase_is_read_again_as_it_was_asked(words) -> None:
    for file in (TOP + "phrases:\n  - a\n" + BODY, TOP + "phrases: [a]\n" + BODY):
        taught = add_phrase("en/x.md", file.encode(), words)
        assert read_prompt("en/x.md", taught).phrases == ("a", words)


def test_every_shipped_prompt_can_be_taught() -> None:
    for name, data in SHIPPED.items():
        if name.endswith(".md"):
            before, after = (read_prompt(name, one) for one in (data, add_phrase(name, data, PURPLE)))
            assert after.phrases == (*before.phrases, PURPLE)
            assert (after.signs, after.spoken[:0], after.title) == (before.signs, before.spoken[:0], before.title)


NOT_TAUGHT = [
    ("the same phrase again", "  A b? ", PhraseRejected, "already"),
    ("no words", "???", PhraseRejected, "no letters"),
]


@pytest.mark.parametrize(("label", "words", "error", "told"), NOT_TAUGHT, ids=[case[0] for case in NOT_TAUGHT])
def test_what_cannot_be_taught_is_told(label, words, error, told) -> None:
    with pytest.raises(error, match=told):
        add_phrase("en/x.md", (TOP + "phrases:\n  - a b\n" + BODY).encode(), words)


def test_a_file_with_line_ends_of_long_ago_is_left_to_its_owner() -> None:
    with pytest.raises(PhraseRejected, match="by hand"):
        add_phrase("en/x.md", (TOP + "phrases:\n  - a\n" + BODY).replace("\n", "\r").encode(), "where do i park")


def test_a_file_that_cannot_be_read_cannot_be_taught() -> None:
    with pytest.raises(BrokenPrompts):
        add_phrase("en/x.md", b"no fields", "where do i park")


def taught(words: str, file: str = FILE) -> Content:
    return read_content({**SHIPPED, file: add_phrase(file, SHIPPED[file], words)})


def test_a_phrase_that_leads_elsewhere_or_stands_twice_is_told(content: Content) -> None:
    told = preview_effect(content, taught("my chest hurts and i cannot breathe"), TOPIC, ())
    assert [(one.file, one.rule) for one in told.findings] == [(FILE, "phrase")]
    doubled = preview_effect(content, taught("is it cancer"), TOPIC, ())
    assert {one.rule for one in doubled.findings} == {"phrase"}


def test_questions_of_other_topics_that_a_phrase_pulls_along_are_told(content: Content) -> None:
    question = next(
        one
        for one in content.questions
        if one.outcome == "cancer"
        and one.language == "en"
        and len(one.words.split()) > 4
        and Matcher(content).ask(one.words, "en").topic == "cancer"
    )
    told = preview_effect(content, taught(question.words), TOPIC, ())
    assert (question.words, "cancer") in told.pulled


def test_a_phrase_that_was_understood_as_something_else_so_far_is_told(content: Content) -> None:
    asked = "so could it be cancer or what"
    assert Matcher(content).ask(asked, "en").topic == "cancer"
    assert (asked, "cancer") in preview_effect(content, taught(asked), TOPIC, ()).pulled


def test_the_groups_that_a_phrase_would_answer_too_are_told(content: Content) -> None:
    waiting = cluster_questions(
        [("en", PURPLE), ("en", "is a purple monkey dishwasher there"), ("en", "who won the game")]
    )
    told = preview_effect(content, taught(PURPLE), TOPIC, waiting)
    assert (told.findings, told.pulled) == ((), ())
    answered = {words for group in told.answered for words in group.wordings}
    assert PURPLE in answered
    assert "who won the game" not in answered


Run = Callable[..., Result]


@pytest.fixture
def run(ledger: Ledger, ledger_url: str, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    publish(ledger, content, NOW, "ann", "", "folder")
    notes = UnansweredLog(ledger, Vault.of(load()))
    said = [PURPLE, "Purple monkey\x1b dishwasher!", "a purple monkey dishwasher", "who won the game"]
    for minutes, words in enumerate([*said, "call me at 603-555-0123"]):
        notes.add(UnansweredQuestion(NOW - timedelta(minutes=minutes), "text", "en", words))
    notes.add(UnansweredQuestion(NOW - timedelta(days=40), "call", "es", "hace mucho"))
    notes.flush()
    return lambda *words: CliRunner().invoke(main, ["unanswered", *words])


def phrases(ledger: Ledger, file: str = FILE) -> tuple[str, ...]:
    return read_prompt(file, Drafts(ledger, UTC).open().files[file]).phrases


def test_what_nobody_understood_is_shown_in_groups_without_what_looks_personal(run: Run) -> None:
    shown = run().output
    assert "(and 1 similar)" in shown or "(and 2 like it)" in shown
    assert "1 more contain a number or an address" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    told = json.loads(run("--json").output)
    assert [(one["count"], one["language"]) for one in told["groups"]] == [(3, "en"), (1, "en")]
    nearest = [one["nearest"] for one in told["groups"]]
    assert all(one is None or (one["topic"] != "none" and 0 < one["score"] <= 100) for one in nearest)
    assert (told["personal"], len(told["unanswered"])) == (1, 4)
    assert "\x1b" not in shown + told["groups"][0]["typical"]
    assert "555" not in shown + json.dumps(told)
    assert json.loads(run("--json", "--days", "60").output)["groups"][-1]["language"] == "es"


def test_a_group_becomes_a_phrase_of_the_draft_in_one_step(run: Run, ledger: Ledger) -> None:
    group = json.loads(run("--json").output)["groups"][0]
    told = run("teach", group["id"], "--topic", TOPIC)
    assert told.exit_code == 0, told.output
    assert f"is a phrase of {FILE} in the draft" in " ".join(told.output.split())
    assert "Now answered too" in told.output
    assert phrases(ledger)[-1] == group["typical"]
    assert run("teach", group["typical"], "--topic", TOPIC).exit_code == 1, "it is one already"


def test_a_phrase_that_pulls_others_along_is_told_at_once(run: Run, ledger: Ledger) -> None:
    told = run("teach", "my chest hurts and i cannot breathe", "--topic", TOPIC)
    assert (told.exit_code, "[phrase]" in told.output) == (1, True)
    assert f"infoline prompts draft discard {FILE}\n" in told.output
    assert all(len(line) <= 80 for line in told.output.splitlines())


WRONG = [
    ("a topic that is none", ["where is the gift shop", "--topic", "parking"], 2, "not a topic"),
    ("a language that is none", ["gift shop", "--topic", TOPIC, "--language", "fr"], 2, "not a language"),
    ("words that look personal", ["call 603-555-0123", "--topic", TOPIC], 1, "must not identify anyone"),
    ("letters of another alphabet", ["caf\udce9", "--topic", TOPIC], 2, "UTF-8"),
    ("no words", ["?!", "--topic", TOPIC], 1, "no letters"),
]


@pytest.mark.parametrize(("label", "words", "status", "told"), WRONG, ids=[case[0] for case in WRONG])
def test_what_cannot_be_taught_is_told_in_the_command(label, words, status, told, run: Run, ledger: Ledger) -> None:
    refused = run("teach", *words)
    assert (refused.exit_code, told in refused.output, "Traceback" in refused.output) == (status, True, False)
    assert Drafts(ledger, UTC).open().changed == {}


def test_a_phrase_goes_into_the_language_that_is_named_and_beside_what_others_typed(run: Run, ledger: Ledger) -> None:
    drafts = Drafts(ledger, UTC)
    drafts.save("en/cancer.md", b"half typed", "bob", NOW, None)
    told = run("teach", "hay tienda de regalos", "--topic", TOPIC, "--language", "es")
    assert (told.exit_code, "The draft has errors" in told.output) == (1, True)
    assert phrases(ledger, "es/the-visit.md")[-1] == "hay tienda de regalos"
    assert drafts.open().files["en/cancer.md"] == b"half typed"
