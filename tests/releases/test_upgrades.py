"""A release of an older version can be opened; a release of a newer version never becomes live."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from ivr.cli import main
from ivr.ledger import Ledger
from ivr.ledger.tables import release
from ivr.line.callflow.states import Key
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.keyword_rules import parse_keyword_rule
from ivr.line.content.loader import Content, content_digest, read_content
from ivr.line.content.revisions import upgrades
from ivr.line.content.revisions.upgrades import REMOVED, Upgrade, open_release, upgrade_files
from ivr.line.lint.runner import check_content
from ivr.line.twiml.release import CompiledLine
from ivr.releases import cache as cache_module
from ivr.releases.cache import ReleaseCache
from ivr.releases.disk_cache import MAX_COPIES
from ivr.releases.drafts import Drafts
from ivr.releases.live import live_content
from ivr.releases.store import live_release, pack, publish_release, stored_files
from tests.releases.draft_files import SHIPPED, changed, few_questions
from tests.releases.test_store import NOW, count_releases, write_files
from tests.support.paths import ROOT

# prompts/ as of the first commit that has it.
FIRST = ROOT / "tests" / "releases" / "first-commit.zip"
PROMPTS = ROOT / "prompts"


@pytest.fixture(scope="module")
def first() -> dict[str, bytes]:
    with zipfile.ZipFile(FIRST) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def few_of_first(first: dict[str, bytes]) -> dict[str, bytes]:
    """The first release with few training questions, for tests that store it."""
    return few_questions(first)


def store(ledger: Ledger, files: dict[str, bytes]) -> str:
    """Store a release as another version of this code would: without today's checks."""
    values = {"digest": content_digest(files), "parent": None, "at": NOW, "by": "x", "note": "", "origin": "folder"}
    with ledger.write() as connection:
        connection.execute(insert(release).values(**values, content=pack(files)))
    return content_digest(files)


def test_the_first_release_opens_and_leaves_no_caller_without_help(first) -> None:
    with pytest.raises(BrokenPrompts):
        read_content(first)
    content = open_release(first, PROMPTS)
    assert (content.digest, content.files) == (content_digest(first), first)
    assert content.prompt("en", "cancer").spoken[0].words in first["en/cancer.md"].decode()
    report = check_content(content)
    assert report.blocking_errors == ()
    assert report.states > 2000


def test_the_first_release_can_be_rolled_back_to_and_is_served(
    few_of_first, ledger: Ledger, ledger_url: str, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(ledger, few_of_first)
    publish_release(ledger, content, NOW, "ann", "", "folder")
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url}.items():
        monkeypatch.setenv(name, str(value))
    digest = content_digest(few_of_first)
    back = CliRunner().invoke(main, ["prompts", "rollback", "1"])
    assert (back.exit_code, f"Release 3 ({digest}) is live" in back.output) == (0, True), back.output
    live = live_release(ledger)
    assert live
    assert stored_files(ledger, live.digest) == few_of_first
    releases = ReleaseCache(ledger, tmp_path / "var", PROMPTS, "")
    assert releases.live
    assert releases.live.digest == digest
    restarted = live_content(ledger, tmp_path / "var", write_files(tmp_path / "nothing", {}))
    assert restarted.digest == digest


def test_a_release_without_a_section_gets_it_from_the_shipped_prompts() -> None:
    spoken, _, texted = SHIPPED["en/results.md"].decode().partition("## Texted")
    content = open_release({**SHIPPED, "en/results.md": spoken.encode()}, PROMPTS)
    assert content.texted("en", "results") == read_content(SHIPPED).texted("en", "results")
    assert texted
    assert content.files["en/results.md"] == spoken.encode()


def test_a_language_that_is_not_shipped_borrows_from_the_first_shipped_language() -> None:
    line = SHIPPED["line.yaml"].decode()
    french = {f"fr/{name[3:]}": data for name, data in SHIPPED.items() if name.startswith("es/")}
    line_yaml = re.sub(r"\bes:", "fr:", line)
    files = {**{name: data for name, data in SHIPPED.items() if name.startswith("en/")}, **french}
    files["line.yaml"] = line_yaml.encode()
    assert set(read_content(files).config.languages) == {"en", "fr"}
    del files["fr/whisper.md"]
    content = open_release(files, PROMPTS)
    assert content.prompt("fr", "whisper").spoken == content.prompt("en", "whisper").spoken


def test_a_value_that_is_no_longer_valid_is_upgraded_by_the_table() -> None:
    blank = changed("en/goodbye.md", "---\n", '---\ntitle: ""\n')
    with pytest.raises(BrokenPrompts):
        read_content(blank)
    content = open_release(blank, PROMPTS)
    assert (content.prompt("en", "goodbye").title, content.digest) == ("", content_digest(blank))


