"""Translations in step with what they were made from, and sign-offs that belong to the exact words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli import main
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import LINE_FILE, Content, read_content
from ivr.line.content.prompt import Prompt, read_prompt
from ivr.line.content.sign_off import is_signed_off, requires_sign_off, sign_offs, with_sign_off
from ivr.line.content.translations import mark_up_to_date, outdated_translations, words_digest
from ivr.line.lint import runner as check_module
from ivr.line.lint.runner import CheckReport, check_files
from tests.line.content.test_loader import HARMLESS, SHIPPED, changed, line_of

CANCER, TRANSLATED = "en/cancer.md", "es/cancer.md"
DAY = date(2026, 12, 1)


@pytest.fixture(autouse=True, scope="module")
def _read_once() -> Iterator[None]:
    """The files that a case leaves alone are read once for all cases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.line.content.loader.read_prompt", cache(read_prompt))
        yield


def found(files: dict[str, bytes], rule: str) -> list[Finding]:
    return [one for one in sorted(check_module._of_words(read_content(files))) if one.rule == rule]


def prompt_of(data: bytes, file: str = CANCER) -> Prompt:
    return read_prompt(file, data)


def test_every_shipped_translation_is_in_step(content: Content) -> None:
    assert outdated_translations(content) == []
    assert all(prompt.made_from for prompt in content.prompts.values() if prompt.language != "en")


def test_a_changed_english_text_makes_its_translation_behind_and_both_files_are_named() -> None:
    files = changed(CANCER, "It is natural", "It is quite natural")
    assert outdated_translations(read_content(files)) == [("es", "cancer")]
    (told,) = found(files, "behind")
    assert (told.file, told.line, told.level) == (TRANSLATED, line_of(files, TRANSLATED, "made_from:"), "warning")
    assert told.message.startswith("en/cancer.md has changed since")
    assert "infoline prompts in-step es/cancer" in told.message


def test_a_translation_that_does_not_say_what_it_was_made_from_is_behind() -> None:
    words = SHIPPED[TRANSLATED].decode()
    files = {**SHIPPED, TRANSLATED: "".join(words.splitlines(True)[:3] + words.splitlines(True)[4:]).encode()}
    assert outdated_translations(read_content(files)) == [("es", "cancer")]
    assert [one.message[:18] for one in found(files, "behind")] == ["This does not say "]


SAME = [
    ("a phrase", "- is it cancer\n", "- is it cancer\n  - could it be cancer now\n"),
    ("a sign-off", "{by: null, on: null}", "{by: Dr. Lee, on: 2026-12-01}"),
    ("a source", "[F3, F4", "[F2, F3, F4"),
    ("lines broken elsewhere", "It is natural to ask", "It is natural\nto ask"),
]
OTHER = [
    ("a title", "title: Is it cancer?", "title: Could it be cancer?"),
    ("a word that is said", "It is natural", "It is quite natural"),
    ("a word that is texted", "## Texted\n", "## Texted\n\nHello.\n"),
    ("a heading", "## Texted", "## Spoken"),
]


@pytest.mark.parametrize(("label", "old", "new"), SAME, ids=[case[0] for case in SAME])
def test_what_is_not_said_does_not_change_the_digest_of_the_words(label: str, old: str, new: str) -> None:
    assert words_digest(prompt_of(changed(CANCER, old, new)[CANCER])) == words_digest(prompt_of(SHIPPED[CANCER]))


@pytest.mark.parametrize(("label", "old", "new"), OTHER, ids=[case[0] for case in OTHER])
def test_what_is_said_changes_the_digest_of_the_words(label: str, old: str, new: str) -> None:
    assert words_digest(prompt_of(changed(CANCER, old, new)[CANCER])) != words_digest(prompt_of(SHIPPED[CANCER]))


@pytest.mark.parametrize(("label", "change"), HARMLESS[:4], ids=[case[0] for case in HARMLESS[:4]])
def test_one_field_is_written_and_every_other_byte_is_kept(label: str, change) -> None:
    by, null = 'Dr. "Ana" Núñez, MD', b"reviewed: {by: null, on: null}"
    for file in ("en/cancer.md", "es/cancer.md", "en/welcome.md", "es/welcome.md", "es/stop.md", "es/reminder-2d.md"):
        before = change(SHIPPED[file].decode()).encode()
        was_made_from = prompt_of(before, file).made_from
        stepped = mark_up_to_date(before, "0123456789ab")
        assert prompt_of(stepped, file).made_from == "0123456789ab"
        ends = b"\r\n" if b"\r\n" in before else b"\r" if b"\r" in before else b"\n"
        new, old = b"made_from: 0123456789ab", f"made_from: {was_made_from}".encode()
        assert stepped.replace(*((new, old) if was_made_from else (new + ends, b""))) == before, file

        after = with_sign_off(stepped, by, DAY)
        prompt = prompt_of(after, file)
        assert (prompt.reviewed_by, prompt.reviewed_on, is_signed_off(prompt)) == (by, "2026-12-01", True)
        line = f'reviewed: {{by: "Dr. \\"Ana\\" Núñez, MD", on: 2026-12-01, words: {words_digest(prompt)}}}'
        assert after.replace(line.encode(), null) == stepped, file


