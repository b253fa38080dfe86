"""A checkout and an installation know their release and their commit, and the changelog describes the release."""

from __future__ import annotations

import re
import subprocess
import tomllib
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr import version
from ivr.cli import main
from ivr.ledger.engine import MIGRATIONS
from tests.support.former_release import former_file, former_schema, has_history
from tests.support.paths import ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
SECTION = re.compile(r"^## \[(.+?)\](?: - (.+))?$", re.MULTILINE)
SECTIONS = SECTION.findall(CHANGELOG)
TEXTS = re.split(r"^## \[.+$", CHANGELOG, flags=re.MULTILINE)[1:]


def git(folder: Path, *words: str) -> str:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", "-C", str(folder), *author, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("1")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "First")
    return tmp_path


@pytest.fixture(autouse=True)
def _asked_anew():
    version.commit.cache_clear()
    yield
    version.commit.cache_clear()


def test_a_checkout_knows_its_commit(checkout: Path) -> None:
    commit = version.commit_of(checkout)
    assert (git(checkout, "rev-parse", "HEAD").startswith(commit), len(commit)) == (True, 9)


def test_an_installation_within_another_repository_does_not_take_its_commit_for_its_own(checkout: Path) -> None:
    (checkout / "site-packages").mkdir()
    assert version.commit_of(checkout / "site-packages") == ""


def test_without_git_the_commit_is_unknown_and_the_release_is_not(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    monkeypatch.setattr(version, "COMMIT_FILE", checkout / "ivr" / "commit.txt")
    assert version.commit() == ""
    assert version.version_text() == version.release()


def test_an_installation_has_the_commit_that_it_was_built_from(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "ivr").mkdir()
    (checkout / "ivr" / "commit.txt").write_text("0123456ab\n")
    monkeypatch.setattr(version, "COMMIT_FILE", checkout / "ivr" / "commit.txt")
    assert version.version_text() == f"{version.release()} (0123456ab)"
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output) == (0, f"infoline {version.release()} (0123456ab)\n")


def test_the_newest_release_of_the_changelog_is_the_one_that_is_built() -> None:
    unreleased, newest = SECTIONS[:2]
    assert unreleased == ("Unreleased", "")
    assert newest[0] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == version.release()
    assert [date.fromisoformat(day) for _, day in SECTIONS[1:]] == sorted(
        (date.fromisoformat(day) for _, day in SECTIONS[1:]), reverse=True
    )


def migrations(text: str) -> set[int]:
    """The numbers in the first column of the table of migrations."""
    rows = re.findall(r"^\| (\d{4})(?: to (\d{4}))? \| .+ \|$", text, re.MULTILINE)
    return {number for first, last in rows for number in range(int(first), int(last or first) + 1)}


def test_every_migration_says_in_the_changelog_whether_the_former_release_runs_on_its_tables() -> None:
    existing = {int(path.name[:4]) for path in (MIGRATIONS / "versions").glob("[0-9]*.py")}
    released = set().union(*map(migrations, TEXTS[1:]))
    assert released == {number for number in existing if number <= max(released)}
    # Their sentences are written when they are released; until then, a person who reads the list finds them.
    assert [number for number in existing - released if f"{number:04}" not in TEXTS[0]] == []


@pytest.mark.skipif(not has_history(), reason="this clone has no history: the former release is not in it")
def test_the_release_that_runs_beside_this_one_is_the_newest_released_one() -> None:
    # The commit that numbers a release cannot name itself.
    released = SECTIONS[1:2] if TEXTS[0].strip() else SECTIONS[1:3]
    former = SECTION.findall(former_file("CHANGELOG.md"))[1]
    assert former in released
    assert int(former_schema()) == max(set().union(*map(migrations, TEXTS[SECTIONS.index(former) :])))
