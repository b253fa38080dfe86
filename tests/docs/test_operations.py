"""The pages for those who operate the line name only what exists, and all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.console.pages import LIVE, WITH_LIVE_PART
from ivr.doctor.runner import CHECKS
from ivr.env_file import read_env_file
from ivr.ledger import open_ledger
from ivr.reminders.alarms import Alarm
from ivr.settings import Settings
from tests.docs.pages import CURRENT, SPAN, blocks, page_id, shell_commands
from tests.support.paths import ROOT

OPERATIONS = sorted((ROOT / "docs/operations").glob("*.md"))
PAGES = [*OPERATIONS, ROOT / "docs/operations.md", ROOT / "docs/security.md", ROOT / "SECURITY.md"]


# The defaults that depend on something else, in words. The code has no value for them, except for the networks.
IN_WORDS = {
    "PUBLIC_URL": "`http://127.0.0.1:PORT`",
    "BIND_HOST": "loopback on a local line, else all interfaces",
    "TRUSTED_PROXIES": "loopback and private networks",
    "DATABASE_URL": "SQLite in `VAR_DIR`",
    "MODEL_DIR": "`models` in `VAR_DIR`",
    "PROMPTS_DIR": "`prompts/` of the code",
    "PHONE_HASH_KEY": "derived from the oldest `PHONE_KEY`",
    "SECRET_KEY": "local line: derived from its keys",
    # Without a default on a public line.
    **dict.fromkeys(("PHONE_KEY", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"), ""),
    **dict.fromkeys(("TWILIO_MESSAGING_SERVICE_SID", "TWILIO_FROM", "TWILIO_API_URL"), ""),
}
SETTING_ROWS = [
    (name, default.strip())
    for page in CURRENT
    for table in re.findall(r"^\| Setting \| Meaning \| Default \|\n((?:\|.*\n)+)", page.read_text(), re.MULTILINE)
    for name, default in re.findall(r"^\| `([A-Z0-9_]+)` \|.*\|([^|]*)\|$", table, re.MULTILINE)
]


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


def default_on_a_page(value: object) -> str:
    """How the tables write a default value."""
    if isinstance(value, Path):
        return f"`{value}`" if value.is_absolute() else f"`./{value}`"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return f"{value:.15g}"
    return f"`{value}`" if value else "none"


@pytest.mark.parametrize(("name", "default"), SETTING_ROWS)
def test_the_default_of_a_setting_is_the_one_of_the_code(name: str, default: str) -> None:
    field = Settings.model_fields[name.lower()]
    if name in IN_WORDS:
        assert default == IN_WORDS[name]
        assert not field.default or name in ("PROMPTS_DIR", "TRUSTED_PROXIES")
    else:
        # "none: no alarm" says what follows from it.
        assert re.sub(r"^none: .*", "none", default) == default_on_a_page(field.default)


def test_the_proxies_that_are_trusted_by_default_are_in_private_networks() -> None:
    networks = Settings().proxy_networks
    assert networks
    assert all(network.is_private or network.is_loopback for network in networks)


def test_each_setting_is_in_a_table_with_its_default() -> None:
    assert sorted(name for name, _ in SETTING_ROWS) == sorted(name.upper() for name in Settings.model_fields)


def test_the_image_is_built_by_the_steps_of_the_installation() -> None:
    containerfile = (ROOT / "deploy/Containerfile").read_text()
    client, *steps = re.findall(r"^RUN (.*)", containerfile, re.MULTILINE)
    assert "install -y --no-install-recommends postgresql-client" in client
    assert len(steps) == 6
    installation = shell_commands(ROOT / "docs/operations/install.md")
    assert [command for command in installation if command in steps] == steps
    upgrade = shell_commands(ROOT / "docs/operations/upgrade.md")
    assert [command for command in upgrade if command in steps] == steps[-2:]


def test_a_hospital_installs_nothing_that_is_not_pinned() -> None:
    installs = [command for page in PAGES for command in shell_commands(page) if "pip install" in command]
    assert len(installs) >= 5
    pinned = ("--require-hashes -r requirements", "--no-deps --no-build-isolation .")
    assert [command for command in installs if not any(options in command for options in pinned)] == []


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


def test_the_benchmark_of_the_console_measures_each_part_that_a_page_reloads() -> None:
    templates = (ROOT / "ivr/web/console").rglob("*.html")
    reloaded = {
        endpoint
        for template in templates
        for endpoint in re.findall(r"""hx-get="{{ url_for\('([\w.]+)'""", template.read_text())
    }
    # It finds the parts that a page asks for at its own address on the page.
    at_own_address = {"today.line"}
    assert reloaded == LIVE | WITH_LIVE_PART | at_own_address
