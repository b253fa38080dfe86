"""Settings: a local line needs none, and all problems are reported at once."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr import clock
from ivr.ledger import Vault
from ivr.settings import REQUIRED_SETTINGS, Settings, SettingsError, decode_key, is_loopback, load, shift_file
from tests.support.paths import ROOT

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
PUBLIC = {
    "PUBLIC_URL": "https://line.example.org",
    "DATABASE_URL": "postgresql://infoline@db/infoline",
    "SECRET_KEY": "a long random string",
    "PHONE_KEY": KEY,
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "a-token",
    "TWILIO_FROM": "+16035550100",
}


@pytest.fixture(autouse=True)
def _empty_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))


def loaded(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load()


def problems(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        loaded(monkeypatch, **environment)
    assert all(problem in str(raised.value) for problem in raised.value.problems)
    return raised.value.problems


def setting_names(problems: list[str]) -> list[str]:
    """The setting that each problem starts with."""
    return [problem.split()[0].rstrip(":") for problem in problems]


def test_a_local_line_needs_no_settings(tmp_path: Path) -> None:
    settings = load()
    assert settings.loopback
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.database_url == f"sqlite:///{tmp_path}/var/infoline.db"
    assert settings.twilio_api_url == settings.simulator_url
    assert settings.twilio_from == "+16035550100"
    assert settings.keywords_answered_by == "carrier"
    assert settings.prompts_dir == ROOT / "prompts"
    assert [len(key) for key in settings.phone_keys] == [32]
    assert Vault.of(settings).open(Vault.of(settings).seal("Ann")) == "Ann"


def test_a_local_line_uses_explicit_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = {"PORT": "8123", "TWILIO_AUTH_TOKEN": "mine", "TWILIO_MESSAGING_SERVICE_SID": "MG1", "SECRET_KEY": "s"}
    settings = loaded(monkeypatch, **overrides)
    assert settings.public_url == "http://127.0.0.1:8123"
    assert (settings.twilio_auth_token, settings.secret_key, settings.twilio_from) == ("mine", "s", "")


def test_an_empty_setting_gets_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, PORT="", PUBLIC_URL="", KEYWORDS_ANSWERED_BY="").port == 8000


def test_a_public_line_with_all_required_settings_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, **PUBLIC)
    assert not settings.loopback
    assert settings.twilio_api_url == "https://api.twilio.com"
    assert settings.auth_tokens == ("a-token",)


def test_whitespace_around_a_setting_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    spaced = {name: f" {value}\n" for name, value in PUBLIC.items()}
    settings = loaded(monkeypatch, **spaced)
    assert (settings.twilio_auth_token, settings.public_url) == ("a-token", "https://line.example.org")


@pytest.mark.parametrize("name", [name for name, _ in REQUIRED_SETTINGS])
def test_a_missing_setting_that_a_public_line_requires_is_reported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    others = {other: value for other, value in PUBLIC.items() if other != name}
    assert setting_names(problems(monkeypatch, **others)) == [name]


def test_a_public_line_needs_a_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems(monkeypatch, **{name: value for name, value in PUBLIC.items() if name != "TWILIO_FROM"})
    assert "TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM" in problem
    assert loaded(monkeypatch, TWILIO_MESSAGING_SERVICE_SID="MG1").twilio_messaging_service_sid == "MG1"


def test_all_missing_and_invalid_settings_are_reported_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    invalid = {
        "PUBLIC_URL": "http://line.example.org",
        "PHONE_KEY": "short",
        "PORT": "eighty",
        "CLOCK_SHIFT_SECONDS": "9",
    }
    reported = set(setting_names(problems(monkeypatch, **invalid)))
    assert reported == {"PHONE_KEY", "PORT", "DATABASE_URL", "SECRET_KEY", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN",
                        "TWILIO_MESSAGING_SERVICE_SID", "PUBLIC_URL", "CLOCK_SHIFT_SECONDS"}  # fmt: skip


def test_a_line_with_an_invalid_public_url_is_not_local(monkeypatch: pytest.MonkeyPatch) -> None:
    reported = setting_names(problems(monkeypatch, PUBLIC_URL="line.example.org"))
    assert {"PUBLIC_URL", "DATABASE_URL", "PHONE_KEY"} <= set(reported)


INVALID = [
    ("PUBLIC_URL", "line.example.org"),
    ("PUBLIC_URL", "ftp://line.example.org"),
    ("PUBLIC_URL", "https://"),
    ("PUBLIC_URL", "https://line.example.org:99999"),
    ("PUBLIC_URL", "https://[line"),
    ("PUBLIC_URL", "https://line.example.org/?a=1"),
    ("PUBLIC_URL", "https://line.example.org/#rc=3"),
    ("PUBLIC_URL", "https://line example.org"),
    ("TWILIO_API_URL", "api.twilio.com"),
    ("DATABASE_URL", "db.example.org"),
    ("DATABASE_URL", "mysql://db/infoline"),
    ("REDIS_URL", "127.0.0.1:6379"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("WEB_WORKERS", "0"),
    ("TWILIO_FROM", "603-555-0100"),
    ("TWILIO_FROM", "6035550100"),
    ("TWILIO_FROM", "+"),
    ("KEYWORDS_ANSWERED_BY", "nobody"),
    ("PHONE_KEY", "c2hvcnQ"),
    ("PHONE_KEY", KEY + ","),
    ("PHONE_KEY", ","),
    ("PHONE_KEY", KEY.replace("a", "!", 1)),
    ("PHONE_KEY", "ñ" * 43),
    ("PHONE_HASH_KEY", f"{KEY},{KEY}"),
    ("CLOCK_SECONDS", "0"),
    ("CLOCK_SECONDS", "inf"),
    ("LEASE_SECONDS", "nan"),
    ("RETRY_SECONDS", "-1"),
    ("CLOCK_SHIFT_SECONDS", "1e300"),
]


@pytest.mark.parametrize(("name", "value"), INVALID, ids=[f"{name}={value}" for name, value in INVALID])
def test_an_invalid_value_is_reported_with_its_setting(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert setting_names(problems(monkeypatch, **{**PUBLIC, name: value})) == [name]


def test_the_sid_of_an_api_key_is_not_accepted_as_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "AC" in problems(monkeypatch, **{**PUBLIC, "TWILIO_ACCOUNT_SID": "SK" + "1" * 32})[0]


def test_no_message_contains_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hunter2hunter2"
    assert secret not in str(problems(monkeypatch, **{**PUBLIC, "PHONE_KEY": secret, "DATABASE_URL": secret}))
    settings = loaded(monkeypatch, **{**PUBLIC, "TWILIO_AUTH_TOKEN": secret, "SECRET_KEY": secret})
    assert secret not in repr(settings)
    assert KEY not in repr(settings)


def test_a_public_line_refuses_a_clock_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "CLOCK_SHIFT_SECONDS" in problems(monkeypatch, **PUBLIC, CLOCK_SHIFT_SECONDS="3600")[0]


def test_a_public_line_ignores_the_clock_shift_of_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    shift_file(tmp_path / "var").write_text("3600")
    assert loaded(monkeypatch, **PUBLIC).clock_shift_seconds == 0


def test_the_clock_shift_of_a_run_applies_to_other_commands_on_the_machine(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    shift_file(tmp_path / "var").write_text("-86400.5")
    settings = load()
    assert settings.clock_shift_seconds == -86400.5
    before = clock.now()
    clock.set_shift(settings.clock_shift_seconds)
    assert clock.now() - before < timedelta(hours=-23)


@pytest.mark.parametrize("content", ["soon", "nan", "inf", "1e300", "\x00"])
def test_a_damaged_clock_shift_file_is_reported(content: str, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    shift_file(tmp_path / "var").write_text(content)
    with pytest.raises(SettingsError, match="clock-shift"):
        load()


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"secret_key": "x"}', "\x00", '{"phone_key": "x"}'])
def test_damaged_local_keys_are_reported_and_not_replaced(content: str, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "local-keys.json").write_text(content)
    with pytest.raises(SettingsError, match=r"local-keys\.json is damaged"):
        load()
    assert (tmp_path / "var" / "local-keys.json").read_text() == content


def test_a_var_dir_that_cannot_be_created_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "file"))
    with pytest.raises(SettingsError, match="VAR_DIR"):
        load()


def test_local_keys_are_created_once_by_processes_that_start_together(tmp_path: Path) -> None:
    # All processes wait for input, so that they read the keys at the same time.
    program = "from ivr.settings import load; print(flush=True); input(); s = load(); print(s.secret_key, s.phone_key)"
    environment = {**os.environ, "VAR_DIR": str(tmp_path / "together")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    started = [
        subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment, text=True, **pipes)
        for _ in range(8)
    ]
    for process in started:
        assert process.stdout
        process.stdout.readline()
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert len({process.communicate()[0] for process in started}) == 1
    assert {process.returncode for process in started} == {0}
    assert [path.name for path in (tmp_path / "together").iterdir()] == ["local-keys.json"]
    keys = tmp_path / "together" / "local-keys.json"
    assert keys.stat().st_mode & 0o077 == 0
    assert set(json.loads(keys.read_text())) == {"secret_key", "phone_key", "twilio_auth_token"}


def test_a_process_uses_the_keys_that_another_one_created_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, existing = os.link, {"secret_key": "s", "phone_key": KEY, "twilio_auth_token": "t"}

    def link_too_late(temporary: Path, path: Path) -> None:
        path.write_text(json.dumps(existing))
        link(temporary, path)

    monkeypatch.setattr(os, "link", link_too_late)
    settings = load()
    assert (settings.secret_key, settings.phone_key, settings.twilio_auth_token) == ("s", KEY, "t")
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["local-keys.json"]


def test_a_second_start_reads_the_same_keys() -> None:
    assert load().phone_keys == load().phone_keys


@given(st.binary(min_size=32, max_size=32))
def test_any_32_bytes_are_a_valid_key_with_or_without_padding(key: bytes) -> None:
    text = base64.urlsafe_b64encode(key).decode()
    assert decode_key(text) == decode_key(text.rstrip("=")) == decode_key(f" {text}\n") == key


@given(st.text(max_size=60))
def test_any_other_text_is_rejected_with_an_explanation(text: str) -> None:
    try:
        assert len(decode_key(text)) == 32
    except ValueError as error:
        message = str(error)
        assert message.startswith("each key must be 32 random bytes")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.8.9.1", True),
        ("http://localhost:1", True),
        ("http://[::1]:8000", True),
        ("https://line.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0", False),
    ],
)
def test_only_loopback_addresses_are_local(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


BIND_ADDRESSES = [
    ("a local line", {}, "127.0.0.1"),
    ("a public line", PUBLIC, "0.0.0.0"),
    ("a public line behind a proxy on its machine", {**PUBLIC, "BIND_HOST": "127.0.0.1"}, "127.0.0.1"),
    ("a local line in a container", {"BIND_HOST": "0.0.0.0"}, "0.0.0.0"),
]


@pytest.mark.parametrize(("label", "environment", "address"), BIND_ADDRESSES, ids=[case[0] for case in BIND_ADDRESSES])
def test_a_line_listens_on_the_named_address_or_else_on_loopback_only_if_it_is_local(
    monkeypatch: pytest.MonkeyPatch, label: str, environment: dict[str, str], address: str
) -> None:
    assert loaded(monkeypatch, **environment).bind_address == address


@pytest.mark.parametrize(
    ("name", "value"),
    [("BIND_HOST", "localhost"), ("TRUSTED_PROXIES", "proxy.example.org"), ("CONNECTIONS_PER_ADDRESS", "0")],
)
def test_an_invalid_network_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert setting_names(problems(monkeypatch, **{name: value})) == [name]
