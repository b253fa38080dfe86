"""All settings, read from the environment and the settings file, and checked together: docs/operations.md."""

from __future__ import annotations

import hmac
import ipaddress
import math
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, ValidationError, field_validator

from ivr.env_file import EnvFileError, access_problem, find_env_file, read_env_file
from ivr.feed_settings import FeedSettings
from ivr.local_keys import LocalKeysError, local_keys
from ivr.setting_rules import (
    database_problem,
    decode_key,
    is_database_url,
    is_http_url,
    is_loopback,
    is_redis_url,
    is_weak_key,
    is_weak_token,
    names_of,
    redis_problem,
    tracing_problems,
)
from ivr.shipped import shipped_prompts

REQUIRED_SETTINGS = (
    ("DATABASE_URL", "set it to the URL of the database, such as postgresql://user:password@host/infoline"),
    ("PHONE_KEY", "set it to 32 random bytes in base64url; they encrypt phone numbers"),
    ("TWILIO_ACCOUNT_SID", "copy the Account SID, which starts with AC, from the Twilio Console"),
    ("TWILIO_AUTH_TOKEN", "copy the Auth Token from the Twilio Console"),
)
_RANDOM_KEY = "create one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
MIN_TOKEN, MIN_AUTH_TOKEN, MIN_SECRET = 16, 8, 32
# A century in seconds, so that shifted dates stay within datetime's range.
MAX_CLOCK_SHIFT = 3.2e9
# A local line costs nothing, and programs call it from one number.
_LOCAL_LIMITS = {"calls_per_number": 300, "transfers_per_number": 300, "transfers_per_hour": 100_000}


