"""A release of an older version opens with today's code, one of a newer version never becomes live."""

from __future__ import annotations

import re
import zipfile
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from ivr.cli import main
from ivr.ledger import Ledger
from ivr.ledger.tables import release
from ivr.line.callflow.states import Key
from ivr.line.content import upgrades
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, content_digest, read_content
from ivr.line.content.prompt import read_prompt
from ivr.line.content.upgrades import REMOVED, Upgrade, mended, read_release
from ivr.line.lint.runner import check_content
from ivr.line.twiml.release import CompiledLine
from ivr.releases import cache as shelves
from ivr.releases.cache import ReleaseCache, live_content
from ivr.releases.disk_cache import MAX_COPIES
from ivr.releases.store import live_release, pack, publish, stored_files
from tests.line.content.test_loader import SHIPPED, changed
from tests.releases.test_store import NOW, count, written
from tests.support.paths import ROOT

# prompts/ as it was at the first commit that had one.
FIRST = ROOT / "tests" / "releases" / "first-commit.zip"


@pytest.fixture(autouse=True, scope="module")
def _read_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.line.content.loader.read_prompt", cache(read_prompt))
        yield


@pytest.fixture(scope="module")
def first() -> dict[str, bytes]:
    with zipfile.ZipFile(FIRST) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def store(ledger: Ledger, files: dict[str, bytes]) -> str:
    """A release as another version of this code published it: not proved by today's."""
    values = {"digest": content_digest(files), "parent": None, "at": NOW, "by": "x", "note": "", "origin": "folder"}
    with ledger.write() as connection:
        connection.execute(insert(release).values(**values, content=pack(files)))
    return content_digest(files)


def test_the_first_release_ever_opens_and_leaves_no_caller_without_help(first) -> None:
    with pytest.raises(BrokenPrompts):
        read_content(first)
    content = read_release(first, SHIPPED)
    assert (content.digest, content.files) == (content_digest(first), first)
    assert content.prompt("en", "cancer").spoken[0].words in first["en/cancer.md"].decode()
    report = check_content(content)
    assert report.helpless == ()
    assert report.states > 2000


def test_the_first_release_ever_can_be_rolled_back_to_and_is_served(
    first, ledger: Ledger, ledger_url: str, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(ledger, first)
    publish(ledger, content, NOW, "ann", "", "folder")
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url}.items():
        monkeypatch.setenv(name, str(value))
    back = CliRunner().invoke(main, ["prompts", "rollback", "1"])
    assert (back.exit_code, f"Release 3 ({content_digest(first)}) is live" in back.output) == (0, True), back.output
    live = live_release(ledger)
    assert live
    assert stored_files(ledger, live.digest) == first
    shelf = ReleaseCache(ledger, tmp_path / "var", ROOT / "prompts", "")
    assert shelf.live
    assert shelf.live.digest == content_digest(first)
    restarted = live_content(ledger, tmp_path / "var", written(tmp_path / "nothing", {}))
    assert restarted.digest == content_digest(first)


def test_a_release_that_lacks_a_part_gets_it_from_the_words_shipped_with_the_code() -> None:
    spoken, _, texted = SHIPPED["en/results.md"].decode().partition("## Texted")
    content = read_release({**SHIPPED, "en/results.md": spoken.encode()}, SHIPPED)
    assert content.texted("en", "results") == read_content(SHIPPED).texted("en", "results")
    assert texted
    assert content.files["en/results.md"] == spoken.encode()


def test_a_language_that_the_code_does_not_ship_is_helped_out_in_the_first_that_it_does() -> None:
    line = SHIPPED["line.yaml"].decode()
    french = {f"fr/{name[3:]}": data for name, data in SHIPPED.items() if name.startswith("es/")}
    words = re.sub(r"\bes:", "fr:", line)
    files = {**{name: data for name, data in SHIPPED.items() if name.startswith("en/")}, **french}
    files["line.yaml"] = words.encode()
    assert set(read_content(files).config.languages) == {"en", "fr"}
    del files["fr/whisper.md"]
    content = read_release(files, SHIPPED)
    assert content.prompt("fr", "whisper").spoken == content.prompt("en", "whisper").spoken


def test_a_value_that_is_taken_no_more_is_mended_by_the_table() -> None:
    blank = changed("en/goodbye.md", "---\n", '---\ntitle: ""\n')
    with pytest.raises(BrokenPrompts):
        read_content(blank)
    content = read_release(blank, SHIPPED)
    assert (content.prompt("en", "goodbye").title, content.digest) == ("", content_digest(blank))


