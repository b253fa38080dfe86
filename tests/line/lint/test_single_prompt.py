"""One text proved while it is written: the same findings as the check's, and what the words come to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import LINE_FILE, Content, read_content
from ivr.line.content.prompt import read_prompt
from ivr.line.lint.runner import check_prompt
from ivr.line.lint.single_prompt import PromptProof, preload_proof, prove_prompt
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.text import gsm7
from ivr.line.text.hard_words import hard_words
from tests.line.content.test_loader import IN_A_PROMPT, IN_LINE_YAML, OTHER_FILES, SHIPPED, changed, line_of
from tests.line.content.test_loader import corrupt as spoilt
from tests.line.lint.test_runner import WORDS

CANCER = "en/cancer.md"


@pytest.fixture(autouse=True, scope="module")
def _read_once() -> Iterator[None]:
    """The files that a case leaves alone are read once for all cases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.line.content.loader.read_prompt", cache(read_prompt))
        yield


@pytest.fixture(scope="module")
def draft() -> Content:
    content = read_content(SHIPPED)
    preload_proof(content)
    return content


def places(proof: PromptProof) -> set[tuple[str, int, str]]:
    return {(one.file, one.line, one.rule) for one in proof.findings if one.message}


def proved(draft: Content, file: str, old: str, new: str) -> PromptProof:
    return prove_prompt(draft, file, changed(file, old, new)[file])


@pytest.mark.parametrize("file", sorted(SHIPPED))
def test_nothing_is_found_in_a_shipped_file_but_hours_that_nobody_confirmed(draft: Content, file: str) -> None:
    assert {one.rule for one in prove_prompt(draft, file, SHIPPED[file]).findings} == (
        {"unconfirmed"} if file == LINE_FILE else set()
    )


IN_ONE_TEXT = [case for case in WORDS if case[4]]


@pytest.mark.parametrize(
    ("label", "file", "old", "new", "marker", "rule"), IN_ONE_TEXT, ids=[case[0] for case in IN_ONE_TEXT]
)
def test_what_the_check_finds_in_one_text_its_proof_finds_too(
    draft: Content, label: str, file: str, old: str, new: str, marker: str, rule: str
) -> None:
    files = changed(file, old, new)
    told = places(prove_prompt(draft, file, files[file]))
    # A sixth choice is in line.yaml alone: the menu's own file lacks it first.
    wanted = "menu-choices" if label == "six choices" else rule
    assert wanted in {one[2] for one in told}
    assert label == "six choices" or (file, line_of(files, file, marker), rule) in told


