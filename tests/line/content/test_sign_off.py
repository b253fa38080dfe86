"""Outdated translations are reported, and a sign-off applies to the exact text."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli import main
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import LINE_FILE, Content, read_content
from ivr.line.content.prompt import Prompt, read_prompt
from ivr.line.content.revisions.sign_off import is_signed_off, requires_sign_off, sign_offs, with_sign_off
from ivr.line.content.revisions.translations import mark_up_to_date, outdated_translations, text_digest
from ivr.line.lint import runner as check_module
from ivr.line.lint.runner import CheckReport, check_files
from tests.line.content.test_loader import HARMLESS, SHIPPED, changed, line_of
from tests.line.lint.test_runner import skip_the_graph

CANCER, TRANSLATED = "en/cancer.md", "es/cancer.md"
DAY = date(2026, 12, 1)


def findings_of(files: dict[str, bytes], rule: str) -> list[Finding]:
    return [finding for finding in sorted(check_module._check_text(read_content(files))) if finding.rule == rule]


def prompt_of(data: bytes, file: str = CANCER) -> Prompt:
    return read_prompt(file, data)


def test_every_shipped_translation_is_up_to_date(content: Content) -> None:
    assert outdated_translations(content) == []
    assert all(prompt.made_from for prompt in content.prompts.values() if prompt.language != "en")


def test_a_changed_english_text_makes_its_translation_outdated_and_both_files_are_named() -> None:
    files = changed(CANCER, "It is natural", "It is quite natural")
    assert outdated_translations(read_content(files)) == [("es", "cancer")]
    (finding,) = findings_of(files, "behind")
    assert (finding.file, finding.line, finding.level) == (
        TRANSLATED,
        line_of(files, TRANSLATED, "made_from:"),
        "warning",
    )
    assert finding.message.startswith("en/cancer.md has changed since")
    assert "infoline prompts in-step es/cancer" in finding.message


def test_a_translation_without_a_recorded_source_is_outdated() -> None:
    lines = SHIPPED[TRANSLATED].decode().splitlines(True)
    files = {**SHIPPED, TRANSLATED: "".join(lines[:3] + lines[4:]).encode()}
    assert outdated_translations(read_content(files)) == [("es", "cancer")]
    assert [finding.message[:20] for finding in findings_of(files, "behind")] == ["This does not record"]


SAME_TEXT = [
    ("a phrase", "- is it cancer\n", "- is it cancer\n  - could it be cancer now\n"),
    ("a sign-off", "{by: null, on: null}", "{by: Dr. Lee, on: 2026-12-01}"),
    ("a source", "[F3, F4", "[F2, F3, F4"),
    ("different line breaks", "It is natural to ask", "It is natural\nto ask"),
]
CHANGED_TEXT = [
    ("a title", "title: Is it cancer?", "title: Could it be cancer?"),
    ("a spoken word", "It is natural", "It is quite natural"),
    ("a texted word", "## Texted\n", "## Texted\n\nHello.\n"),
    ("a heading", "## Texted", "## Spoken"),
]


@pytest.mark.parametrize(("label", "old", "new"), SAME_TEXT, ids=[case[0] for case in SAME_TEXT])
def test_fields_and_line_breaks_do_not_change_the_digest_of_the_text(label: str, old: str, new: str) -> None:
    assert text_digest(prompt_of(changed(CANCER, old, new)[CANCER])) == text_digest(prompt_of(SHIPPED[CANCER]))


@pytest.mark.parametrize(("label", "old", "new"), CHANGED_TEXT, ids=[case[0] for case in CHANGED_TEXT])
def test_every_change_of_the_text_changes_its_digest(label: str, old: str, new: str) -> None:
    assert text_digest(prompt_of(changed(CANCER, old, new)[CANCER])) != text_digest(prompt_of(SHIPPED[CANCER]))


@pytest.mark.parametrize(("label", "change"), HARMLESS[:4], ids=[case[0] for case in HARMLESS[:4]])
def test_writing_a_field_keeps_every_other_byte(label: str, change) -> None:
    by, null = 'Dr. "Ana" Núñez, MD', b"reviewed: {by: null, on: null}"
    for file in ("en/cancer.md", "es/cancer.md", "en/welcome.md", "es/welcome.md", "es/stop.md", "es/reminder-2d.md"):
        before = change(SHIPPED[file].decode()).encode()
        was_made_from = prompt_of(before, file).made_from
        marked = mark_up_to_date(before, "0123456789ab")
        assert prompt_of(marked, file).made_from == "0123456789ab"
        ends = b"\r\n" if b"\r\n" in before else b"\r" if b"\r" in before else b"\n"
        new, old = b"made_from: 0123456789ab", f"made_from: {was_made_from}".encode()
        assert marked.replace(*((new, old) if was_made_from else (new + ends, b""))) == before, file

        after = with_sign_off(marked, by, DAY)
        prompt = prompt_of(after, file)
        assert (prompt.reviewed_by, prompt.reviewed_on, is_signed_off(prompt)) == (by, "2026-12-01", True)
        line = f'reviewed: {{by: "Dr. \\"Ana\\" Núñez, MD", on: 2026-12-01, words: {text_digest(prompt)}}}'
        assert after.replace(line.encode(), null) == marked, file


WRITTEN = [
    ("in block style", "reviewed:\n  by: null\n  on: null\n# a comment\n", "\n# a comment\n"),
    ("with a comment", "reviewed: {by: null, on: null}  # ask Dr. Lee\n", "  # ask Dr. Lee\n"),
    ("over two lines", "reviewed: {by: null,\n  on: null}\n", "\n"),
    ("empty", "reviewed: {}\n", "\n"),
]


@pytest.mark.parametrize(("label", "written", "rest"), WRITTEN, ids=[case[0] for case in WRITTEN])
def test_a_sign_off_is_written_in_any_style_of_the_field(label: str, written: str, rest: str) -> None:
    data = changed(CANCER, "reviewed: {by: null, on: null}\n", written)[CANCER]
    after = with_sign_off(data, "Dr. Lee", DAY)
    assert is_signed_off(prompt_of(after))
    assert after.decode().partition("phrases:")[0].endswith(rest)
    assert with_sign_off(after, "Dr. Lee", DAY) == after


@pytest.mark.parametrize("by", ["", "  ", "\x07", "Dr.\u200bLee"])
def test_a_name_that_cannot_be_shown_is_rejected(by: str) -> None:
    with pytest.raises(ValueError, match="Write the name"):
        with_sign_off(SHIPPED[CANCER], by, DAY)


def test_a_name_of_several_lines_is_written_on_one_line() -> None:
    assert (
        prompt_of(with_sign_off(SHIPPED[CANCER], "Dr. Lee\r\n  and Dr. Roy", DAY)).reviewed_by == "Dr. Lee and Dr. Roy"
    )


def test_fields_on_one_line_are_rejected_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="cannot be edited in place"):
        mark_up_to_date(
            b"---\n{sources: [F1], reviewed: {by: null, on: null}}\n---\n## Texted\n\nHi.\n", "0123456789ab"
        )


def test_a_file_that_cannot_be_read_cannot_be_signed_off() -> None:
    with pytest.raises(BrokenPrompts):
        with_sign_off(b"\xff", "Dr. Lee", DAY)


def test_a_changed_word_ends_the_sign_off() -> None:
    data = with_sign_off(SHIPPED[CANCER], "Dr. Lee", DAY)
    assert findings_of({**SHIPPED, CANCER: data}, "sign-off") == []
    files = {**SHIPPED, CANCER: data.replace(b"It is natural", b"It is quite natural")}
    assert not is_signed_off(read_content(files).prompt("en", "cancer"))
    (finding,) = findings_of(files, "sign-off")
    assert (finding.file, finding.line, finding.level) == (CANCER, line_of(files, CANCER, "reviewed:"), "warning")
    assert finding.message.startswith("Dr. Lee signed off on 2026-12-01, but not this text")


def test_a_sign_off_without_a_digest_does_not_count() -> None:
    files = changed(CANCER, "{by: null, on: null}", "{by: Dr. Lee, on: 2026-12-01}")
    assert not is_signed_off(read_content(files).prompt("en", "cancer"))
    assert [finding.level for finding in findings_of(files, "sign-off")] == ["warning"]


def test_only_valid_sign_offs_are_listed() -> None:
    files = {**SHIPPED, CANCER: with_sign_off(SHIPPED[CANCER], "Dr. Lee", DAY)}
    files |= changed("en/urgent.md", "{by: null, on: null}", "{by: Dr. Roy, on: 2026-12-01}") | {CANCER: files[CANCER]}
    assert sign_offs(read_content(files)) == {("en", "cancer"): ("Dr. Lee", "2026-12-01")}


def test_if_sign_off_is_required_every_topic_and_red_flag_needs_one() -> None:
    files = changed(LINE_FILE, "sign_off: advised", "sign_off: required")
    content = read_content(files)
    required = requires_sign_off(content)
    assert required == {subject.id for subject in content.config.subjects} | {"urgent", "person-soon", "results"}
    findings = findings_of(files, "sign-off")
    assert {finding.file for finding in findings} == {
        f"{language}/{name}.md" for language in ("en", "es") for name in required
    }
    assert {finding.level for finding in findings} == {"error"}
    for name in required:
        for file in (f"en/{name}.md", f"es/{name}.md"):
            files[file] = with_sign_off(files[file], "Dr. Lee", DAY)
    assert findings_of(files, "sign-off") == []


def test_if_sign_off_is_required_nothing_can_be_published_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_the_graph(monkeypatch)
    report: CheckReport = check_files(changed(LINE_FILE, "sign_off: advised", "sign_off: required"))
    assert report.has_errors
    assert {finding.rule for finding in report.findings if finding.level == "error"} == {"sign-off"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped prompts in which one English text has changed."""
    for name, data in changed(CANCER, "It is natural", "It is quite natural").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    monkeypatch.setenv("PROMPTS_DIR", str(tmp_path))
    return tmp_path


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["prompts", *arguments])