KEYS = [
    ("a key renamed", "tries: 3", "attempts: 3", ("attempts",), REMOVED),
    ("a key in each item of a list", "ring: 25", "ring: 25\n    loud: true", ("directory", "*", "loud"), REMOVED),
    ("a value of another shape", "pause_ms: 600", "pause_ms: 0.6", ("pause_ms",), 600),
]


@pytest.mark.parametrize(("label", "today", "before", "path", "value"), KEYS, ids=[case[0] for case in KEYS])
def test_a_retired_key_of_line_yaml_is_mended_by_the_table(label, today, before, path, value, monkeypatch) -> None:
    old = changed("line.yaml", today, before)
    with pytest.raises(BrokenPrompts):
        read_release(old, SHIPPED)
    monkeypatch.setattr(upgrades, "UPGRADES", (Upgrade("line.yaml", path, lambda _value: value),))
    content = read_release(old, SHIPPED)
    assert content.config == read_content(SHIPPED).config
    assert content.digest == content_digest(old)


def test_what_needs_no_mending_stays_byte_for_byte_and_what_cannot_be_mended_stays_broken() -> None:
    assert mended(SHIPPED, SHIPPED) == SHIPPED
    broken = {**SHIPPED, "en/cancer.md": b"\x00", "line.yaml": b"a: ["}
    assert mended(broken, SHIPPED) == broken
    with pytest.raises(BrokenPrompts):
        read_release(broken, SHIPPED)
    with pytest.raises(BrokenPrompts):
        read_release({"line.yaml": SHIPPED["line.yaml"]}, {})


NEWER = [
    ("a key that this code does not know", changed("line.yaml", "tries: 3", "tries: 3\nmusic: none")),
    ("a field that this code does not know", changed("en/cancer.md", "---\n", "---\nmood: calm\n")),
    ("a heading that this code does not know", changed("en/cancer.md", "## Texted", "## Shown")),
    ("files of another kind", {**SHIPPED, "pictures/one.svg": b"<svg/>"}),
    ("a language that nobody can say", {**SHIPPED, "xx/cancer.md": SHIPPED["en/cancer.md"]}),
]


@pytest.mark.parametrize(("label", "files"), NEWER, ids=[case[0] for case in NEWER])
def test_a_release_that_a_newer_version_wrote_never_becomes_live_also_not_after_a_restart(
    label, files, ledger: Ledger, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(ledger, content, NOW, "ann", "", "folder")
    var = tmp_path / "var"
    shelf = ReleaseCache(ledger, var, ROOT / "prompts", "")
    newer = store(ledger, files)
    looked: list[str] = []
    monkeypatch.setattr(
        shelves, "stored_files", lambda ledger, wanted: looked.append(wanted) or stored_files(ledger, wanted)
    )
    for _ in range(3):
        shelf.refresh()
    assert shelf.live
    assert shelf.live.digest == content.digest
    assert shelf.get(newer) is None
    assert looked.count(newer) == 2, "it is not read again each second"
    assert ReleaseCache(ledger, var, ROOT / "prompts", "").live.digest == content.digest
    third = read_content(changed("en/goodbye.md", "Take good care.", "Take the best of care."))
    publish(ledger, third, NOW, "ann", "", "folder")
    shelf.refresh()
    assert shelf.live.digest == third.digest, "the next one is followed again"
    assert count(ledger) == 3


def test_ten_old_releases_stay_servable_also_to_a_process_that_just_started(
    ledger: Ledger, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Light:
        """A compiled line's digest: compiling eleven would take long, and is proved elsewhere."""

        matcher = None

        def __init__(self, content: Content, _base_url: str) -> None:
            self.digest, self.content = content.digest, content

    monkeypatch.setattr(shelves, "CompiledLine", Light)
    shelf = ReleaseCache(ledger, tmp_path / "var", ROOT / "prompts", "")
    digests = []
    for number in range(MAX_COPIES + 1):
        one = read_content(changed("en/goodbye.md", "Take good care.", f"Take good care. {'Truly. ' * (number + 1)}"))
        digests.append(publish(ledger, one, NOW, "ann", "", "folder").digest)
        shelf.refresh()
    for asked in (shelf, ReleaseCache(ledger, tmp_path / "var", ROOT / "prompts", "")):
        assert [asked.get(wanted).digest for wanted in digests] == digests
        assert asked.live.digest == digests[-1]


def test_a_call_on_the_first_release_ever_goes_on_in_it(first) -> None:
    line = CompiledLine(read_release(first, SHIPPED), "https://line.example.org")
    turn = line.step("en.menu-welcome", Key("1"), lambda _name: True)
    assert f"/voice/{content_digest(first)}/".encode() in line.document(turn)
    unchosen = line.step("en.menu-welcome", Key("7"), lambda _name: True)
    assert b"<Say" in line.document(unchosen)