@pytest.mark.parametrize(
    ("label", "file", "old", "new", "marker", "rule"), IN_A_PROMPT, ids=[case[0] for case in IN_A_PROMPT]
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(
    draft: Content, label: str, file: str, old: str, new: str, marker: str | None, rule: str
) -> None:
    files = changed(file, old, new)
    told = places(prove_prompt(draft, file, files[file]))
    assert (file, rule) in {(one[0], one[2]) for one in told}
    assert marker is None or (file, line_of(files, file, marker), rule) in told


@pytest.mark.parametrize(("label", "file", "data", "told"), OTHER_FILES, ids=[case[0] for case in OTHER_FILES])
def test_a_file_that_does_not_belong_is_told(
    draft: Content, label: str, file: str, data: bytes, told: tuple[str, int, str]
) -> None:
    assert told in places(prove_prompt(draft, file, data))


def test_a_fault_in_line_yaml_is_told_while_it_is_written(draft: Content) -> None:
    for _label, old, new, marker, rule in IN_LINE_YAML:
        files = changed(LINE_FILE, old, new)
        told = places(prove_prompt(draft, LINE_FILE, files[LINE_FILE]))
        assert rule in {one[2] for one in told}
        assert marker is None or (LINE_FILE, line_of(files, LINE_FILE, marker), rule) in told


def test_questions_and_recordings_are_proved_too(draft: Content) -> None:
    assert places(prove_prompt(draft, "en/questions.tsv", b"cancer\tis it bad\nx")) == {
        ("en/questions.tsv", 2, "question")
    }
    assert {one.rule for one in prove_prompt(draft, "recordings/en/keys.mp3", b"x").findings} == {"recording"}


def test_a_text_that_is_written_anew_lacks_its_translation(draft: Content) -> None:
    told = prove_prompt(draft, "en/tomosynthesis.md", SHIPPED["en/keys.md"])
    assert places(told) == {("en/tomosynthesis.md", 0, "unused"), ("es/tomosynthesis.md", 0, "translation")}
    files = {name: data for name, data in SHIPPED.items() if not name.endswith("reminder-1d-names-test.md")}
    told = prove_prompt(read_content(files), "en/reminder-1d-names-test.md", SHIPPED["en/reminder-1d-names-test.md"])
    assert places(told) == {("es/reminder-1d-names-test.md", 0, "translation")}


def test_a_changed_text_leaves_its_translation_behind_at_once(draft: Content) -> None:
    told = proved(draft, CANCER, "It is natural", "It is quite natural").findings
    assert [(one.file, one.rule, one.level) for one in told] == [("es/cancer.md", "behind", "warning")]


CLAIMED = [
    ("a phrase of another topic", "- does my period matter for the date", "phrase"),
    ("the same, written otherwise", "- IS IT cancer?", "phrase"),
    ("a sign of a red flag", "- my chest hurts and i cannot breathe", "phrase"),
    ("a wish to stop", "- stop sending me texts", "phrase"),
    ("no letters", '- "?!"', "phrase"),
    ("a whole book", "- " + "so is it bad " * 200, "phrase"),
]


@pytest.mark.parametrize(("label", "phrase", "rule"), CLAIMED, ids=[case[0] for case in CLAIMED])
def test_a_phrase_that_another_topic_claims_is_told(draft: Content, label: str, phrase: str, rule: str) -> None:
    taken = read_content(changed("en/cancer.md", "phrases:\n", "phrases:\n  - does my period matter for the date\n"))
    file = "en/skin-products.md"
    files = changed(file, "phrases:\n", f"phrases:\n  {phrase}\n")
    assert (file, line_of(files, file, phrase), rule) in places(prove_prompt(taken, file, files[file]))


def test_a_phrase_that_moves_to_another_file_is_claimed_until_it_has_left(draft: Content) -> None:
    told = proved(draft, "en/skin-products.md", "phrases:\n", "phrases:\n  - is it cancer\n")
    assert ["leads to cancer too" in one.message for one in told.findings] == [True]
    gone = read_content(changed(CANCER, "  - is it cancer\n", ""))
    assert proved(gone, "en/skin-products.md", "phrases:\n", "phrases:\n  - is it cancer\n").findings == ()


def test_a_menu_that_grows_too_long_is_told_where_it_is_written_and_where_it_is_said(draft: Content) -> None:
    told = proved(draft, "en/welcome.md", "1. For calcifications", "1. For all that they call " + "such things " * 15)
    assert {one.rule for one in told.findings} >= {"seconds", "first-words"}
    long = "At any time, star repeats. " + "Take your time with us. " * 5
    told = proved(draft, "en/keys.md", "At any time, star repeats.", long)
    assert ("en/welcome.md", 1, "seconds") in places(told)


def test_a_long_sentence_is_named(draft: Content) -> None:
    long = "This is one that goes on and on " + "and on with it " * 6 + "to its end."
    files = changed(CANCER, "Your doctor can.\n", f"Your doctor can. {long}\n")
    (told,) = [one for one in prove_prompt(draft, CANCER, files[CANCER]).findings if one.rule == "sentences"]
    assert (told.level, told.line) == ("warning", line_of(files, CANCER, "This is one that"))
    assert "35 words" in told.message
    assert "“This is one that goes on and on and on" in told.message
    (told,) = [
        one
        for one in proved(draft, "es/keys.md", "## Spoken\n", "## Spoken\n\nEs " + "muy " * 60 + "largo.\n").findings
        if one.rule == "sentences"
    ]
    assert told.level == "error"
    assert "The longest has 62: “Es muy muy" in told.message


def test_a_hard_word_is_told_with_a_plainer_one(draft: Content) -> None:
    files = changed(CANCER, "It is natural to ask", "In order\nto utilize this, it is natural to ask")
    told = [one for one in prove_prompt(draft, CANCER, files[CANCER]).findings if one.rule == "hard-word"]
    assert [(one.level, one.line) for one in told] == [
        ("warning", line_of(files, CANCER, "In order")),
        ("warning", line_of(files, CANCER, "to utilize")),
    ]
    assert ["could you say to?" in told[0].message, "could you say use?" in told[1].message] == [True, True]


HARD = [
    ("en", "Call prior to your visit.", [("prior to", "before")]),
    ("en", "Right after, IMMEDIATELY\nfollowing it.", [("IMMEDIATELY\nfollowing", "right after")]),
    ("en", "The priory, uponing, informer.", []),
    ("es", "Solicite su cita; posteriormente, realice la llamada.",
     [("Solicite", "pedir"), ("posteriormente", "después"), ("realice", "hacer")]),
    ("es", "It is prior to it.", []),
    ("fr", "Utiliser prior to.", []),
]  # fmt: skip


@pytest.mark.parametrize(("language", "words", "found"), HARD, ids=[case[1] for case in HARD])
def test_hard_words_are_found_as_whole_words_in_their_language(
    language: str, words: str, found: list[tuple[str, str]]
) -> None:
    assert [(one.word, one.plainer) for one in hard_words(words, language)] == found


def test_the_figures_tell_seconds_grade_sentences_and_segments(draft: Content) -> None:
    words = (
        "---\ntitle: x\nsources: [F1]\nreviewed: {}\n---\n## Spoken\n\nOne two three. Four five six seven.\n"
        "\nEight.\n\n## Texted\n\nCall {people-line} á.\n"
    ).replace("{people-line}", "{central-scheduling}")
    proof = prove_prompt(draft, CANCER, words.encode())
    said, texted = proof.sections
    assert (said.part, said.line, said.seconds, said.most_seconds) == ("Spoken", 8, round(8 * 60 / 140 + 0.6, 1), 31.0)
    assert (said.mean_sentence, said.longest_sentence) == (2.7, 4)
    assert said.grade is not None
    assert (texted.part, texted.seconds, texted.most_seconds) == ("Texted", None, None)
    text = proof.text
    assert text is not None
    assert (text.line, text.encoding, text.segments, text.most_segments) == (14, "GSM-7", 1, 3)
    assert (text.characters, text.left, text.dear, text.keeps_accents) == (20, 140, ("á",), False)
    kept = prove_prompt(draft, CANCER, words.replace("reviewed:", "accents: keep\nreviewed:").encode()).text
    assert kept is not None
    assert (kept.encoding, kept.left, kept.keeps_accents) == ("UCS-2", 50, True)
    assert proof.as_json()["text"] == {**vars(text)}


def test_another_language_has_no_grade_and_what_cannot_be_read_has_no_figures(draft: Content) -> None:
    assert {one.grade for one in prove_prompt(draft, "es/cancer.md", SHIPPED["es/cancer.md"]).sections} == {None}
    assert prove_prompt(draft, CANCER, b"").sections == ()


@given(st.text(alphabet="aé€{^á\n", max_size=700))
def test_as_many_letters_as_are_left_can_be_added_and_not_one_more(words: str) -> None:
    left, segments = gsm7.characters_left(words), max(1, gsm7.count_segments(words).segments)
    assert gsm7.count_segments(words + "a" * left).segments <= segments
    assert gsm7.count_segments(words + "a" * (left + 1)).segments > segments


@given(st.sampled_from(sorted(SHIPPED) + ["en/new.md", "fr/x.md", "x", "", "en/X.md", "../x"]), st.binary(max_size=200))
def test_any_bytes_are_proved_without_an_exception(draft: Content, file: str, data: bytes) -> None:
    assert all(one.message for one in prove_prompt(draft, file, data).findings)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_change_to_a_file_is_proved_without_an_exception(draft: Content, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(SHIPPED)))
    proof = prove_prompt(draft, file, spoilt(SHIPPED[file], data))
    assert all(one.message and one.line >= 0 for one in proof.findings)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_proof_tells_of_its_text_what_the_whole_check_tells(draft: Content, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(name for name in SHIPPED if name.endswith(".md"))))
    typed = spoilt(SHIPPED[file], data)
    proof = prove_prompt(draft, file, typed)
    content = _read(typed, file, proof)
    if content is None:
        return
    prompt = content.prompt(*file.removesuffix(".md").split("/"))
    assert set(check_prompt(content, PhraseIndex(content), prompt)) <= set(proof.findings)
    assert {one.rule for one in proof.findings if one.file == file} <= {
        *(one.rule for one in check_prompt(content, PhraseIndex(content), prompt)),
        "seconds",
        "first-words",
    }


def _read(typed: bytes, file: str, proof: PromptProof) -> Content | None:
    """The folder with a file as it was typed; None where it cannot be read, and the proof has told each reason."""
    told: list[Finding] = []
    try:
        return read_content({**SHIPPED, file: typed})
    except BrokenPrompts as broken:
        told += broken.findings
    assert set(told) <= set(proof.findings)
    return None
