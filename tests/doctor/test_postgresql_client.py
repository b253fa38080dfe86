"""A line on PostgreSQL whose backups would fail is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ivr.doctor.postgresql_client import check_pg_dump
from ivr.doctor.result import Level, Line, Result
from ivr.settings import Settings


@pytest.fixture
def pg_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a pg_dump may be; there is none at first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder / "pg_dump"


def install(pg_dump: Path, script: str) -> None:
    pg_dump.write_text(f"#!/bin/sh\n{script}\n")
    pg_dump.chmod(0o700)


def check(url: str) -> Result:
    line = Line(Settings(database_url=url), "")
    result = check_pg_dump(line)
    line.ledger.close()
    return result


def test_a_line_on_sqlite_needs_none(pg_dump: Path, tmp_path: Path) -> None:
    assert check(f"sqlite:///{tmp_path}/infoline.db").level is Level.OK


@pytest.mark.parametrize(
    ("script", "level", "sentence"),
    [
        ("", Level.WARNING, "pg_dump is missing"),
        ("exit 1", Level.WARNING, "pg_dump is missing"),
        ("echo 'pg_dump (PostgreSQL) 9.6.24'", Level.WARNING, "pg_dump 9 cannot read a server of version"),
        ("echo 'pg_dump (PostgreSQL) 99.1 (Debian 99.1-1)'", Level.OK, "pg_dump 99 can read"),
        ("echo 'pg_dump (PostgreSQL) 99devel'", Level.OK, "pg_dump 99 can read"),
    ],
    ids=["missing", "fails", "older", "newer", "of a release under way"],
)
def test_a_missing_or_older_program_is_reported_with_what_to_install(
    script: str, level: Level, sentence: str, database_url: str, store: str, pg_dump: Path
) -> None:
    if store == "sqlite":
        pytest.skip("needs no client")
    if script:
        install(pg_dump, script)
    found = check(database_url)
    assert (found.level, sentence in found.sentence) == (level, True), found.sentence
    assert ("apt-get install postgresql-client" in found.sentence) is (level is Level.WARNING)


def test_the_programs_of_this_machine_fit_its_server(database_url: str, store: str) -> None:
    if store == "sqlite" or shutil.which("pg_dump") is None:
        pytest.skip("needs a server and a client of PostgreSQL")
    assert check(database_url).level is Level.OK


def test_without_a_server_the_version_is_unknown(pg_dump: Path) -> None:
    install(pg_dump, "echo 'pg_dump (PostgreSQL) 15.20'")
    found = check("postgresql://nobody@127.0.0.1:1/none")
    assert (found.level, "does not answer" in found.sentence) == (Level.WARNING, True)