class SettingsError(Exception):
    """Settings are missing or invalid; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"Some settings are missing or invalid:\n{lines}")


class Settings(FeedSettings):
    """The environment, typed. Durations are in seconds. Create it with `load()`."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)

    var_dir: Path = Path("var")
    model_dir: Path | None = None
    backup_folder: Path = Path("/var/backups/infoline")
    prompts_dir: Path = Field(default_factory=shipped_prompts)
    database_url: str = Field(default="", repr=False)
    redis_url: str = Field(default="", repr=False)
    port: int = Field(default=8000, ge=1, le=65535)
    public_url: str = ""
    web_workers: int = Field(default=1, ge=1, le=64)
    bind_host: str = ""
    connections_per_address: int = Field(default=100, ge=1)
    trusted_proxies: str = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
    simulator_url: str = "http://127.0.0.1:8010"

    twilio_account_sid: str = ""
    twilio_auth_token: str = Field(default="", repr=False)
    twilio_auth_token_secondary: str = Field(default="", repr=False)
    twilio_messaging_service_sid: str = ""
    twilio_from: str = ""
    twilio_api_url: str = ""
    keywords_answered_by: Literal["carrier", "line"] = "carrier"

    phone_key: str = Field(default="", repr=False)
    phone_hash_key: str = Field(default="", repr=False)
    secret_key: str = Field(default="", repr=False)
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = Field(default="", repr=False)
    oidc_trust_addresses: bool = False
    metrics_token: str = Field(default="", repr=False)

    clock_seconds: float = Field(default=5, gt=0)
    reconcile_seconds: float = Field(default=60, ge=0)
    retry_seconds: float = Field(default=30, gt=0)
    lease_seconds: float = Field(default=120, gt=0)
    requested_texts_per_number: int = Field(default=8, ge=1)
    requested_texts_per_hour: int = Field(default=200, ge=1)
    answered_texts_per_hour: int = Field(default=3000, ge=1)
    # The line looks at this many earlier texts of a sender (MAX_TEXTS in ivr/people/inbound/incoming.py).
    answered_texts_per_number: int = Field(default=30, ge=1, le=60)
    unclear_texts_per_number: int = Field(default=5, ge=1, le=60)
    webhook_hosts: str = ""
    api_requests_per_minute: int = Field(default=600, ge=1)
    keep_questions_days: int = Field(default=30, ge=1)
    keep_calls_days: int = Field(default=90, ge=1)
    keep_numbers_days: int = Field(default=90, ge=14)
    keep_evidence_days: int = Field(default=1827, ge=365)
    calls_at_once: int = Field(default=1000, ge=1, le=1_000_000)
    calls_per_number: int = Field(default=60, ge=1)
    transfers_per_number: int = Field(default=30, ge=1)
    transfers_per_hour: int = Field(default=600, ge=1)
    # Twilio's own limit is four hours: https://www.twilio.com/docs/voice/twiml/dial#timelimit
    transfer_minutes: int = Field(default=60, ge=5, le=240)
    callbacks_per_number: int = Field(default=4, ge=1)
    callbacks_per_hour: int = Field(default=120, ge=1)
    carrier_seconds: float = Field(default=15, gt=0, le=60)
    clock_shift_file: Path | None = None
    demo_sign_in: bool = False
    start_untrained: bool = False
    clock_shift_seconds: float = Field(default=0, ge=-MAX_CLOCK_SHIFT, le=MAX_CLOCK_SHIFT)

    @field_validator("public_url", "twilio_api_url", "simulator_url", "otel_exporter_otlp_endpoint")
    @classmethod
    def _http_url(cls, url: str) -> str:
        if url and not is_http_url(url):
            raise ValueError("must be a URL, such as https://line.example.org")
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, url: str) -> str:
        if url and not is_database_url(url):
            raise ValueError("must look like postgresql://user:password@host/infoline or sqlite:///file")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, url: str) -> str:
        if url and not is_redis_url(url):
            raise ValueError("must look like redis://host:6379/0 or redis+sentinel://host:26379,host:26379/service")
        return url

    @field_validator("phone_key")
    @classmethod
    def _key_list(cls, keys: str) -> str:
        for key in keys.split(",") if keys else ():
            decode_key(key)
        return keys

    @field_validator("phone_hash_key")
    @classmethod
    def _single_key(cls, key: str) -> str:
        if key:
            decode_key(key)
        return key

    @field_validator("bind_host")
    @classmethod
    def _interface(cls, host: str) -> str:
        if host:
            try:
                ipaddress.ip_address(host)
            except ValueError:
                raise ValueError("must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0") from None
        return host

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, networks: str) -> str:
        for network in filter(None, networks.split(",")):
            try:
                ipaddress.ip_network(network.strip())
            except ValueError:
                raise ValueError("must be IP addresses or networks, such as 203.0.113.7,198.51.100.0/24") from None
        return networks

    @field_validator("twilio_from")
    @classmethod
    def _sender(cls, number: str) -> str:
        if number and not re.fullmatch(r"\+[1-9][0-9]{6,14}|[0-9]{5,6}", number):
            raise ValueError("must be a phone number such as +16035550100, or a short code")
        return number

    @property
    def models_folder(self) -> Path:
        return self.model_dir or self.var_dir / "models"

    @property
    def loopback(self) -> bool:
        """Whether the line is local, so that only this machine can reach it."""
        return is_loopback(self.public_url)

    @property
    def bind_address(self) -> str:
        """The address that the web process listens on: by default, a local line is reachable from this machine only."""
        return self.bind_host or ("127.0.0.1" if self.loopback else "0.0.0.0")  # noqa: S104 - all interfaces

    @cached_property
    def proxy_networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The networks of TRUSTED_PROXIES."""
        return tuple(ipaddress.ip_network(network.strip()) for network in self.trusted_proxies.split(",") if network)

    @cached_property
    def webhook_host_list(self) -> tuple[str, ...]:
        """The hosts of WEBHOOK_HOSTS, in lower case."""
        return tuple(host.strip().lower() for host in self.webhook_hosts.split(",") if host.strip())

    @cached_property
    def phone_keys(self) -> list[bytes]:
        """The 32-byte keys that encrypt phone numbers, newest first."""
        return [decode_key(key) for key in self.phone_key.split(",")] if self.phone_key else []

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """The tokens that may sign a webhook: two during a rotation."""
        return tuple(filter(None, (self.twilio_auth_token, self.twilio_auth_token_secondary)))


def load(*, queue: bool = False, save_keys: bool = True) -> Settings:
    """Read and check the settings. queue: whether REDIS_URL is required.

    save_keys: create the keys of a local line if there are none; otherwise it then has no keys. The environment
    overrides the settings file.

    With a loopback PUBLIC_URL (the default) every setting has a default; with a public one, _public_problems lists
    the required ones. Raises SettingsError, which lists all problems at once.
    """
    settings, file, problems = _read()
    public_url = settings.public_url or f"http://127.0.0.1:{settings.port}"
    settings = settings.model_copy(update={"public_url": public_url})
    invalid = names_of(problems)
    public = not settings.loopback or "PUBLIC_URL" in invalid
    if file is not None and (problem := access_problem(file, secret=public)):
        problems.append(problem)
    if public:
        problems += [problem for problem in _public_problems(settings) if invalid.isdisjoint(problem.split())]
    problems += _api_problems(settings)
    problems += tracing_problems(settings.otel_exporter_otlp_endpoint)
    if queue and not settings.redis_url:
        problems.append("REDIS_URL is not set: set it to the URL of the queue server, or use `infoline run`")
    if problems:
        raise SettingsError(problems)
    if settings.loopback:
        return settings.model_copy(update=_local_defaults(settings, save_keys=save_keys))
    return settings.model_copy(update={"twilio_api_url": settings.twilio_api_url or "https://api.twilio.com"})


def named_settings() -> frozenset[str]:
    """The fields that the environment or the settings file names. The settings must be valid."""
    return frozenset(_read()[0].model_fields_set)


def _read() -> tuple[Settings, Path | None, list[str]]:
    """The settings, the settings file, and problems. Invalid settings get their defaults, so that other checks run."""
    names = [name.upper() for name in Settings.model_fields]
    try:
        file = find_env_file(os.environ)
        values = read_env_file(file, names) if file is not None else {}
    except EnvFileError as error:
        raise SettingsError([str(error)]) from None
    values |= {name: value for name in names if (value := os.environ.get(name))}
    environment = {name.lower(): value for name, value in values.items() if value}
    try:
        return Settings.model_validate(environment), file, []
    except ValidationError as error:
        invalid = {str(problem["loc"][0]): _sentence(problem) for problem in error.errors()}
    valid = {name: value for name, value in environment.items() if name not in invalid}
    return Settings.model_validate(valid), file, list(invalid.values())


def _sentence(problem: object) -> str:
    detail = problem if isinstance(problem, dict) else {}
    name = str(detail.get("loc", ("?",))[0]).upper()
    return f"{name}: {str(detail.get('msg', '')).removeprefix('Value error, ')}"


def _public_problems(settings: Settings) -> list[str]:
    problems = [f"{name} is not set: {hint}" for name, hint in REQUIRED_SETTINGS if not getattr(settings, name.lower())]
    if not (settings.twilio_messaging_service_sid or settings.twilio_from):
        problems.append("TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM is not set: set one of them, as the sender")
    if settings.twilio_account_sid and not settings.twilio_account_sid.startswith("AC"):
        problems.append("TWILIO_ACCOUNT_SID must start with AC: use the Account SID, not the SID of an API key")
    if urlsplit(settings.public_url).scheme != "https":
        problems.append("PUBLIC_URL must start with https:// because patients' phone numbers are sent to it")
    for name in ("clock_shift_seconds", "clock_shift_file", "demo_sign_in", "start_untrained"):
        if getattr(settings, name):
            problems.append(f"{name.upper()} is for a local line only: remove it")
    if problem := redis_problem(settings.redis_url) if settings.redis_url else "":
        problems.append(f"REDIS_URL {problem}")
    if problem := database_problem(settings.database_url) if settings.database_url else "":
        problems.append(f"DATABASE_URL {problem}")
    return problems + _weak_secrets(settings)


def _weak_secrets(settings: Settings) -> list[str]:
    weak = []
    if any(map(is_weak_key, settings.phone_keys)):
        weak.append(f"PHONE_KEY has a key that is not random: {_RANDOM_KEY}")
    if settings.phone_hash_key and is_weak_key(decode_key(settings.phone_hash_key)):
        weak.append(f"PHONE_HASH_KEY is not random: {_RANDOM_KEY}")
    if settings.secret_key and is_weak_token(settings.secret_key, MIN_SECRET):
        weak.append(f"SECRET_KEY can be guessed: {_RANDOM_KEY}")
    if settings.metrics_token and is_weak_token(settings.metrics_token, MIN_TOKEN):
        weak.append(f"METRICS_TOKEN can be guessed: {_RANDOM_KEY}")
    for name in ("twilio_auth_token", "twilio_auth_token_secondary"):
        token = getattr(settings, name)
        if token and is_weak_token(token, MIN_AUTH_TOKEN):
            weak.append(f"{name.upper()} is not a token of Twilio: copy the Auth Token from the Twilio Console")
    return weak


def _api_problems(settings: Settings) -> list[str]:
    """The account's token must not be sent in the clear, except to a simulator on this machine."""
    url = settings.twilio_api_url
    if not url or urlsplit(url).scheme == "https" or is_loopback(url):
        return []
    return ["TWILIO_API_URL must start with https:// because it receives the account's token and patients' numbers"]


