"""Settings: a local line needs none, and all problems are reported at once."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr import clock
from ivr.ledger import Vault
from ivr.setting_rules import SentinelUrl, is_loopback, is_redis_url, is_weak_key, is_weak_token, parse_sentinel_url
from ivr.settings import REQUIRED_SETTINGS, Settings, SettingsError, load, shift_file
from tests.support.paths import ROOT

KEY = base64.urlsafe_b64encode(hashlib.sha256(b"a key for tests").digest()).decode()
OTHER_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"another key for tests").digest()).decode()
TOKEN = hashlib.md5(b"a token for tests").hexdigest()
PUBLIC = {
    "PUBLIC_URL": "https://line.example.org",
    "DATABASE_URL": "postgresql://infoline@db/infoline?sslmode=verify-full",
    "PHONE_KEY": KEY,
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": TOKEN,
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
    overrides = {"PORT": "8123", "TWILIO_AUTH_TOKEN": "mine", "TWILIO_MESSAGING_SERVICE_SID": "MG1"}
    settings = loaded(monkeypatch, **overrides)
    assert settings.public_url == "http://127.0.0.1:8123"
    assert (settings.twilio_auth_token, settings.twilio_from) == ("mine", "")


@pytest.mark.parametrize("name", ["calls_per_number", "transfers_per_number", "transfers_per_hour"])
def test_a_local_line_may_be_called_more_often_unless_a_setting_says_otherwise(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert getattr(load(), name) > getattr(loaded(monkeypatch, **PUBLIC), name)
    assert getattr(loaded(monkeypatch, PUBLIC_URL="", **{name.upper(): "7"}), name) == 7


def test_an_empty_setting_gets_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, PORT="", PUBLIC_URL="", KEYWORDS_ANSWERED_BY="").port == 8000


def test_a_public_line_with_all_required_settings_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, **PUBLIC)
    assert not settings.loopback
    assert settings.twilio_api_url == "https://api.twilio.com"
    assert settings.auth_tokens == (TOKEN,)


def test_whitespace_around_a_setting_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    spaced = {name: f" {value}\n" for name, value in PUBLIC.items()}
    settings = loaded(monkeypatch, **spaced)
    assert (settings.twilio_auth_token, settings.public_url) == (TOKEN, "https://line.example.org")


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
    assert reported == {"PHONE_KEY", "PORT", "DATABASE_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN",
                        "TWILIO_MESSAGING_SERVICE_SID", "PUBLIC_URL", "CLOCK_SHIFT_SECONDS"}  # fmt: skip


def test_a_line_with_an_invalid_public_url_is_not_local(monkeypatch: pytest.MonkeyPatch) -> None:
    reported = setting_names(problems(monkeypatch, PUBLIC_URL="line.example.org"))
    assert {"PUBLIC_URL", "DATABASE_URL", "PHONE_KEY"} <= set(reported)


INVALID = [
    ("PUBLIC_URL", "line.example.org"),
    ("PUBLIC_URL", "ftp://line.example.org"),
    ("PUBLIC_URL", "https://"),
    ("PUBLIC_URL", "https://line.example.org:99999"),
    ("DATABASE_URL", "postgresql://user@host:99999/infoline"),
    ("DATABASE_URL", "postgresql://user@host:port/infoline"),
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
    ("PHONE_KEY", "!" + KEY[1:]),
    ("PHONE_KEY", "ñ" * 43),
    ("PHONE_HASH_KEY", f"{KEY},{KEY}"),
    ("CLOCK_SECONDS", "0"),
    ("CLOCK_SECONDS", "inf"),
    ("LEASE_SECONDS", "nan"),
    ("RETRY_SECONDS", "-1"),
    ("CLOCK_SHIFT_SECONDS", "1e300"),
]


def encoded(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


UNSAFE_ON_A_PUBLIC_LINE = [
    ("REDIS_URL", "redis://10.0.0.5:6379/0"),
    ("REDIS_URL", "redis://:password@queue.example.org:6379/0"),
    ("REDIS_URL", "rediss://queue.example.org:6379/0"),
    ("REDIS_URL", "redis+sentinel://:password@one.example.org,two.example.org/infoline"),
    ("REDIS_URL", "rediss+sentinel://one.example.org,two.example.org/infoline"),
    ("REDIS_URL", "redis+sentinel://127.0.0.1/infoline"),
    ("DATABASE_URL", "postgresql://infoline:password@db/infoline"),
    ("DATABASE_URL", "postgresql://infoline@db/infoline?sslmode=prefer"),
    ("DATABASE_URL", "postgresql://infoline@127.0.0.1,db/infoline"),
    ("DATABASE_URL", "postgresql://infoline@/infoline?host=db"),
    ("DATABASE_URL", "postgresql://infoline@localhost/infoline?hostaddr=10.0.0.5"),
    ("DATABASE_URL", "postgresql://infoline@[2001:db8::1]:5432/infoline"),
    ("TWILIO_API_URL", "http://twilio.example.org"),
    ("PHONE_KEY", encoded(bytes(32))),
    ("PHONE_KEY", encoded(b"k" * 32)),
    ("PHONE_KEY", encoded(bytes(range(32)))),
    ("PHONE_KEY", encoded(bytes(range(255, 223, -1)))),
    ("PHONE_KEY", encoded(bytes(range(0, 256, 8)))),
    ("PHONE_KEY", encoded(hashlib.sha256(b"half").digest()[:16] * 2)),
    ("PHONE_KEY", encoded(b"This is our secret phrase, 2026!")),
    ("PHONE_KEY", f"{KEY},{encoded(bytes(32))}"),
    ("PHONE_HASH_KEY", encoded(bytes(32))),
    ("METRICS_TOKEN", "a"),
    ("METRICS_TOKEN", "a" * 40),
    ("METRICS_TOKEN", "abcdefghijklmnopqrstuvwxyz"),
    ("METRICS_TOKEN", "change-me-please-1234"),
    ("METRICS_TOKEN", "your-metrics-token-here"),
    ("TWILIO_AUTH_TOKEN", "x"),
    ("TWILIO_AUTH_TOKEN", "your_auth_token"),
    ("TWILIO_AUTH_TOKEN_SECONDARY", "0" * 32),
]


@pytest.mark.parametrize(
    ("name", "value"), UNSAFE_ON_A_PUBLIC_LINE, ids=[f"{name}={value}" for name, value in UNSAFE_ON_A_PUBLIC_LINE]
)
def test_a_public_line_refuses_a_connection_in_the_clear_and_a_secret_that_can_be_guessed(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (problem,) = problems(monkeypatch, **{**PUBLIC, name: value})
    assert setting_names([problem]) == [name]
    assert len(value) < 8 or value not in problem


SAFE_ON_A_PUBLIC_LINE = [
    ("REDIS_URL", "rediss://:password@queue.example.org:6379/0"),
    ("REDIS_URL", "rediss+sentinel://:password@one.example.org:26379,two.example.org:26379/infoline/0"),
    ("REDIS_URL", "redis://127.0.0.1:6379/0"),
    ("REDIS_URL", "redis://[::1]:6379/0"),
    ("REDIS_URL", "unix:///run/redis.sock"),
    ("DATABASE_URL", "sqlite:////srv/infoline/infoline.db"),
    ("DATABASE_URL", "postgresql://infoline:password@localhost:5432/infoline"),
    ("DATABASE_URL", "postgresql://infoline@[::1]:5432/infoline"),
    ("DATABASE_URL", "postgresql:///infoline?host=/run/postgresql"),
    ("DATABASE_URL", "postgres://infoline@db/infoline?connect_timeout=5&sslmode=require"),
    ("TWILIO_API_URL", "https://twilio.example.org/proxy"),
    ("TWILIO_API_URL", "http://127.0.0.1:8010"),
    ("PHONE_KEY", f"{KEY},{OTHER_KEY}"),
    ("PHONE_HASH_KEY", OTHER_KEY),
    ("METRICS_TOKEN", OTHER_KEY),
    ("METRICS_TOKEN", TOKEN),
]


@pytest.mark.parametrize(
    ("name", "value"), SAFE_ON_A_PUBLIC_LINE, ids=[f"{name}={value}" for name, value in SAFE_ON_A_PUBLIC_LINE]
)
def test_a_public_line_accepts_encrypted_and_local_connections_and_random_secrets(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert getattr(loaded(monkeypatch, **{**PUBLIC, name: value}), name.lower()) == value


def test_a_local_line_sends_its_token_in_the_clear_only_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, TWILIO_API_URL="http://127.0.0.1:8011").twilio_api_url == "http://127.0.0.1:8011"
    assert setting_names(problems(monkeypatch, TWILIO_API_URL="http://10.0.0.5:8010")) == ["TWILIO_API_URL"]


@given(st.binary(min_size=4, max_size=4))
def test_any_hashed_bytes_are_strong_keys_and_tokens(seed: bytes) -> None:
    key = hashlib.sha256(seed).digest()
    assert not is_weak_key(key)
    assert not is_weak_token(base64.urlsafe_b64encode(key).decode(), 16)


@given(st.binary(min_size=1, max_size=16))
def test_any_repeated_pattern_is_a_weak_key(pattern: bytes) -> None:
    assert is_weak_key((pattern * 32)[:32])


def test_a_line_starts_without_a_secret_key_and_then_has_no_console(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SECRET_KEY" not in PUBLIC
    assert not loaded(monkeypatch, **PUBLIC).loopback


@pytest.mark.parametrize(("name", "value"), INVALID, ids=[f"{name}={value}" for name, value in INVALID])
def test_an_invalid_value_is_reported_with_its_setting(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert setting_names(problems(monkeypatch, **{**PUBLIC, name: value})) == [name]


def test_the_sid_of_an_api_key_is_not_accepted_as_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "AC" in problems(monkeypatch, **{**PUBLIC, "TWILIO_ACCOUNT_SID": "SK" + "1" * 32})[0]


def test_no_message_contains_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hunter2hunter2"
    assert secret not in str(problems(monkeypatch, **{**PUBLIC, "PHONE_KEY": secret, "DATABASE_URL": secret}))
    settings = loaded(monkeypatch, **{**PUBLIC, "TWILIO_AUTH_TOKEN": TOKEN, "METRICS_TOKEN": OTHER_KEY})
    assert TOKEN not in repr(settings)
    assert OTHER_KEY not in repr(settings)
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("CLOCK_SHIFT_SECONDS", "3600"), ("CLOCK_SHIFT_FILE", "shift"), ("DEMO_SIGN_IN", "1"), ("START_UNTRAINED", "1")],
)
def test_a_public_line_refuses_what_is_for_a_local_one(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert name in problems(monkeypatch, **PUBLIC, **{name: value})[0]


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


def test_a_var_dir_that_cannot_be_created_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "file"))
    with pytest.raises(SettingsError, match="VAR_DIR"):
        load()


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


REDIS_URLS = [
    ("redis://127.0.0.1:6379/0", None),
    ("unix:///run/redis.sock", None),
    (
        "redis+sentinel://127.0.0.1:26380,[::1]:26381/infoline",
        SentinelUrl((("127.0.0.1", 26380), ("::1", 26381)), "infoline", 0, None, None, False),
    ),
    (
        "rediss+sentinel://line:p%40ss@one.example.org,two.example.org/infoline/3",
        SentinelUrl((("one.example.org", 26379), ("two.example.org", 26379)), "infoline", 3, "line", "p@ss", True),
    ),
]


@pytest.mark.parametrize(("url", "expected"), REDIS_URLS, ids=[url for url, _ in REDIS_URLS])
def test_the_url_of_sentinels_names_their_hosts_and_the_service(url: str, expected: SentinelUrl | None) -> None:
    assert is_redis_url(url)
    assert parse_sentinel_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://127.0.0.1:26379",
        "redis+sentinel:///infoline",
        "redis+sentinel://one,,two/infoline",
        "redis+sentinel://one:port/infoline",
        "redis+sentinel://one:99999/infoline",
        "redis+sentinel://one/infoline/zero",
        "sentinel://one/infoline",
    ],
)
def test_a_url_of_sentinels_that_cannot_be_used_is_no_redis_url(url: str) -> None:
    assert not is_redis_url(url)


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
