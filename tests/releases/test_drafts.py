"""The shared draft: saved as typed, without losing anyone's work, and published only after a successful check."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from ivr.ledger import Ledger
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import file_problem, read_content, read_folder
from ivr.line.content.prompt import read_prompt
from ivr.line.content.recordings import LARGEST_TOGETHER
from ivr.line.lint.runner import CheckReport
from ivr.releases.drafts import NO_FILE, BrokenDraft, Drafts, EditConflict, FileRejected, NoDraft, file_version
from ivr.releases.store import ConcurrentPublish, publish_release
from tests.line.content.test_loader import SHIPPED as ALL_SHIPPED
from tests.releases.draft_files import CANCER, GOODBYE, KINDER, KINDEST, LATER, NOW, SHIPPED, live_files, put
from tests.releases.test_store import count_releases, write_files

MP3 = b"\xff\xfb\x90\x00"


def test_a_draft_does_not_change_the_live_release(drafts: Drafts, ledger: Ledger) -> None:
    put(drafts, GOODBYE, KINDER, "ann")
    draft = drafts.open()
    assert (draft.begun_by, draft.begun_at, draft.base) == ("ann", NOW, draft.live.digest)
    assert draft.files == {**SHIPPED, GOODBYE: KINDER}
    assert live_files(ledger) == SHIPPED


def test_a_draft_needs_a_live_release(ledger: Ledger) -> None:
    drafts = Drafts(ledger, UTC)
    with pytest.raises(NoDraft, match="publish the folder first"):
        drafts.open()
    with pytest.raises(NoDraft):
        drafts.save(GOODBYE, KINDER, "ann", NOW, None)


def test_saving_the_live_version_of_a_file_starts_no_draft_and_ends_one_without_other_changes(drafts: Drafts) -> None:
    put(drafts, GOODBYE, SHIPPED[GOODBYE], "ann")
    assert drafts.open().begun_at is None
    put(drafts, GOODBYE, KINDER, "ann")
    put(drafts, CANCER, b"typed", "bob")
    put(drafts, GOODBYE, SHIPPED[GOODBYE], "ann")
    assert drafts.open().begun_by == "ann"
    drafts.save(CANCER, SHIPPED[CANCER], "bob", NOW, None)
    assert drafts.open().begun_at is None


BROKEN = {
    "empty": b"",
    "not text": b"\x00\xff\xfe not text",
    "unterminated header": b"---\nno end",
    "byte order mark": "\ufeff---\r\n…".encode(),
}


@pytest.mark.parametrize("typed", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_saved_as_typed_and_cannot_be_published(typed, drafts: Drafts, ledger: Ledger) -> None:
    put(drafts, GOODBYE, typed, "ann")
    assert drafts.open().files[GOODBYE] == typed
    assert drafts.check().has_errors
    with pytest.raises(BrokenDraft) as raised:
        drafts.publish("ann", NOW, "", drafts.open())
    assert {finding.file for finding in raised.value.report.findings} == {GOODBYE}
    assert (count_releases(ledger), drafts.open().files[GOODBYE]) == (1, typed)


def test_a_draft_lists_the_changes_of_other_people(drafts: Drafts) -> None:
    put(drafts, GOODBYE, KINDER, "ann")
    put(drafts, CANCER, b"typed", "bob", LATER)
    drafts.remove("en/media.md", "bob", LATER + timedelta(minutes=1), drafts.open().version("en/media.md"))
    draft = drafts.open()
    assert [(file.name, file.by) for file in draft.others("ann")] == [("en/media.md", "bob"), (CANCER, "bob")]
    assert [(file.name, file.at) for file in draft.others("bob")] == [(GOODBYE, NOW)]


def test_a_file_that_another_person_saved_is_overwritten_only_on_purpose(drafts: Drafts) -> None:
    opened = drafts.open().version(GOODBYE)
    drafts.save(GOODBYE, KINDER, "ann", NOW, opened)
    with pytest.raises(EditConflict, match=r"not saved: ann saved it on 2026-12-01 at 10:00"):
        drafts.save(GOODBYE, KINDEST, "bob", LATER, opened)
    assert drafts.open().files[GOODBYE] == KINDER
    drafts.save(GOODBYE, KINDEST, "bob", LATER, None)
    assert drafts.open().files[GOODBYE] == KINDEST
    with pytest.raises(EditConflict, match="bob saved it"):
        drafts.remove(GOODBYE, "ann", LATER, file_version(KINDER))


def test_one_of_two_concurrent_saves_fails(drafts: Drafts) -> None:
    opened = drafts.open().version(GOODBYE)

    def save(change: tuple[str, bytes]) -> bool:
        try:
            drafts.save(GOODBYE, change[1], change[0], NOW, opened)
        except EditConflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(save, [("ann", KINDER), ("bob", KINDEST)])) == [False, True]


def test_a_draft_without_changes_cannot_be_published(drafts: Drafts) -> None:
    put(drafts, GOODBYE, KINDER, "ann")
    put(drafts, GOODBYE, SHIPPED[GOODBYE], "ann")
    assert drafts.open().changed == {}
    with pytest.raises(NoDraft):
        drafts.publish("ann", NOW, "", drafts.open())


def test_new_and_deleted_files_go_live_together_and_end_the_draft(drafts: Drafts, ledger: Ledger) -> None:
    recording = "recordings/en/goodbye.mp3"
    assert drafts.open().version(recording) == NO_FILE
    put(drafts, recording, MP3, "ann")
    drafts.remove("en/questions.tsv", "ann", NOW, drafts.open().version("en/questions.tsv"))
    release = drafts.publish("ann", LATER, "a voice", drafts.open())
    assert (release.origin, release.note, release.by, release.at) == ("console", "a voice", "ann", LATER)
    files = live_files(ledger)
    assert files
    assert files.keys() ^ SHIPPED.keys() == {recording, "en/questions.tsv"}
    assert drafts.open().begun_at is None
    with pytest.raises(NoDraft):
        drafts.discard()


def test_a_file_that_does_not_exist_cannot_be_deleted(drafts: Drafts) -> None:
    with pytest.raises(FileRejected, match=r"en/none-such\.md"):
        drafts.remove("en/none-such.md", "ann", NOW, None)


def test_published_changes_to_other_files_are_merged(drafts: Drafts, ledger: Ledger) -> None:
    put(drafts, CANCER, SHIPPED[CANCER] + b"\n", "ann")
    publish_release(ledger, read_content({**SHIPPED, GOODBYE: KINDER}), LATER, "bob", "", "folder")
    draft = drafts.open()
    assert draft.base != draft.live.digest
    drafts.publish("ann", LATER, "", draft)
    assert live_files(ledger) == {**SHIPPED, GOODBYE: KINDER, CANCER: SHIPPED[CANCER] + b"\n"}


def test_a_file_that_changed_on_both_sides_must_be_overwritten_on_purpose(drafts: Drafts, ledger: Ledger) -> None:
    put(drafts, GOODBYE, KINDER, "ann")
    publish_release(ledger, read_content({**SHIPPED, GOODBYE: KINDEST}), LATER, "bob", "", "folder")
    with pytest.raises(
        EditConflict, match=r"en/goodbye\.md \(draft: ann, 2026-12-01 at 10:00\).*bob published release 2"
    ):
        drafts.publish("ann", LATER, "", drafts.open())
    put(drafts, GOODBYE, KINDER + b"\n", "ann")
    assert drafts.open().conflicts, "an ordinary save does not resolve the conflict"
    drafts.save(GOODBYE, KINDER, "ann", LATER, None)
    assert not drafts.open().conflicts
    assert drafts.publish("ann", LATER, "", drafts.open()).number == 3


def test_a_file_that_changed_on_both_sides_is_kept_by_whoever_compared_both(drafts: Drafts, ledger: Ledger) -> None:
    put(drafts, GOODBYE, KINDER, "ann")
    before = drafts.open()
    publish_release(ledger, read_content({**SHIPPED, GOODBYE: KINDEST}), LATER, "bob", "", "folder")
    with pytest.raises(EditConflict, match=r"en/goodbye\.md was not kept"):
        drafts.keep(GOODBYE, before)
    with pytest.raises(NoDraft, match="The draft does not change"):
        drafts.keep(CANCER, drafts.open())
    drafts.keep(GOODBYE, drafts.open())
    assert not drafts.open().conflicts
    assert drafts.publish("ann", LATER, "", drafts.open()).number == 3
    files = live_files(ledger)
    assert files
    assert files[GOODBYE] == KINDER


def test_the_same_change_on_both_sides_is_not_a_conflict(drafts: Drafts, ledger: Ledger) -> None:
    put(drafts, GOODBYE, KINDER, "ann")
    put(drafts, CANCER, SHIPPED[CANCER] + b"\n", "ann")
    publish_release(ledger, read_content({**SHIPPED, GOODBYE: KINDER}), LATER, "bob", "", "folder")
    assert not drafts.open().conflicts
    drafts.publish("ann", LATER, "", drafts.open())
    assert count_releases(ledger) == 3


def test_a_file_that_was_published_after_it_was_opened_is_not_overwritten(drafts: Drafts, ledger: Ledger) -> None:
    opened = drafts.open().version(GOODBYE)
    publish_release(ledger, read_content({**SHIPPED, GOODBYE: KINDEST}), LATER, "bob", "", "folder")
    with pytest.raises(EditConflict, match="bob published it"):
        drafts.save(GOODBYE, KINDER, "ann", LATER, opened)


@pytest.mark.parametrize("event", ["saved", "discarded", "published"])
def test_a_change_during_the_check_stops_the_publish(event: str, drafts: Drafts, ledger: Ledger) -> None:
    put(drafts, GOODBYE, KINDER, "ann")
    other = read_content({**SHIPPED, CANCER: SHIPPED[CANCER] + b"\n"})
    during_check: dict[str, Callable[[], object]] = {
        "saved": lambda: put(drafts, CANCER, b"typed", "bob", LATER),
        "discarded": lambda: drafts.discard(GOODBYE),
        "published": lambda: publish_release(ledger, other, LATER, "bob", "", "folder"),
    }
    with pytest.raises((EditConflict, ConcurrentPublish), match="in the meantime|after you opened the draft"):
        drafts.publish("ann", LATER, "", drafts.open(), lambda _report: during_check[event]() and None)
    files = live_files(ledger)
    assert files
    assert files[GOODBYE] == SHIPPED[GOODBYE]


def test_a_draft_that_is_not_approved_remains_a_draft(drafts: Drafts, ledger: Ledger) -> None:
    def reject(_report: CheckReport) -> None:
        raise KeyboardInterrupt

    put(drafts, GOODBYE, KINDER, "ann")
    with pytest.raises(KeyboardInterrupt):
        drafts.publish("ann", NOW, "", drafts.open(), reject)
    assert (count_releases(ledger), len(drafts.open().changed)) == (1, 1)


def test_a_draft_can_be_discarded_entirely_or_for_one_file(drafts: Drafts) -> None:
    put(drafts, GOODBYE, KINDER, "ann")
    put(drafts, CANCER, b"typed", "ann")
    drafts.discard(CANCER)
    assert drafts.open().changed.keys() == {GOODBYE}
    with pytest.raises(NoDraft, match="does not change"):
        drafts.discard(CANCER)
    drafts.discard()
    assert (drafts.open().begun_at, drafts.open().files) == (None, SHIPPED)


REFUSED = [
    ("a path outside the folder", "../en/cancer.md", b"x", "is not a file name"),
    ("a path outside the recordings", "recordings/../../x.mp3", b"x", "is not a file name"),
    ("a name in capitals", "en/Cancer.md", b"x", "is not a file name"),
    ("an unsupported file type", "en/cancer.docx", b"x", "is not a file name"),
    ("a recording that is too large", "recordings/en/keys.mp3", MP3 + bytes(5_000_000), "larger than 5 MB"),
    ("a topic that is too long", "en/cancer.md", b"---\na: b\n---\n## Spoken\n" + b"word " * 10_001, "10,000 words"),
    ("a topic that is too large", "en/cancer.md", b"w" * 100_001, "larger than 100 kB"),
    ("too many questions", "en/questions.tsv", b"w" * 10_000_001, "larger than 10 MB"),
]


@pytest.mark.parametrize(("label", "name", "data", "message"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_file_with_an_invalid_name_or_size_is_refused(label, name, data, message, drafts: Drafts) -> None:
    with pytest.raises(FileRejected, match=message):
        drafts.save(name, data, "ann", NOW, None)
    assert drafts.open().changed == {}


def test_every_shipped_file_can_be_saved() -> None:
    assert [problem for name, data in ALL_SHIPPED.items() if (problem := file_problem(name, data))] == []


def test_a_topic_that_is_too_long_is_refused_in_the_folder_too() -> None:
    with pytest.raises(BrokenPrompts, match="10,000 words"):
        read_prompt("en/x.md", b"---\nsources: [F1]\nreviewed: {by: null}\n---\n## Spoken\n" + b"w " * 10_001)


def test_a_folder_of_hundreds_of_megabytes_is_not_read(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "prompts", {"line.yaml": b"a: b\n"})
    for number in range(40):
        with (folder / f"{number}.mp3").open("wb") as file:
            file.truncate(10_000_000)
    with pytest.raises(BrokenPrompts, match=str(LARGEST_TOGETHER // 1_000_000)):
        read_folder(folder)
