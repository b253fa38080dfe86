"""Other users of the machine cannot open what the line writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.private_files import exposed_paths, make_private
from tests.support.paths import ROOT


def exposed(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in exposed_paths(folder)}


@pytest.fixture
def var_dir(tmp_path: Path) -> Path:
    """A VAR_DIR as an older version left it."""
    folder = tmp_path / "var"
    (folder / "kept").mkdir(parents=True)
    for name in ("infoline.db", "infoline.db-wal", "kept/00001", "backup.db"):
        (folder / name).write_text("")
        (folder / name).chmod(0o644)
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "elsewhere").chmod(0o644)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    for path in (folder, folder / "kept"):
        path.chmod(0o755)
    return folder


def test_files_of_an_older_version_become_private(var_dir: Path, tmp_path: Path) -> None:
    assert exposed(var_dir) == {".", "kept", "infoline.db", "infoline.db-wal", "kept/00001", "backup.db"}
    make_private(var_dir)
    assert exposed(var_dir) == set()
    assert (var_dir / "infoline.db").stat().st_mode & 0o777 == 0o600
    assert (var_dir / "kept").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o644


def test_in_a_folder_with_other_uses_only_the_files_of_the_line_become_private(
    var_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(var_dir)
    make_private(var_dir)
    assert exposed(var_dir) == set()
    assert (var_dir / "backup.db").stat().st_mode & 0o777 == 0o644
    assert var_dir.stat().st_mode & 0o777 == 0o755


def test_a_user_without_a_home_and_without_a_working_folder_still_gets_private_files(
    var_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    def gone(*_: object) -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "home", missing)
    monkeypatch.setattr(Path, "cwd", gone)
    make_private(var_dir)
    assert exposed(var_dir) == set()


def test_a_missing_folder_has_no_exposed_files(tmp_path: Path) -> None:
    assert list(exposed_paths(tmp_path / "none")) == []
    make_private(tmp_path / "none")


ENTRY_POINTS = {
    "the command": "from ivr.cli import main; main(['db', 'upgrade'])",
    "the worker": "import worker.__main__ as w; w.refuse_wrong_keys = lambda *_: probe(); w.main(['clock'])",
    "the web process": "from ivr import create_app; create_app(); probe()",
}


@pytest.mark.parametrize("program", ENTRY_POINTS.values(), ids=list(ENTRY_POINTS))
def test_an_entry_point_creates_only_private_files(program: str, tmp_path: Path) -> None:
    prelude = f"import os, sys; probe = lambda: (open({str(tmp_path / 'var' / 'probe')!r}, 'w').close(), os._exit(0))\n"
    environment = {**os.environ, "VAR_DIR": str(tmp_path / "var"), "REDIS_URL": "redis://127.0.0.1:1"}
    subprocess.run(
        [sys.executable, "-c", prelude + program],
        cwd=ROOT,
        env=environment,
        umask=0o022,
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert list((tmp_path / "var").iterdir())
    assert exposed(tmp_path / "var") == set()


def test_the_database_is_private_wherever_it_is(tmp_path: Path) -> None:
    environment = {**os.environ, "VAR_DIR": str(tmp_path / "var"), "DATABASE_URL": f"sqlite:///{tmp_path}/db/line.db"}
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "line.db").touch(0o644)
    command = [sys.executable, "-m", "ivr.cli", "db", "upgrade"]
    subprocess.run(command, cwd=ROOT, env=environment, umask=0o022, check=True, capture_output=True, timeout=60)
    assert {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "db").iterdir()} == {"line.db": 0}
