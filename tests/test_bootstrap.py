"""The installation of a fresh clone: what it refuses, and in which words."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "system", "can_create", "words"),
    [
        ((3, 10), "posix", True, "This is Python 3.10, but the line needs 3.11 or newer"),
        ((2, 7), "posix", True, "make run PYTHON=python3.12"),
        ((3, 12), "posix", False, "apt install python3-venv"),
        ((3, 12), "nt", True, "WSL"),
    ],
)
def test_a_machine_that_cannot_run_the_line_is_told_what_to_install(
    bootstrap: ModuleType, version: tuple[int, int], system: str, can_create: bool, words: str
) -> None:
    assert words in bootstrap.problem_with(version, system, can_create)


def test_a_machine_that_can_run_the_line_is_not_refused(bootstrap: ModuleType) -> None:
    assert bootstrap.problem_with((3, 11), "posix", True) is None


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: No matching distribution found for click==8.5", "HTTPS_PROXY"),
        ("error: something else", "something else"),
    ],
)
def test_an_error_of_pip_becomes_a_sentence(bootstrap: ModuleType, errors: str, words: str) -> None:
    assert words in bootstrap.sentence_about(errors)


def _clone(folder: Path) -> Path:
    folder.mkdir()
    for name in ("bootstrap.py", "Makefile", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "requirements-demo.txt").write_text("click==8.5.0 --hash=sha256:" + "0" * 64 + "\n")
    return folder


@pytest.mark.processes
def test_without_a_package_index_the_installation_says_so_and_make_does_not_take_it_for_done(tmp_path: Path) -> None:
    clone = _clone(tmp_path / "clone")
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CACHE_DIR": str(tmp_path)}
    unreachable |= {"PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
    result = subprocess.run(
        ["make", "run", f"PYTHON={sys.executable}"],
        cwd=clone,
        env={**os.environ, **unreachable},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 2
    assert "pip cannot reach the package index" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (clone / ".venv" / "ready-to-run").exists()


@pytest.mark.parametrize(
    ("setting", "uses_pip"),
    [
        ("global.index-url='https://mirror.example/simple'", True),
        (":env:.index-url='https://mirror.example/simple'", True),
        ("global.proxy='http://proxy.example:3128'", True),
        ("global.no-index='1'", True),
        ("global.extra-index-url='https://mirror.example/simple'", False),
        ("", False),
    ],
)
def test_only_pip_installs_where_it_has_an_index_or_a_proxy_of_its_own(
    bootstrap: ModuleType, setting: str, uses_pip: bool
) -> None:
    assert bool(bootstrap.PIP_ONLY.search(setting)) == uses_pip


@pytest.mark.parametrize(("version", "installs"), [("22.2.2", False), ("22.3", True), ("25.0.1", True), ("9.0", False)])
def test_the_pip_of_python_installs_into_the_environment_unless_it_is_too_old(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, version: str, installs: bool
) -> None:
    older = ModuleType("pip")
    monkeypatch.setattr(older, "__version__", version, raising=False)
    monkeypatch.setitem(sys.modules, "pip", older)
    assert bool(bootstrap.pip_for_others()) == installs


def test_a_python_without_pip_gives_the_environment_a_pip_of_its_own(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    assert bootstrap.pip_for_others() == []


def test_an_environment_that_nothing_can_install_into_is_to_be_deleted(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    monkeypatch.setattr(bootstrap, "VENV", str(tmp_path))
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", str(python))
    monkeypatch.setattr(bootstrap, "pip_for_others", list)
    assert bootstrap.main(["demo"]) == 2
    assert "Delete the folder .venv" in capsys.readouterr().err


@pytest.mark.processes
def test_an_older_python_is_refused_before_anything_is_created(tmp_path: Path) -> None:
    clone = _clone(tmp_path / "clone")
    older = clone / "sitecustomize.py"
    older.write_text("import sys\nsys.version_info = (3, 10, 4, 'final', 0)\n")
    result = subprocess.run(
        [sys.executable, "bootstrap.py"],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert "This is Python 3.10" in result.stderr
    assert not (clone / ".venv").exists()