WRITTEN = [
    ("in lines of its own", "reviewed:\n  by: null\n  on: null\n# a remark\n", "\n# a remark\n"),
    ("with a remark", "reviewed: {by: null, on: null}  # ask Dr. Lee\n", "  # ask Dr. Lee\n"),
    ("over two lines", "reviewed: {by: null,\n  on: null}\n", "\n"),
    ("empty", "reviewed: {}\n", "\n"),
]


@pytest.mark.parametrize(("label", "written", "kept"), WRITTEN, ids=[case[0] for case in WRITTEN])
def test_a_sign_off_is_written_however_the_field_was(label: str, written: str, kept: str) -> None:
    data = changed(CANCER, "reviewed: {by: null, on: null}\n", written)[CANCER]
    after = with_sign_off(data, "Dr. Lee", DAY)
    assert is_signed_off(prompt_of(after))
    assert after.decode().partition("phrases:")[0].endswith(kept)
    assert with_sign_off(after, "Dr. Lee", DAY) == after


@pytest.mark.parametrize("by", ["", "  ", "\x07", "Dr.\u200bLee"])
def test_a_name_that_cannot_be_shown_signs_nothing(by: str) -> None:
    with pytest.raises(ValueError, match="Write the name"):
        with_sign_off(SHIPPED[CANCER], by, DAY)


def test_a_name_of_several_lines_is_written_on_one() -> None:
    assert (
        prompt_of(with_sign_off(SHIPPED[CANCER], "Dr. Lee\r\n  and Dr. Roy", DAY)).reviewed_by == "Dr. Lee and Dr. Roy"
    )


def test_fields_all_on_one_line_are_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="cannot be changed alone"):
        mark_up_to_date(
            b"---\n{sources: [F1], reviewed: {by: null, on: null}}\n---\n## Texted\n\nHi.\n", "0123456789ab"
        )


def test_a_file_that_cannot_be_read_cannot_be_signed() -> None:
    with pytest.raises(BrokenPrompts):
        with_sign_off(b"\xff", "Dr. Lee", DAY)


def test_a_changed_word_ends_the_sign_off() -> None:
    data = with_sign_off(SHIPPED[CANCER], "Dr. Lee", DAY)
    assert found({**SHIPPED, CANCER: data}, "sign-off") == []
    files = {**SHIPPED, CANCER: data.replace(b"It is natural", b"It is quite natural")}
    assert not is_signed_off(read_content(files).prompt("en", "cancer"))
    (told,) = found(files, "sign-off")
    assert (told.file, told.line, told.level) == (CANCER, line_of(files, CANCER, "reviewed:"), "warning")
    assert told.message.startswith("Dr. Lee signed on 2026-12-01, but not these words")


def test_a_sign_off_that_does_not_say_which_words_is_none() -> None:
    files = changed(CANCER, "{by: null, on: null}", "{by: Dr. Lee, on: 2026-12-01}")
    assert not is_signed_off(read_content(files).prompt("en", "cancer"))
    assert [one.level for one in found(files, "sign-off")] == ["warning"]


def test_who_signed_what_is_known_of_the_words_that_are_signed_alone() -> None:
    files = {**SHIPPED, CANCER: with_sign_off(SHIPPED[CANCER], "Dr. Lee", DAY)}
    files |= changed("en/urgent.md", "{by: null, on: null}", "{by: Dr. Roy, on: 2026-12-01}") | {CANCER: files[CANCER]}
    assert sign_offs(read_content(files)) == {("en", "cancer"): ("Dr. Lee", "2026-12-01")}


def test_where_a_sign_off_is_required_every_topic_and_red_flag_needs_one() -> None:
    files = changed(LINE_FILE, "sign_off: advised", "sign_off: required")
    content = read_content(files)
    wanted = requires_sign_off(content)
    assert wanted == {topic.id for topic in content.config.topics} | {"urgent", "person-soon", "results"}
    told = found(files, "sign-off")
    assert {one.file for one in told} == {f"{language}/{name}.md" for language in ("en", "es") for name in wanted}
    assert {one.level for one in told} == {"error"}
    for name in wanted:
        for file in (f"en/{name}.md", f"es/{name}.md"):
            files[file] = with_sign_off(files[file], "Dr. Lee", DAY)
    assert found(files, "sign-off") == []


