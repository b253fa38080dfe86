"""What can prevent a first start: each ends with a sentence and status 2, and leaves nothing half-started."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.conftest import LINE_ENV
from tests.support.paths import ROOT

pytestmark = pytest.mark.processes
INFOLINE = (sys.executable, "-m", "ivr.cli")
NO_INDEX = {"PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
# Root, too, then needs the permissions of a file: see capabilities(7).
AS_ANYBODY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
needs_setpriv = pytest.mark.skipif(bool(AS_ANYBODY) and not shutil.which("setpriv"), reason="there is no setpriv")


def run(
    command: Sequence[str],
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], object] | None = None,
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in LINE_ENV}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**clean, **(environment or {})},
        preexec_fn=before,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_refused(result: subprocess.CompletedProcess[str], words: str) -> None:
    assert result.returncode == 2, result
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with one package to install, which no index has."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("bootstrap.py", "Makefile", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "requirements-demo.txt").write_text("click==8.5.0 --hash=sha256:" + "0" * 64 + "\n")
    return folder


def bootstrap_with(clone: Path, start_up: str) -> subprocess.CompletedProcess[str]:
    """Install with a Python that runs some code when it starts."""
    (clone / "sitecustomize.py").write_text(start_up)
    return run([sys.executable, "bootstrap.py"], clone, {"PYTHONPATH": str(clone)})


@pytest.mark.parametrize(
    ("start_up", "words"),
    [
        ("import sys\nsys.version_info = (3, 10, 4, 'final', 0)\n", "This is Python 3.10"),
        ("import sys\nsys.modules['venv'] = None\n", "sudo apt install python3-venv"),
        ("import sys\nsys.modules['pip'] = sys.modules['ensurepip'] = None\n", "sudo apt install python3-venv"),
        ("import os, shutil, subprocess\nos.name = 'nt'\n", "Windows: use WSL"),
    ],
    ids=["Python 3.10", "no venv", "venv without ensurepip", "Windows"],
)
def test_a_python_that_cannot_run_the_line_is_refused_before_anything_is_created(
    clone: Path, start_up: str, words: str
) -> None:
    assert_refused(bootstrap_with(clone, start_up), words)
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    "network",
    [
        {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"},
        {"HTTPS_PROXY": "http://127.0.0.1:9", "PIP_INDEX_URL": "https://pypi.org/simple", "NO_PROXY": ""},
    ],
    ids=["no index", "no proxy"],
)
def test_without_a_package_index_the_installation_says_so_and_make_does_not_take_it_for_done(
    clone: Path, network: dict[str, str]
) -> None:
    environment = {**NO_INDEX, **network, "PIP_CACHE_DIR": str(clone / "cache")}
    result = run(["make", "run", f"PYTHON={sys.executable}"], clone, environment)
    assert_refused(result, "pip cannot reach the package index")
    assert "HTTPS_PROXY" in result.stderr
    assert not (clone / ".venv" / "ready-to-run").exists()


def test_make_test_adds_to_the_environment_of_make_run_and_the_other_way_round(clone: Path) -> None:
    """Each target runs for real; what it installs and starts is only noted down."""
    (clone / "requirements-dev.txt").touch()
    note = '#!/bin/sh\necho "$(basename "$0") $*" >> notes\n'
    for name in ("python3", ".venv/bin/python", ".venv/bin/infoline"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(note)
        (clone / name).chmod(0o755)
    notes = []
    for target in ("run", "run", "test", "run", "test"):
        result = run(["make", target, f"PYTHON={clone}/python3"], clone)
        assert result.returncode == 0, result.stderr
        notes.append([" ".join(row.split()[:3]) for row in (clone / "notes").read_text().splitlines()])
        (clone / "notes").unlink()
    assert notes == [
        ["python3 bootstrap.py demo", "infoline run"],
        ["infoline run"],
        ["python3 bootstrap.py dev", "python -m pytest"],
        ["infoline run"],
        ["python -m pytest"],
    ]


@needs_setpriv
def test_a_clone_that_cannot_be_written_is_named_and_left_as_it_was(clone: Path) -> None:
    before = sorted(clone.iterdir())
    clone.chmod(0o500)
    result = run([*AS_ANYBODY, sys.executable, "bootstrap.py"], clone)
    clone.chmod(0o700)
    assert_refused(result, f"could not create .venv in {clone}: free some space, or move the folder")
    assert sorted(clone.iterdir()) == before


def no_room() -> None:
    """The process can create files, but not write to them."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_an_installation_without_room_leaves_no_half_of_an_environment(clone: Path) -> None:
    result = run([sys.executable, "-B", "bootstrap.py"], clone, before=no_room)
    assert_refused(result, "could not create .venv")
    assert not (clone / ".venv").exists()


@needs_setpriv
@pytest.mark.parametrize("command", ["run", "db upgrade"])
def test_a_read_only_folder_is_named(command: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    result = run([*AS_ANYBODY, *INFOLINE, *command.split()], environment=ports() | {"VAR_DIR": str(tmp_path / "var")})
    tmp_path.chmod(0o700)
    assert_refused(result, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="only root may mount a small disk")
def test_a_small_disk_is_named_with_what_the_line_needs(tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        result = run([*INFOLINE, "run"], environment=ports() | {"VAR_DIR": str(tmp_path / "var")})
        assert_refused(result, "has 2 MB left, but the line needs 200 MB")
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_disk_that_fills_up_is_named(tmp_path: Path) -> None:
    result = run([*INFOLINE, "db", "upgrade"], environment={"VAR_DIR": str(tmp_path)}, before=little_room)
    assert_refused(result, "free some space")
    assert run([*INFOLINE, "db", "upgrade"], environment={"VAR_DIR": str(tmp_path)}).returncode == 0


def little_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.parametrize("command", [["run"], ["doctor"], ["reminders", "status"], []])
def test_windows_is_told_to_use_wsl_before_a_module_is_missed(command: list[str], tmp_path: Path) -> None:
    lacks = "sys.modules.update(dict.fromkeys(('fcntl', 'pwd', 'resource', 'termios'), None))"
    code = f"import sys; {lacks}; from ivr.cli import main; sys.platform = 'win32'; main({command or ['doctor']!r})"
    result = run([sys.executable, "-c", code], environment={"VAR_DIR": str(tmp_path / "var")})
    assert_refused(result, "Windows: use WSL")
    assert not (tmp_path / "var").exists()


def ports() -> dict[str, str]:
    """Two that are free, so that nothing else is refused."""
    from tests.support.processes import free_port

    return {"PORT": str(free_port()), "SIMULATOR_URL": f"http://127.0.0.1:{free_port()}"}
