"""What a release consists of can be checked by whoever installs it: pinned, licensed, and the same bytes again."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ivr.version import commit_of
from tests.support.paths import ROOT
from tools import audit
from tools.release import build_wheel, license_of, pinned, write_sbom

FILES = ("requirements.txt", "requirements-dev.txt", "requirements-release.txt", "requirements-tracing.txt")
# One of these words in each license, in any notation. The line links LGPL libraries and changes none.
ALLOWED = re.compile(
    r"\b(MIT|MIT-0|BSD|0BSD|BSD-\d-Clause|Apache|Apache-2\.0|ISC|PSF-2\.0|Python Software Foundation|Unlicense"
    r"|Mozilla|MPL|LGPL-3\.0-only|LGPL)\b"
)
NETWORK_COPYLEFT = re.compile(r"\b(AGPL|Affero|SSPL)\b")


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_pinned_to_one_version_and_its_hashes(file: str) -> None:
    text = re.sub(r"\\\n\s*", "", (ROOT / file).read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) > 20
    for line in lines:
        assert re.match(r"[\w.-]+==[\w.]+( ; [^-]*?[^ ])? *--hash=sha256:[0-9a-f]{64}", line), line


def test_every_dependency_and_what_builds_a_checkout_is_among_the_pinned_ones_within_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    versions = {canonicalize_name(name): version for name, version in pinned()}
    for dependency in map(Requirement, project["project"]["dependencies"] + project["build-system"]["requires"]):
        assert dependency.specifier.contains(versions[canonicalize_name(dependency.name)]), dependency


def test_the_files_agree_on_every_version_that_they_share() -> None:
    production, development, release, tracing = (dict(pinned(ROOT / file)) for file in FILES)
    assert {name: development.get(name) for name in production} == production
    assert {name: tracing.get(name) for name in production} == production
    assert all(version == development.get(name, version) for name, version in release.items())


def test_every_dependency_has_a_license_that_allows_our_use() -> None:
    licenses = {name: license_of(name) for name, _ in pinned()}
    assert len(licenses) > 50
    assert {name: text for name, text in licenses.items() if not ALLOWED.search(text)} == {}
    assert {name: text for name, text in licenses.items() if NETWORK_COPYLEFT.search(text)} == {}


def committed() -> bool:
    return shutil.which("git") is not None and (ROOT / ".git").exists()


@pytest.mark.processes
@pytest.mark.skipif(not committed(), reason="this is not a git checkout, so there is no commit to build")
def test_the_wheel_of_a_commit_has_the_same_bytes_whoever_builds_it(tmp_path: Path) -> None:
    first = build_wheel(tmp_path / "first")
    before = os.umask(0o077)
    try:
        second = build_wheel(tmp_path / "another" / "folder")
    finally:
        os.umask(before)
    digests = {hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in (first, second)}
    assert len(digests) == 1
    with zipfile.ZipFile(first) as wheel:
        assert wheel.read("ivr/commit.txt").decode().strip() == commit_of(ROOT)


@pytest.mark.skipif(importlib.util.find_spec("cyclonedx_py") is None, reason="`make release` installs cyclonedx-bom")
def test_the_sbom_lists_every_pinned_dependency_with_its_hashes(tmp_path: Path) -> None:
    write_sbom(tmp_path / "sbom.cdx.json")
    sbom = json.loads((tmp_path / "sbom.cdx.json").read_text())
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["name"]) == ("CycloneDX", "infoline")
    # A package may be there once for each Python.
    components = {(component["name"], component["version"]): component for component in sbom["components"]}
    for requirement in pinned():
        references = components[requirement]["externalReferences"]
        assert any(reference.get("hashes") for reference in references), requirement


def test_without_a_network_the_audit_says_that_it_was_skipped(monkeypatch, capsys) -> None:
    monkeypatch.setattr(audit, "DATABASE", "http://127.0.0.1:1/")
    assert audit.main() == 0
    assert "cannot be reached" in capsys.readouterr().out


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 1), (2, 1)])
def test_the_audit_fails_if_pip_audit_finds_something_or_fails(monkeypatch, status, expected) -> None:
    monkeypatch.setattr(audit, "DATABASE", Path(__file__).as_uri())
    monkeypatch.setattr(audit, "COMMAND", [sys.executable, "-c", f"raise SystemExit({status})"])
    assert audit.main() == expected


def test_the_audit_reads_the_requirements_that_are_installed_in_production() -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs/operations").glob("*.md"))
    installed = set(re.findall(r"pip install --require-hashes -r (\S+)", pages))
    audited = {Path(file).name for option, file in pairwise(audit.COMMAND) if option == "--requirement"}
    assert audited == installed == {"requirements.txt", "requirements-tracing.txt"}
    listed = subprocess.run([*audit.COMMAND[:3], "--help"], capture_output=True, text=True, check=False)
    if "No module named" in listed.stderr:
        pytest.skip("`make audit` installs pip-audit")
    assert {option for option in audit.COMMAND if option.startswith("--")} <= set(
        re.findall(r"--[\w-]+", listed.stdout)
    )