def test_the_command_lists_outdated_translations_and_marks_one_up_to_date(folder: Path) -> None:
    listing = run("in-step")
    assert (listing.exit_code, listing.output) == (1, "es/cancer is behind.\n1 behind.\n")
    before = files_of(folder)
    assert run("in-step", "es/cancer").output == "es/cancer.md is up to date.\n"
    after = files_of(folder)
    assert {name for name in after if after[name] != before.get(name)} == {TRANSLATED}
    assert run("in-step").exit_code == 0


def test_all_translations_can_be_marked_up_to_date_at_once(folder: Path) -> None:
    (folder / "en/urgent.md").write_bytes(SHIPPED["en/urgent.md"].replace(b"hang up and", b"hang  up and"))
    (folder / "en/stop.md").write_bytes(SHIPPED["en/stop.md"].replace(b"you ", b"you all "))
    assert run("in-step", "--all").output == "es/cancer.md is up to date.\nes/stop.md is up to date.\n"
    assert run("in-step", "--all").output == "Every translation is up to date already.\n"


def test_a_name_with_its_language_signs_off_that_file_only(folder: Path) -> None:
    assert run("sign", "es/cancer", "--by", "Dr. Lee", "--on", "2024-12-01").exit_code == 0
    assert sign_offs(read_content(files_of(folder))) == {("es", "cancer"): ("Dr. Lee", "2024-12-01")}