def _local_defaults(settings: Settings, *, save_keys: bool) -> dict[str, object]:
    """Defaults for the settings that a local line leaves out: a SQLite database, keys, the simulated carrier."""
    try:
        keys = local_keys(settings.var_dir, save=save_keys)
    except LocalKeysError as error:
        raise SettingsError([str(error)]) from None
    database = f"sqlite:///{(settings.var_dir / 'infoline.db').resolve()}"
    defaults: dict[str, object] = {
        "database_url": settings.database_url or database,
        "phone_key": settings.phone_key or keys["phone_key"],
        "secret_key": settings.secret_key or _local_secret(settings.phone_key or keys["phone_key"]),
        "twilio_account_sid": settings.twilio_account_sid or "AC" + "0" * 32,
        "twilio_auth_token": settings.twilio_auth_token or keys["twilio_auth_token"],
        "twilio_api_url": settings.twilio_api_url or settings.simulator_url,
    }
    named = settings.model_fields_set
    defaults |= {name: most for name, most in _LOCAL_LIMITS.items() if name not in named}
    if not (settings.twilio_messaging_service_sid or settings.twilio_from):
        defaults["twilio_from"] = "+16035550100"
    if not settings.clock_shift_seconds:
        defaults["clock_shift_seconds"] = _saved_shift(settings.var_dir)
    return defaults


def _local_secret(phone_key: str) -> str:
    """The SECRET_KEY of a local line, so that it keeps its sessions when it restarts; empty without keys."""
    return hmac.digest(phone_key.encode(), b"infoline console sessions", "sha256").hex() if phone_key else ""


def _saved_shift(var_dir: Path) -> float:
    """The clock shift of a running `infoline run --at`, else 0."""
    path = shift_file(var_dir)
    try:
        shift = float(path.read_text() or 0)
    except FileNotFoundError:
        return 0.0
    except (OSError, ValueError):
        shift = math.nan
    if not abs(shift) <= MAX_CLOCK_SHIFT:
        raise SettingsError([f"VAR_DIR: {path} does not contain a number of seconds: delete it"])
    return shift


def shift_file(var_dir: Path) -> Path:
    """The file in which `infoline run --at` saves its clock shift for the other commands on this machine."""
    return var_dir / "clock-shift"


def example_with_faults(var_dir: Path) -> Path:
    """The made-up appointments file that `infoline run` writes, to show what a check of a file finds."""
    return var_dir / "example-with-faults.csv"
