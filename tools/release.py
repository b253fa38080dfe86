"""`python -m tools.release [FOLDER]`: the wheel of HEAD, its SBOM, the licenses of all dependencies, and checksums.

Built from what is committed, with the time of the commit, so that anybody gets the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from packaging.requirements import Requirement

from ivr.version import commit_of

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements.txt"
_MODES = 0o022


def main(arguments: list[str]) -> int:
    """Write a release to a folder, by default dist/. Returns the exit status."""
    folder = Path(arguments[0] if arguments else ROOT / "dist")
    wheel = build_wheel(folder)
    write_sbom(folder / "sbom.cdx.json")
    write_licenses(folder / "licenses.csv")
    files = [wheel, folder / "sbom.cdx.json", folder / "licenses.csv"]
    sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    (folder / "SHA256SUMS").write_text(sums)
    print(sums, end="")
    return 0


def build_wheel(folder: Path, commit: str = "HEAD") -> Path:
    """Build the wheel of a commit. The same commit and the same setuptools give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as source:
        archive = _git("archive", "--format=tar", commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(source, filter="data")
        time = _git("show", "--no-patch", "--format=%ct", commit).decode().strip()
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-index", "--no-build-isolation", "--wheel-dir", str(folder), source]
        # The archive has no git to ask.
        environment = {**os.environ, "SOURCE_DATE_EPOCH": time, "INFOLINE_COMMIT": commit_of(ROOT, commit)}
        # The wheel contains the modes of files, and so the umask of whoever builds it.
        before = os.umask(_MODES)
        try:
            subprocess.run(command, check=True, env=environment)
        finally:
            os.umask(before)
    (wheel,) = folder.glob("infoline-*.whl")
    return wheel


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


def write_sbom(file: Path) -> None:
    """Write a CycloneDX list of the pinned dependencies with their hashes. https://cyclonedx.org/"""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(REQUIREMENTS)]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--output-format", "JSON"]
    subprocess.run([*command, "--output-file", str(file)], check=True)


def pinned(file: Path = REQUIREMENTS) -> Iterator[tuple[str, str]]:
    """Yield the name and the version of each requirement that applies to this Python and system."""
    for line in file.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\").strip())
            if requirement.marker is None or requirement.marker.evaluate():
                (version,) = requirement.specifier
                yield requirement.name, version.version


def license_of(name: str) -> str:
    """The license that an installed package declares; empty if it declares none. Raises PackageNotFoundError."""
    declared = metadata(name)
    if expression := declared["License-Expression"]:
        return str(expression)
    classifiers = declared.get_all("Classifier") or []
    named = [entry.rpartition(" :: ")[2] for entry in classifiers if entry.startswith("License :: ")]
    text = (declared["License"] or "").strip()
    # Some packages put the whole text there.
    return " or ".join(named) or (text if text and "\n" not in text else "")


def write_licenses(file: Path) -> None:
    """Write the license of each dependency as CSV: name, version, license."""
    with file.open("w", newline="") as output:
        writer = csv.writer(output, lineterminator="\n")
        writer.writerow(("name", "version", "license"))
        for name, version in pinned():
            try:
                writer.writerow((name, version, license_of(name)))
            except PackageNotFoundError:
                sys.exit(f"{name} is not installed: run `make release`, which installs what requirements.txt pins.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
