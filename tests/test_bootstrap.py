"""The installation of a fresh clone: what it refuses, and in which words."""

from __future__ import annotations

import importlib.util
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


@pytest.mark.parametrize("kind", ["demo", "dev"])
def test_an_environment_that_is_there_is_never_created_again(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str]) -> tuple[int, str]:
        commands.append(command)
        return 0, ""

    monkeypatch.setattr(bootstrap, "VENV_PYTHON", sys.executable)
    monkeypatch.setattr(bootstrap, "VENV", str(tmp_path))
    monkeypatch.setattr(bootstrap, "run", run)
    assert bootstrap.main([kind]) == 0
    assert [command for command in commands if f"requirements-{kind}.txt" in command]
    assert [command for command in commands if "venv" in command] == []


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


@pytest.mark.parametrize(("level", "says_how"), [(None, True), ("1", False)])
def test_without_make_the_installation_ends_by_saying_how_to_start(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    level: str | None,
    says_how: bool,
) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    if level:
        monkeypatch.setenv("MAKELEVEL", level)
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", sys.executable)
    monkeypatch.setattr(bootstrap, "VENV", str(tmp_path))
    monkeypatch.setattr(bootstrap, "run", lambda _command: (0, ""))
    assert bootstrap.main(["demo"]) == 0
    assert (".venv/bin/infoline run" in capsys.readouterr().out) == says_how
