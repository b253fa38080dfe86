"""The wheel works outside the checkout, and an installation without its data files reports them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.shipped import DATA_FILES
from ivr.version import commit_of, release
from tests.support.checkout import copy_checkout
from tests.support.paths import ROOT

pytestmark = pytest.mark.processes

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
OFFLINE = ["--no-deps", "--no-index"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built wheel's packages. Their dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    # Building in the checkout would leave build/ behind, and pick up files that are not in git.
    source = copy_checkout(folder / "source", ("tests/", "docs/", "bench/"))
    for words in ("init", "add --all", "-c user.name=A -c user.email=a@example.org commit --message Source"):
        subprocess.run(["git", *words.split()], cwd=source, check=True, capture_output=True)
    subprocess.run(
        [*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", folder / "dist", source], check=True
    )
    (wheel,) = (folder / "dist").glob("infoline-*.whl")
    subprocess.run([*PIP, "install", *OFFLINE, "--target", folder / "site", wheel], check=True)
    return folder / "site"


def infoline(site: Path, var_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a folder that is not the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "ivr.cli", *arguments],
        env={**os.environ, "PYTHONPATH": str(site), "VAR_DIR": str(var_dir)},
        cwd=site,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_installed_command_checks_its_prompts_upgrades_a_database_and_answers(
    installed: Path, tmp_path: Path
) -> None:
    for arguments in (("prompts", "check"), ("db", "upgrade"), ("ask", "can I wear deodorant")):
        result = infoline(installed, tmp_path, *arguments)
        assert (result.returncode, result.stderr) == (0, ""), result.stdout
    assert "skin-products" in result.stdout


def test_an_installation_knows_the_commit_that_it_was_built_from(installed: Path, tmp_path: Path) -> None:
    result = infoline(installed, tmp_path, "--version")
    assert result.stdout == f"infoline {release()} ({commit_of(installed.parent / 'source')})\n"


def test_type_hints_and_the_license_are_in_the_wheel(installed: Path) -> None:
    for name in ("ivr/py.typed", "worker/py.typed", "simulator/py.typed"):
        assert (installed / name).is_file()
    assert len(list(installed.glob("infoline-*.dist-info/licenses/LICENSE"))) == 1


def test_every_data_file_of_the_packages_is_in_the_wheel(installed: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "ivr", "worker", "simulator"], cwd=ROOT, capture_output=True, check=True
    )
    names = listed.stdout.decode().split()
    assert [name for name in names if (ROOT / name).is_file() and not (installed / name).is_file()] == []


@pytest.mark.parametrize("missing", ["ivr/_shipped_prompts", "ivr/ledger/migrations/versions", *DATA_FILES])
def test_an_installation_without_its_data_files_reports_what_is_missing(
    installed: Path, tmp_path: Path, missing: str
) -> None:
    site = shutil.copytree(installed, tmp_path / "site")
    if (site / missing).is_dir():
        shutil.rmtree(site / missing)
    else:
        (site / missing).unlink()
    result = infoline(site, tmp_path / "var", "db", "upgrade")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"This installation of infoline lacks {missing}: install it again.\n"