def test_without_a_sign_off_nothing_can_be_published_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "GRAPH_RULES", ())
    report: CheckReport = check_files(changed(LINE_FILE, "sign_off: advised", "sign_off: required"))
    assert report.broken
    assert {one.rule for one in report.findings if one.level == "error"} == {"sign-off"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped words in a folder of one's own, of which one English text has changed."""
    for name, data in changed(CANCER, "It is natural", "It is quite natural").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    monkeypatch.setenv("PROMPTS_DIR", str(tmp_path))
    return tmp_path


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["prompts", *words])


def test_the_command_tells_what_is_behind_and_puts_it_in_step(folder: Path) -> None:
    asked = run("in-step")
    assert (asked.exit_code, asked.output) == (1, "es/cancer is behind.\n1 behind.\n")
    before = files_of(folder)
    assert run("in-step", "es/cancer").output == "es/cancer.md is up to date.\n"
    after = files_of(folder)
    assert {name for name in after if after[name] != before.get(name)} == {TRANSLATED}
    assert run("in-step").exit_code == 0


def test_all_that_is_behind_can_be_put_in_step_at_once(folder: Path) -> None:
    (folder / "en/urgent.md").write_bytes(SHIPPED["en/urgent.md"].replace(b"911", b"911 "))
    (folder / "en/stop.md").write_bytes(SHIPPED["en/stop.md"].replace(b"you ", b"you all "))
    assert run("in-step", "--all").output == "es/cancer.md is up to date.\nes/stop.md is up to date.\n"
    assert run("in-step", "--all").output == "Every translation is up to date already.\n"


def test_a_name_with_its_language_signs_that_one_alone(folder: Path) -> None:
    assert run("sign", "es/cancer", "--by", "Dr. Lee", "--on", "2024-12-01").exit_code == 0
    assert sign_offs(read_content(files_of(folder))) == {("es", "cancer"): ("Dr. Lee", "2024-12-01")}


def test_the_command_signs_the_words_of_every_language_or_of_one(folder: Path) -> None:
    assert run("sign", "cancer", "urgent", "--by", "Dr. Lee", "--on", "2024-12-01").exit_code == 0
    assert run("sign", "results", "--by", "Dr. Roy", "--on", "2024-12-02", "--language", "es").exit_code == 0
    assert sign_offs(read_content(files_of(folder))) == {
        ("en", "cancer"): ("Dr. Lee", "2024-12-01"),
        ("en", "urgent"): ("Dr. Lee", "2024-12-01"),
        ("es", "cancer"): ("Dr. Lee", "2024-12-01"),
        ("es", "results"): ("Dr. Roy", "2024-12-02"),
        ("es", "urgent"): ("Dr. Lee", "2024-12-01"),
    }


REFUSED = [
    (("in-step", "en/cancer"), 2, "`en/cancer` is not a translation"),
    (("in-step", "es/cancer", "es/canser"), 2, "`es/canser` is not a translation"),
    (("in-step", "es/cancer", "--all"), 2, "not both"),
    (("sign", "cancer", "canser", "--by", "Dr. Lee"), 2, "There is no en/canser.md"),
    (("sign", "cancer", "--by", " "), 2, "Nothing was written. Write the name"),
    (("sign", "cancer", "--by", "Dr. Lee", "--language", "fr"), 2, "`fr` is not a language"),
    (("sign", "cancer", "--by", "Dr. Lee", "--on", "12/01/2026"), 2, "12/01/2026"),
    (("sign", "cancer", "--by", "Dr. Lee", "--on", "2999-12-01"), 2, "2999-12-01 is in the future"),
]


@pytest.mark.parametrize(("words", "status", "told"), REFUSED, ids=[" ".join(case[0]) for case in REFUSED])
def test_what_the_commands_refuse_is_told_and_nothing_is_written(
    folder: Path, words: tuple[str, ...], status: int, told: str
) -> None:
    before = files_of(folder)
    result = run(*words)
    assert (result.exit_code, told in result.output) == (status, True), result.output
    assert files_of(folder) == before


def test_in_a_broken_folder_nothing_is_signed_and_the_fault_is_told(folder: Path) -> None:
    (folder / "en/stop.md").write_bytes(b"")
    result = run("sign", "cancer", "--by", "Dr. Lee")
    assert result.exit_code == 1
    assert "en/stop.md:1" in result.output
    assert "Nothing was written" in result.output


def test_a_folder_that_cannot_be_written_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_told: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    result = run("sign", "cancer", "--by", "Dr. Lee")
    assert (result.exit_code, "cannot be written (No space left on device)" in result.output) == (2, True)
