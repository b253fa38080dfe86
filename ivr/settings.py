"""All settings, read from the environment and checked together. docs/operations.md describes each one."""

from __future__ import annotations

import base64
import ipaddress
import json
import math
import os
import re
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ivr.shipped import shipped_prompts

REQUIRED_SETTINGS = (
    ("DATABASE_URL", "set it to the URL of the database, such as postgresql://user:password@host/infoline"),
    ("SECRET_KEY", "set it to a long random string (reserved: nothing uses it yet)"),
    ("PHONE_KEY", "set it to 32 random bytes in base64url; they encrypt phone numbers"),
    ("TWILIO_ACCOUNT_SID", "copy the Account SID, which starts with AC, from the Twilio Console"),
    ("TWILIO_AUTH_TOKEN", "copy the Auth Token from the Twilio Console"),
)
# A century in seconds, so that shifted dates stay within datetime's range.
MAX_CLOCK_SHIFT = 3.2e9


class SettingsError(Exception):
    """Settings are missing or invalid; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"Some settings are missing or invalid:\n{lines}")


class Settings(BaseModel):
    """The environment, typed. Durations are in seconds. Create it with `load()`."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)

    var_dir: Path = Path("var")
    prompts_dir: Path = Field(default_factory=shipped_prompts)
    database_url: str = Field(default="", repr=False)
    redis_url: str = Field(default="", repr=False)
    port: int = Field(default=8000, ge=1, le=65535)
    public_url: str = ""
    web_workers: int = Field(default=1, ge=1, le=64)
    simulator_url: str = "http://127.0.0.1:8010"

    twilio_account_sid: str = ""
    twilio_auth_token: str = Field(default="", repr=False)
    twilio_auth_token_secondary: str = Field(default="", repr=False)
    twilio_messaging_service_sid: str = ""
    twilio_from: str = ""
    twilio_api_url: str = ""
    keywords_answered_by: Literal["carrier", "line"] = "carrier"

    secret_key: str = Field(default="", repr=False)
    phone_key: str = Field(default="", repr=False)
    phone_hash_key: str = Field(default="", repr=False)
    metrics_token: str = Field(default="", repr=False)

    clock_seconds: float = Field(default=5, gt=0)
    reconcile_seconds: float = Field(default=60, ge=0)
    retry_seconds: float = Field(default=30, gt=0)
    lease_seconds: float = Field(default=120, gt=0)
    carrier_seconds: float = Field(default=15, gt=0, le=60)
    clock_shift_seconds: float = Field(default=0, ge=-MAX_CLOCK_SHIFT, le=MAX_CLOCK_SHIFT)

    @field_validator("public_url", "twilio_api_url", "simulator_url")
    @classmethod
    def _http_url(cls, url: str) -> str:
        if url and not _is_http_url(url):
            raise ValueError("must be a URL, such as https://line.example.org")
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, url: str) -> str:
        if url and not url.startswith(("sqlite:///", "postgres://", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("must look like postgresql://user:password@host/infoline or sqlite:///file")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, url: str) -> str:
        if url and not (url.startswith(("redis://", "rediss://", "unix://")) and _has_valid_port(url)):
            raise ValueError("must look like redis://host:6379/0")
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

    @field_validator("twilio_from")
    @classmethod
    def _sender(cls, number: str) -> str:
        if number and not re.fullmatch(r"\+[1-9][0-9]{6,14}|[0-9]{5,6}", number):
            raise ValueError("must be a phone number such as +16035550100, or a short code")
        return number

    @property
    def loopback(self) -> bool:
        """Whether the line is local, so that only this machine can reach it."""
        return is_loopback(self.public_url)

    @cached_property
    def phone_keys(self) -> list[bytes]:
        """The 32-byte keys that encrypt phone numbers, newest first."""
        return [decode_key(key) for key in self.phone_key.split(",")] if self.phone_key else []

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """The tokens that may sign a webhook: two during a rotation."""
        return tuple(filter(None, (self.twilio_auth_token, self.twilio_auth_token_secondary)))


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine's loopback interface."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_host and not (parts.query or parts.fragment) and not re.search(r"\s", url)


def _has_valid_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def decode_key(text: str) -> bytes:
    """Decode a 32-byte key from base64url. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}=?", text.strip()):
        raise ValueError("each key must be 32 random bytes in base64url: 43 letters, digits, hyphens, or underscores")
    return base64.urlsafe_b64decode(text.strip().rstrip("=") + "=")


def load(*, queue: bool = False) -> Settings:
    """Read and check the environment. queue: whether REDIS_URL is required.

    With a loopback PUBLIC_URL (the default) every setting has a default; with a public one, _public_problems lists
    the required ones. Raises SettingsError, which lists all problems at once.
    """
    settings, problems = _read()
    public_url = settings.public_url or f"http://127.0.0.1:{settings.port}"
    settings = settings.model_copy(update={"public_url": public_url})
    invalid = {problem.partition(":")[0] for problem in problems}
    if not settings.loopback or "PUBLIC_URL" in invalid:
        problems += [problem for problem in _public_problems(settings) if invalid.isdisjoint(problem.split())]
    if queue and not settings.redis_url:
        problems.append("REDIS_URL is not set: set it to the URL of the queue server, or use `infoline run`")
    if problems:
        raise SettingsError(problems)
    if settings.loopback:
        return settings.model_copy(update=_local_defaults(settings))
    return settings.model_copy(update={"twilio_api_url": settings.twilio_api_url or "https://api.twilio.com"})


def _read() -> tuple[Settings, list[str]]:
    """The settings and their problems. Invalid settings get their defaults, so that the other checks still run."""
    environment = {name: value for name in Settings.model_fields if (value := os.environ.get(name.upper()))}
    try:
        return Settings.model_validate(environment), []
    except ValidationError as error:
        invalid = {str(problem["loc"][0]): _sentence(problem) for problem in error.errors()}
    valid = {name: value for name, value in environment.items() if name not in invalid}
    return Settings.model_validate(valid), list(invalid.values())


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
    if settings.clock_shift_seconds:
        problems.append("CLOCK_SHIFT_SECONDS is for tests on a local line only: remove it")
    return problems


def _local_defaults(settings: Settings) -> dict[str, object]:
    """Defaults for the settings that a local line leaves out: a SQLite database, keys, the simulated carrier."""
    keys = _local_keys(settings.var_dir)
    database = f"sqlite:///{(settings.var_dir / 'infoline.db').resolve()}"
    defaults: dict[str, object] = {
        "database_url": settings.database_url or database,
        "secret_key": settings.secret_key or keys["secret_key"],
        "phone_key": settings.phone_key or keys["phone_key"],
        "twilio_account_sid": settings.twilio_account_sid or "AC" + "0" * 32,
        "twilio_auth_token": settings.twilio_auth_token or keys["twilio_auth_token"],
        "twilio_api_url": settings.twilio_api_url or settings.simulator_url,
    }
    if not (settings.twilio_messaging_service_sid or settings.twilio_from):
        defaults["twilio_from"] = "+16035550100"
    if not settings.clock_shift_seconds:
        defaults["clock_shift_seconds"] = _saved_shift(settings.var_dir)
    return defaults


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


def _local_keys(var_dir: Path) -> dict[str, str]:
    """The keys of a local line. They are created once, even if two processes start at the same time."""
    path = var_dir / "local-keys.json"
    try:
        if not path.exists():
            _create_local_keys(path)
        loaded: dict[str, str] = json.loads(path.read_text())
        decode_key(loaded["phone_key"])
        return {name: loaded[name] for name in ("secret_key", "phone_key", "twilio_auth_token")}
    except OSError as error:
        raise SettingsError([f"VAR_DIR: {path} cannot be read or written ({error.strerror})"]) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(
            [f"VAR_DIR: {path} is damaged: restore it from a backup, or delete it and the database to start over"]
        ) from None


def _create_local_keys(path: Path) -> None:
    keys = {
        "secret_key": secrets.token_urlsafe(32),
        "phone_key": secrets.token_urlsafe(32),
        "twilio_auth_token": secrets.token_hex(16),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"local-keys.{secrets.token_hex(8)}")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(keys))
    try:
        # Unlike a rename, a link never replaces keys that another process has just created.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
