"""deploy/Containerfile builds an image that has all that the line needs, and no settings of a hospital."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.version import release
from tests.support.checkout import copy_checkout
from tests.support.paths import ROOT

BUILDER = shutil.which("podman") or shutil.which("buildah")
IMAGE = "localhost/infoline-of-a-test"
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(BUILDER is None, reason="neither podman nor buildah is installed"),
]
# What somebody may have put into a checkout. The settings file has PHONE_KEY.
PRIVATE = (".env", "infoline.env", "deploy/infoline.env", "ivr/web/old.env", "var/infoline.db", "appointments.csv")
CHECKS = f"""FROM {IMAGE}
RUN test "$(infoline --version)" = "infoline {release()} (0123456ab)"
RUN pg_dump --version
RUN python /opt/infoline/source/deploy/backup.py --help
RUN test -w /var/lib/infoline -a -w /var/backups/infoline -a ! -w /opt/infoline
"""


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(BUILDER), "build", *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("image")
    (base,) = re.findall(r"^FROM .+$", (ROOT / "deploy/Containerfile").read_text(), re.MULTILINE)
    (folder / "Containerfile").write_text(f"{base}\n")
    found = build(folder)
    if found.returncode:
        pytest.skip(f"the image to begin with cannot be had: {found.stderr.strip().splitlines()[-1]}")
    source = copy_checkout(folder / "source", ("tests/",))
    for name in PRIVATE:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("PHONE_KEY=secret-of-a-test\n")
    options = ("--build-arg", "INFOLINE_COMMIT=0123456ab", "--file", str(source / "deploy/Containerfile"))
    built = build(source, *options, "--tag", IMAGE)
    assert built.returncode == 0, built.stderr[-2000:]
    yield IMAGE
    subprocess.run([str(BUILDER), "rmi", "--force", IMAGE], capture_output=True, check=False)


def assert_steps_succeed(folder: Path, steps: str) -> None:
    """Each step runs in the image, as its user."""
    (folder / "Containerfile").write_text(steps)
    done = build(folder, "--no-cache")
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_image_runs_the_line_and_makes_backups(image: str, tmp_path: Path) -> None:
    assert_steps_succeed(tmp_path, CHECKS)


def test_no_settings_and_no_data_get_into_the_image(image: str, tmp_path: Path) -> None:
    search = "! grep -rIl secret-of-a-test /opt/infoline"
    assert_steps_succeed(tmp_path, f"FROM {image}\nUSER root\nRUN {search}\n")