def test_the_command_signs_off_all_languages_or_one(folder: Path) -> None:
    assert run("sign", "cancer", "urgent", "--by", "Dr. Lee", "--on", "2024-12-01").exit_code == 0
    assert run("sign", "results", "--by", "Dr. Roy", "--on", "2024-12-02", "--language", "es").exit_code == 0
    assert sign_offs(read_content(files_of(folder))) == {
        ("en", "cancer"): ("Dr. Lee", "2024-12-01"),
        ("en", "urgent"): ("Dr. Lee", "2024-12-01"),
        ("es", "cancer"): ("Dr. Lee", "2024-12-01"),
        ("es", "results"): ("Dr. Roy", "2024-12-02"),
        ("es", "urgent"): ("Dr. Lee", "2024-12-01"),
    }


REJECTED = [
    (("in-step", "en/cancer"), 2, "`en/cancer` is not a translation"),
    (("in-step", "es/cancer", "es/canser"), 2, "`es/canser` is not a translation"),
    (("in-step", "es/cancer", "--all"), 2, "not both"),
    (("sign", "cancer", "canser", "--by", "Dr. Lee"), 2, "There is no en/canser.md"),
    (("sign", "cancer", "--by", " "), 2, "Nothing was written. Write the name"),
    (("sign", "cancer", "--by", "Dr. Lee", "--language", "fr"), 2, "`fr` is not a language"),
    (("sign", "cancer", "--by", "Dr. Lee", "--on", "12/01/2026"), 2, "12/01/2026"),
    (("sign", "cancer", "--by", "Dr. Lee", "--on", "2999-12-01"), 2, "2999-12-01 is in the future"),
]


@pytest.mark.parametrize(("arguments", "status", "message"), REJECTED, ids=[" ".join(case[0]) for case in REJECTED])
def test_a_rejected_command_says_why_and_writes_nothing(
    folder: Path, arguments: tuple[str, ...], status: int, message: str
) -> None:
    before = files_of(folder)
    result = run(*arguments)
    assert (result.exit_code, message in result.output) == (status, True), result.output
    assert files_of(folder) == before


def test_nothing_is_signed_off_in_a_broken_folder_and_the_error_is_reported(folder: Path) -> None:
    (folder / "en/stop.md").write_bytes(b"")
    result = run("sign", "cancer", "--by", "Dr. Lee")
    assert result.exit_code == 1
    assert "en/stop.md:1" in result.output
    assert "Nothing was written" in result.output


def test_a_folder_that_cannot_be_written_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    result = run("sign", "cancer", "--by", "Dr. Lee")
    assert (result.exit_code, "cannot be written (No space left on device)" in result.output) == (2, True)
