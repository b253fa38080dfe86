"""The proof of one file of a draft: the same findings as the check, and its measures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import LINE_FILE, Content, read_content
from ivr.line.lint.runner import check_prompt
from ivr.line.lint.single_prompt import PromptProof, preload_proof, proof_prompt
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.text import gsm7
from ivr.line.text.hard_words import hard_words
from tests.line.content.test_loader import IN_A_PROMPT, IN_LINE_YAML, OTHER_FILES, SHIPPED, changed, corrupt, line_of
from tests.line.lint.test_runner import TEXT_CASES

CANCER = "en/cancer.md"

SKIN = "en/skin-products.md"


@pytest.fixture(scope="module")
def draft() -> Content:
    content = read_content(SHIPPED)
    preload_proof(content)
    return content


def located(proof: PromptProof) -> set[tuple[str, int, str]]:
    """The (file, line, rule) of every finding."""
    return {(finding.file, finding.line, finding.rule) for finding in proof.findings if finding.message}


def of_rule(rule: str, proof: PromptProof) -> list[Finding]:
    return [finding for finding in proof.findings if finding.rule == rule]


def proof_after_edit(draft: Content, file: str, old: str, new: str) -> PromptProof:
    return proof_prompt(draft, file, changed(file, old, new)[file])


@pytest.mark.parametrize("file", sorted(set(SHIPPED) - {"hl7.yaml"}))
def test_a_shipped_file_has_no_findings_except_unconfirmed_hours(draft: Content, file: str) -> None:
    assert {finding.rule for finding in proof_prompt(draft, file, SHIPPED[file]).findings} == (
        {"unconfirmed"} if file == LINE_FILE else set()
    )


ONE_FILE_CASES = [case for case in TEXT_CASES if case[4]]


@pytest.mark.parametrize(
    ("label", "file", "old", "new", "marker", "rule"), ONE_FILE_CASES, ids=[case[0] for case in ONE_FILE_CASES]
)
def test_the_proof_of_a_file_has_the_findings_of_the_check(
    draft: Content, label: str, file: str, old: str, new: str, marker: str, rule: str
) -> None:
    files = changed(file, old, new)
    findings = located(proof_prompt(draft, file, files[file]))
    assert rule in {finding_rule for _, _, finding_rule in findings}
    # The sixth choice is in line.yaml only, so the error is that the menu's own file lacks it.
    assert label == "six choices" or (file, line_of(files, file, marker), rule) in findings


@pytest.mark.parametrize(
    ("label", "file", "old", "new", "marker", "rule"), IN_A_PROMPT, ids=[case[0] for case in IN_A_PROMPT]
)
def test_a_file_that_cannot_be_read_is_reported_with_its_line(
    draft: Content, label: str, file: str, old: str, new: str, marker: str | None, rule: str
) -> None:
    files = changed(file, old, new)
    findings = located(proof_prompt(draft, file, files[file]))
    assert (file, rule) in {(finding_file, finding_rule) for finding_file, _, finding_rule in findings}
    assert marker is None or (file, line_of(files, file, marker), rule) in findings


@pytest.mark.parametrize(("label", "file", "data", "finding"), OTHER_FILES, ids=[case[0] for case in OTHER_FILES])
def test_a_file_that_does_not_belong_in_the_folder_is_reported(
    draft: Content, label: str, file: str, data: bytes, finding: tuple[str, int, str]
) -> None:
    assert finding in located(proof_prompt(draft, file, data))


def test_an_error_in_line_yaml_is_reported_with_its_line(draft: Content) -> None:
    for _label, old, new, marker, rule in IN_LINE_YAML:
        files = changed(LINE_FILE, old, new)
        findings = located(proof_prompt(draft, LINE_FILE, files[LINE_FILE]))
        assert rule in {finding_rule for _, _, finding_rule in findings}
        assert marker is None or (LINE_FILE, line_of(files, LINE_FILE, marker), rule) in findings


def test_question_files_and_recordings_can_be_proofed_too(draft: Content) -> None:
    assert located(proof_prompt(draft, "en/questions.tsv", b"cancer\tis it bad\nx")) == {
        ("en/questions.tsv", 2, "question")
    }
    proof = proof_prompt(draft, "recordings/en/keys.mp3", b"x")
    assert {finding.rule for finding in proof.findings} == {"recording"}


def test_a_new_prompt_without_a_translation_is_reported(draft: Content) -> None:
    proof = proof_prompt(draft, "en/tomosynthesis.md", SHIPPED["en/keys.md"])
    assert located(proof) == {("en/tomosynthesis.md", 0, "unused"), ("es/tomosynthesis.md", 0, "translation")}
    files = {name: data for name, data in SHIPPED.items() if not name.endswith("reminder-1d-names-test.md")}
    proof = proof_prompt(read_content(files), "en/reminder-1d-names-test.md", SHIPPED["en/reminder-1d-names-test.md"])
    assert located(proof) == {("es/reminder-1d-names-test.md", 0, "translation")}


def test_a_change_makes_the_translation_outdated_at_once(draft: Content) -> None:
    findings = proof_after_edit(draft, CANCER, "It is natural", "It is normal").findings
    assert [(finding.file, finding.rule, finding.level) for finding in findings] == [
        ("es/cancer.md", "behind", "warning")
    ]


PHRASES = [
    ("a phrase of another topic", "- does my period matter for the date", "phrase"),
    ("the same phrase spelled differently", "- IS IT cancer?", "phrase"),
    ("a phrase that a red flag rule matches", "- my chest hurts and i cannot breathe", "phrase"),
    ("a phrase that opts out", "- stop sending me texts", "phrase"),
    ("a phrase without letters", '- "?!"', "phrase"),
    ("an overlong phrase", "- " + "so is it bad " * 200, "phrase"),
]


@pytest.mark.parametrize(("label", "phrase", "rule"), PHRASES, ids=[case[0] for case in PHRASES])
def test_a_phrase_that_belongs_to_another_prompt_is_reported(
    draft: Content, label: str, phrase: str, rule: str
) -> None:
    other_draft = read_content(
        changed("en/cancer.md", "phrases:\n", "phrases:\n  - does my period matter for the date\n")
    )
    file = "en/skin-products.md"
    files = changed(file, "phrases:\n", f"phrases:\n  {phrase}\n")
    assert (file, line_of(files, file, phrase), rule) in located(proof_prompt(other_draft, file, files[file]))


def test_a_phrase_can_move_to_another_prompt_once_it_is_removed_from_the_first(draft: Content) -> None:
    proof = proof_after_edit(draft, "en/skin-products.md", "phrases:\n", "phrases:\n  - is it cancer\n")
    assert ["also leads to cancer" in finding.message for finding in proof.findings] == [True]
    removed = read_content(changed(CANCER, "  - is it cancer\n", ""))
    assert proof_after_edit(removed, "en/skin-products.md", "phrases:\n", "phrases:\n  - is it cancer\n").findings == ()


def test_a_menu_that_becomes_too_long_is_reported_in_every_file_that_contributes_to_it(draft: Content) -> None:
    long = "1. For all that they call " + "such things " * 15
    proof = proof_after_edit(draft, "en/welcome.md", "1. About calcifications", long)
    assert {finding.rule for finding in proof.findings} >= {"seconds", "first-words"}
    long = "To hear this again, press star. " + "Take your time with us. " * 5
    proof = proof_after_edit(draft, "en/keys.md", "To hear this again, press star.", long)
    assert ("en/welcome.md", 1, "seconds") in located(proof)


def test_a_long_sentence_is_quoted(draft: Content) -> None:
    long = "This is one that goes on and on " + "and on with it " * 6 + "to its end."
    files = changed(CANCER, "Your doctor can.\n", f"Your doctor can. {long}\n")
    (finding,) = of_rule("sentences", proof_prompt(draft, CANCER, files[CANCER]))
    assert (finding.level, finding.line) == ("warning", line_of(files, CANCER, "This is one that"))
    assert "35 words" in finding.message
    assert "“This is one that goes on and on and on" in finding.message
    long = "## Spoken\n\nEs " + "muy " * 60 + "largo.\n"
    (finding,) = of_rule("sentences", proof_after_edit(draft, "es/keys.md", "## Spoken\n", long))
    assert finding.level == "error"
    assert "The longest has 62: “Es muy muy" in finding.message


def test_a_hard_word_is_reported_with_a_plainer_one(draft: Content) -> None:
    files = changed(CANCER, "It is natural to ask", "In order\nto utilize this, it is natural to ask")
    findings = of_rule("hard-word", proof_prompt(draft, CANCER, files[CANCER]))
    assert [(finding.level, finding.line) for finding in findings] == [
        ("warning", line_of(files, CANCER, "In order")),
        ("warning", line_of(files, CANCER, "to utilize")),
    ]
    assert "could you say “to”?" in findings[0].message
    assert "could you say “use”?" in findings[1].message


HARD_WORDS = [
    ("en", "Call prior to your visit.", [("prior to", "before")]),
    ("en", "Right after, IMMEDIATELY\nfollowing it.", [("IMMEDIATELY\nfollowing", "right after")]),
    ("en", "The priory, uponing, informer.", []),
    ("es", "Solicite su cita; posteriormente, realice la llamada.",
     [("Solicite", "pedir"), ("posteriormente", "después"), ("realice", "hacer")]),
    ("es", "It is prior to it.", []),
    ("fr", "Utiliser prior to.", []),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "expected"), HARD_WORDS, ids=[case[1] for case in HARD_WORDS])
def test_hard_words_are_matched_as_whole_words_in_their_language(
    language: str, text: str, expected: list[tuple[str, str]]
) -> None:
    assert [(hard.word, hard.plainer) for hard in hard_words(text, language)] == expected


def test_a_proof_measures_seconds_grade_sentences_and_segments(draft: Content) -> None:
    written = (
        "---\ntitle: x\nsources: [F1]\nreviewed: {}\n---\n## Spoken\n\nOne two three. Four five six seven.\n"
        "\nEight.\n\n## Texted\n\nCall {central-scheduling} á.\n"
    )
    proof = proof_prompt(draft, SKIN, written.encode())
    spoken, texted = proof.sections
    assert (spoken.part, spoken.line, spoken.seconds, spoken.most_seconds) == (
        "Spoken",
        8,
        round(8 * 60 / 140 + 0.6, 1),
        30.0,
    )
    assert (spoken.mean_sentence, spoken.longest_sentence) == (2.7, 4)
    assert spoken.grade is not None
    assert (texted.part, texted.seconds, texted.most_seconds) == ("Texted", None, None)
    text = proof.text
    assert text is not None
    assert (text.line, text.encoding, text.segments, text.most_segments) == (14, "GSM-7", 1, 3)
    assert (text.characters, text.left, text.dear, text.keeps_accents) == (20, 140, ("á",), False)
    accented = proof_prompt(draft, SKIN, written.replace("reviewed:", "accents: keep\nreviewed:").encode()).text
    assert accented is not None
    assert (accented.encoding, accented.left, accented.keeps_accents) == ("UCS-2", 50, True)
    assert proof.as_json()["text"] == {**vars(text)}


def test_spanish_has_a_grade_of_its_own_and_an_unreadable_file_has_no_measures(draft: Content) -> None:
    words = "Radiológicamente, microcalcificaciones indeterminadas necesitan investigaciones complementarias."
    file = f"---\nsources: [line]\nreviewed: {{}}\n---\n## Spoken\n\n{words}\n"
    hard = proof_prompt(draft, "es/goodbye.md", file.encode())
    assert hard.sections[0].grade is not None
    assert hard.sections[0].grade > 6
    assert [finding.level for finding in hard.findings if finding.rule == "grade"] == ["warning"]
    plain = proof_prompt(draft, "es/cancer.md", SHIPPED["es/cancer.md"])
    assert all(section.grade is not None and section.grade < 6 for section in plain.sections)
    assert proof_prompt(draft, CANCER, b"").sections == ()


def test_a_rule_that_became_too_long_is_reported_as_it_is_typed(draft: Content) -> None:
    longer = b"reanudar mensajes, " + b"quiero recordatorios, " * 6
    edited = SHIPPED["es/start.md"].replace(b"reanudar mensajes,", longer)
    (finding,) = [
        finding for finding in proof_prompt(draft, "es/start.md", edited).findings if finding.rule == "rule-line"
    ]
    assert "split it into two rules" in finding.message


@given(st.text(alphabet="aé€{^á\n", max_size=700))
def test_exactly_the_characters_left_fit_in_the_last_segment(text: str) -> None:
    left, segments = gsm7.characters_left(text), max(1, gsm7.count_segments(text).segments)
    assert gsm7.count_segments(text + "a" * left).segments <= segments
    assert gsm7.count_segments(text + "a" * (left + 1)).segments > segments


@given(st.sampled_from(sorted(SHIPPED) + ["en/new.md", "fr/x.md", "x", "", "en/X.md", "../x"]), st.binary(max_size=200))
def test_the_proof_of_any_bytes_raises_no_exception(draft: Content, file: str, data: bytes) -> None:
    assert all(finding.message for finding in proof_prompt(draft, file, data).findings)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_proof_of_any_change_to_a_file_raises_no_exception(draft: Content, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(SHIPPED)))
    proof = proof_prompt(draft, file, corrupt(SHIPPED[file], data))
    assert all(finding.message and finding.line >= 0 for finding in proof.findings)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_proof_reports_the_same_findings_about_its_file_as_the_full_check(
    draft: Content, data: st.DataObject
) -> None:
    file = data.draw(st.sampled_from(sorted(name for name in SHIPPED if name.endswith(".md"))))
    edited = corrupt(SHIPPED[file], data)
    proof = proof_prompt(draft, file, edited)
    content = _read(edited, file, proof)
    if content is None:
        return
    prompt = content.prompt(*file.removesuffix(".md").split("/"))
    assert set(check_prompt(content, PhraseIndex(content), prompt)) <= set(proof.findings)
    assert {finding.rule for finding in proof.findings if finding.file == file} <= {
        *(finding.rule for finding in check_prompt(content, PhraseIndex(content), prompt)),
        "seconds",
        "first-words",
    }


def _read(edited: bytes, file: str, proof: PromptProof) -> Content | None:
    """The folder with the edited file; None if it cannot be read, after checking that the proof reports each reason."""
    try:
        return read_content({**SHIPPED, file: edited})
    except BrokenPrompts as broken:
        errors = set(broken.findings)
    assert errors <= set(proof.findings)
    return None
