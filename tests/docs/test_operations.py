"""The pages for those who operate the line name only what exists, and all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.doctor.runner import CHECKS
from ivr.env_file import read_env_file
from ivr.ledger import open_ledger
from ivr.reminders.alarms import Alarm
from ivr.settings import Settings
from tests.docs.pages import SPAN, blocks, page_id, shell_commands
from tests.support.paths import ROOT

OPERATIONS = sorted((ROOT / "docs/operations").glob("*.md"))
PAGES = [*OPERATIONS, ROOT / "docs/operations.md", ROOT / "docs/security.md", ROOT / "SECURITY.md"]


def section(page: str, heading: str) -> str:
    text = (ROOT / "docs/operations" / page).read_text()
    return re.split(r"^## ", text.split(f"## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_column(table: str) -> list[str]:
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return [name for row in rows for name in SPAN.findall(row)]


def test_the_runbook_has_each_alarm() -> None:
    assert first_column(section("watch.md", "Alarms, step by step")) == list(Alarm)


def test_the_table_of_doctor_has_each_check_in_order() -> None:
    assert first_column(section("watch.md", "Doctor")) == list(CHECKS)


def test_the_sample_of_the_settings_file_can_be_read(tmp_path: Path) -> None:
    (sample,) = blocks(ROOT / "docs/operations/install.md", "ini")
    path = tmp_path / "infoline.env"
    path.write_text(sample)
    path.chmod(0o600)
    values = read_env_file(path, [name.upper() for name in Settings.model_fields])
    assert values["BIND_HOST"] == "127.0.0.1"
    Settings.model_validate({name.lower(): value for name, value in values.items() if value})


def test_the_image_is_built_by_the_steps_of_the_installation() -> None:
    containerfile = (ROOT / "deploy/Containerfile").read_text()
    steps = re.findall(r"^RUN (.*)", containerfile, re.MULTILINE)
    assert len(steps) == 5
    installation = shell_commands(ROOT / "docs/operations/install.md")
    assert [command for command in installation if command in steps] == steps
    upgrade = shell_commands(ROOT / "docs/operations/upgrade.md")
    assert [command for command in upgrade if command in steps] == steps[-2:]


def test_the_table_of_units_has_each_unit() -> None:
    listed = first_column(section("install.md", "4. The processes"))
    assert sorted(listed) == sorted(path.name for path in (ROOT / "deploy/systemd").iterdir())


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_unit_and_file_of_deploy_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"\binfoline[\w-]*(?:@\d*)?\.(?:service|timer|target)", text):
        assert (ROOT / "deploy/systemd" / re.sub(r"@\d+", "@", name)).is_file(), name
    for name in re.findall(r"\bdeploy/[\w./-]*\w", text):
        assert (ROOT / name).exists(), name


def test_the_open_paths_are_those_of_the_proxy() -> None:
    rows = re.findall(r"^\| (`/.*?) \| (.*?) \|", section("install.md", "5. The proxy"), re.MULTILINE)
    documented = {path.strip("/"): who for row, who in rows for path in SPAN.findall(row)}
    configuration = (ROOT / "deploy/nginx/infoline.conf").read_text()
    found = {}
    for paths, body in re.findall(r"location (?:~ |= )?(\S+) \{(.*?)\n    \}", configuration, re.DOTALL):
        who = "the hospital's networks" if "infoline_is_inside" in body else "everybody"
        for path in re.findall(r"[a-z]+", paths):
            found[path] = who
    assert {path: who.partition(";")[0] for path, who in documented.items()} == found


def test_the_connections_of_a_process_are_those_of_the_pool() -> None:
    page = (ROOT / "docs/operations/postgresql.md").read_text()
    pool = open_ledger("postgresql://infoline@127.0.0.1/none").engine.pool
    size, overflow = pool.size(), pool._max_overflow
    assert f"keeps up to {size} connections open and opens up to {overflow} more" in " ".join(page.split())
    rows = {name: int(most) for name, most in re.findall(r"^\| (\S[^|]+) \| (\d+) \|", page, re.MULTILINE)}
    one = size + overflow
    assert rows == {
        "a web process, with the process that answers the console": 2 * one,
        "a worker, with the child that runs a job": 2 * one,
        "a clock": one,
        "`infoline hl7`, `infoline reminders watch`, or `infoline reminders pull`": one,
        "a large import, or a check or publish from the console, while it runs": one,
    }
    # Two web processes, one worker and one clock on each of two machines.
    total = 2 * (2 * 2 * one + 2 * one + one)
    assert f"need at most {total}" in " ".join(page.split())


def test_the_security_table_names_every_technical_safeguard() -> None:
    """45 CFR 164.312 (a) to (e), with the implementation specifications of the rule's appendix A."""
    text = (ROOT / "docs/security.md").read_text()
    for name in (
        *("(a)(1) Access control", "Unique user identification (R)", "Emergency access procedure (R)"),
        *("Automatic logoff (A)", "Encryption and decryption (A)", "(b) Audit controls", "(c)(1) Integrity"),
        *("Mechanism to authenticate ePHI (A)", "(d) Person or entity authentication"),
        *("(e)(1) Transmission security", "Integrity controls (A)", "Encryption (A)"),
    ):
        assert f"| {name} |" in text, name