def with_old_field_names(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files as they were when `keyword_rules:` was `signs:`."""
    return {name: data.replace(b"\nkeyword_rules:", b"\nsigns:") for name, data in files.items()}


def test_a_release_with_the_former_name_of_a_field_opens_and_keeps_its_digest(content: Content) -> None:
    old = with_old_field_names(SHIPPED)
    assert old != SHIPPED
    opened = open_release(old, PROMPTS)
    assert (opened.files, opened.digest) == (old, content_digest(old))
    rules = {key: prompt.keyword_rules for key, prompt in content.prompts.items()}
    assert any(rules.values())
    assert {key: prompt.keyword_rules for key, prompt in opened.prompts.items()} == rules


def test_a_draft_with_the_former_name_of_a_field_can_be_opened_checked_and_published(ledger: Ledger) -> None:
    old = with_old_field_names(SHIPPED)
    store(ledger, old)
    drafts = Drafts(ledger, UTC)
    edited = old["en/urgent.md"].replace(b"\nsigns: |\n", b"\nsigns: |\n  zebra + bite\n", 1)
    drafts.save("en/urgent.md", edited, "bob", NOW, None)
    assert drafts.open().files["en/urgent.md"] == edited
    report = drafts.check()
    assert [finding for finding in report.findings if finding.level == "error"] == []
    drafts.publish("bob", NOW, "", drafts.open())
    live = live_release(ledger)
    assert live
    published = open_release(stored_files(ledger, live.digest) or {}, PROMPTS)
    assert published.prompt("en", "urgent").keyword_rules[0] == parse_keyword_rule("zebra + bite")


KEYS = [
    ("a renamed key", "tries: 3", "attempts: 3", ("attempts",), REMOVED),
    ("a key in each item of a list", "ring: 25", "ring: 25\n    loud: true", ("directory", "*", "loud"), REMOVED),
    ("a value of another shape", "pause_ms: 600", "pause_ms: 0.6", ("pause_ms",), 600),
]


@pytest.mark.parametrize(("label", "current", "former", "path", "value"), KEYS, ids=[case[0] for case in KEYS])
def test_a_retired_key_of_line_yaml_is_upgraded_by_the_table(label, current, former, path, value, monkeypatch) -> None:
    old = changed("line.yaml", current, former)
    with pytest.raises(BrokenPrompts):
        open_release(old, PROMPTS)
    monkeypatch.setattr(upgrades, "UPGRADES", (Upgrade("line.yaml", path, lambda _value: value),))
    content = open_release(old, PROMPTS)
    assert content.config == read_content(SHIPPED).config
    assert content.digest == content_digest(old)


def test_a_valid_release_is_unchanged_and_a_broken_one_remains_broken() -> None:
    assert upgrade_files(SHIPPED, SHIPPED) == SHIPPED
    broken = {**SHIPPED, "en/cancer.md": b"\x00", "line.yaml": b"a: ["}
    assert upgrade_files(broken, SHIPPED) == broken
    with pytest.raises(BrokenPrompts):
        open_release(broken, PROMPTS)
    with pytest.raises(BrokenPrompts):
        read_content(upgrade_files({"line.yaml": SHIPPED["line.yaml"]}, {}))


NEWER = [
    ("a key that this code does not know", changed("line.yaml", "tries: 3", "tries: 3\nmusic: none")),
    ("a field that this code does not know", changed("en/cancer.md", "---\n", "---\nmood: calm\n")),
    ("a heading that this code does not know", changed("en/cancer.md", "## Texted", "## Shown")),
    ("files of another kind", {**SHIPPED, "pictures/one.svg": b"<svg/>"}),
    ("an unknown language", {**SHIPPED, "xx/cancer.md": SHIPPED["en/cancer.md"]}),
]


@pytest.mark.parametrize(("label", "files"), NEWER, ids=[case[0] for case in NEWER])
def test_a_release_of_a_newer_version_never_becomes_live_even_after_a_restart(
    label, files, ledger: Ledger, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(ledger, content, NOW, "ann", "", "folder")
    var = tmp_path / "var"
    releases = ReleaseCache(ledger, var, PROMPTS, "")
    newer = store(ledger, files)
    reads: list[str] = []
    monkeypatch.setattr(
        cache_module, "stored_files", lambda ledger, wanted: reads.append(wanted) or stored_files(ledger, wanted)
    )
    for _ in range(3):
        releases.refresh()
    assert releases.live
    assert releases.live.digest == content.digest
    assert releases.get(newer) is None
    assert reads.count(newer) == 2, "a release that cannot be opened is read again on every refresh"
    assert ReleaseCache(ledger, var, PROMPTS, "").live.digest == content.digest
    third = read_content(changed("en/goodbye.md", "Take good care of yourself.", "Take the best of care."))
    publish_release(ledger, third, NOW, "ann", "", "folder")
    releases.refresh()
    assert releases.live.digest == third.digest, "the next valid release does not become live"
    assert count_releases(ledger) == 3


def test_ten_old_releases_stay_available_even_to_a_new_process(
    ledger: Ledger, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StubLine:
        """A stand-in for CompiledLine, since compiling eleven releases is slow."""

        matcher = None

        def __init__(self, content: Content, _base_url: str, **_options: object) -> None:
            self.digest, self.content = content.digest, content

    monkeypatch.setattr(cache_module, "CompiledLine", StubLine)
    releases = ReleaseCache(ledger, tmp_path / "var", PROMPTS, "")
    digests = []
    for number in range(MAX_COPIES + 1):
        content = read_content(
            changed(
                "en/goodbye.md",
                "Take good care of yourself.",
                f"Take good care of yourself. {'Truly. ' * (number + 1)}",
            )
        )
        digests.append(publish_release(ledger, content, NOW, "ann", "", "folder").digest)
        releases.refresh()
    for cached in (releases, ReleaseCache(ledger, tmp_path / "var", PROMPTS, "")):
        assert [cached.get(wanted).digest for wanted in digests] == digests
        assert cached.live.digest == digests[-1]


def test_a_call_that_began_on_the_first_release_continues_on_it(few_of_first) -> None:
    line = CompiledLine(open_release(few_of_first, PROMPTS), "https://line.example.org")
    turn = line.next_turn("en.menu-welcome", Key("1"), lambda _name: True)
    assert f"/voice/{content_digest(few_of_first)}/".encode() in line.document(turn)
    unchosen = line.next_turn("en.menu-welcome", Key("7"), lambda _name: True)
    assert b"<Say" in line.document(unchosen)
