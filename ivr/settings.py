"""Every setting of the line: one class, read from the environment, checked all at once."""

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

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
NEEDED_IN_PUBLIC = (
    ("DATABASE_URL", "where the ledger is, for example postgresql://user:password@host/infoline"),
    ("SECRET_KEY", "a long random string that signs what browsers keep"),
    ("PHONE_KEY", "32 random bytes in base64url that encrypt phone numbers"),
    ("TWILIO_ACCOUNT_SID", "the account's id, which begins with AC"),
    ("TWILIO_AUTH_TOKEN", "the account's auth token"),
)
# A century, in seconds: what the calendar can bear.
LONGEST_SHIFT = 3.2e9


class SettingsError(Exception):
    """What is missing or wrong in the environment; `problems` holds one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"These settings need your attention:\n{lines}")


class Settings(BaseSettings):
    """The environment, typed. Durations are seconds. Build it with `load()`."""

    model_config = SettingsConfigDict(
        env_prefix="",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        str_strip_whitespace=True,
        allow_inf_nan=False,
    )

    var_dir: Path = Path("var")
    prompts_dir: Path = ROOT / "prompts"
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
    clock_shift_seconds: float = Field(default=0, ge=-LONGEST_SHIFT, le=LONGEST_SHIFT)

    @field_validator("public_url", "twilio_api_url", "simulator_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if url and not _is_web_address(url):
            raise ValueError("must be a web address like https://line.example.org")
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _ledger_address(cls, url: str) -> str:
        if url and not url.startswith(("sqlite:///", "postgres://", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("must be like postgresql://user:password@host/infoline, or sqlite:///file")
        return url

    @field_validator("redis_url")
    @classmethod
    def _queue_address(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must be like redis://host:6379/0")
        return url

    @field_validator("phone_key")
    @classmethod
    def _keys(cls, keys: str) -> str:
        for key in keys.split(",") if keys else ():
            decode_key(key)
        return keys

    @field_validator("phone_hash_key")
    @classmethod
    def _one_key(cls, key: str) -> str:
        if key:
            decode_key(key)
        return key

    @field_validator("twilio_from")
    @classmethod
    def _own_number(cls, number: str) -> str:
        if number and not re.fullmatch(r"\+[1-9][0-9]{6,14}|[0-9]{5,6}", number):
            raise ValueError("must be a number like +16035550100, or a short code")
        return number

    @property
    def loopback(self) -> bool:
        """Whether this line is a machine of one's own, which nobody else can reach."""
        return is_loopback(self.public_url)

    @cached_property
    def phone_keys(self) -> list[bytes]:
        """The 32-byte keys that encrypt phone numbers, newest first."""
        return [decode_key(key) for key in self.phone_key.split(",")] if self.phone_key else []

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """The tokens that a webhook may be signed with: two during a rotation."""
        return tuple(filter(None, (self.twilio_auth_token, self.twilio_auth_token_secondary)))


def is_loopback(url: str) -> bool:
    """Whether a web address points at this machine itself."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return fits and not (parts.query or parts.fragment) and not re.search(r"\s", url)


def decode_key(text: str) -> bytes:
    """32 bytes from base64url; raises ValueError with a sentence that helps."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}=?", text.strip()):
        raise ValueError("each key must be 32 random bytes in base64url: 43 letters, digits, - and _")
    return base64.urlsafe_b64decode(text.strip().rstrip("=") + "=")


def load(*, queue: bool = False) -> Settings:
    """Read and check the environment. queue: this process cannot do without REDIS_URL.

    A loopback PUBLIC_URL (the default) fills in all that a machine of one's own needs; with a public
    one everything that matters must be named.

    Raises SettingsError, which tells all that is missing or wrong in one message.
    """
    settings, problems = _read()
    public_url = settings.public_url or f"http://127.0.0.1:{settings.port}"
    settings = settings.model_copy(update={"public_url": public_url})
    told = {problem.partition(":")[0] for problem in problems}
    if not settings.loopback or "PUBLIC_URL" in told:
        problems += [problem for problem in _public_problems(settings) if told.isdisjoint(problem.split())]
    if queue and not settings.redis_url:
        problems.append("REDIS_URL is not set: name the queue server, or start all with `infoline run`")
    if problems:
        raise SettingsError(problems)
    if settings.loopback:
        return settings.model_copy(update=_local_defaults(settings))
    return settings.model_copy(update={"twilio_api_url": settings.twilio_api_url or "https://api.twilio.com"})


def _read() -> tuple[Settings, list[str]]:
    """The environment, and what is wrong with it; what is wrong stands at its default, so that all is told at once."""
    try:
        return Settings(), []
    except ValidationError as error:
        wrong = {str(problem["loc"][0]): _sentence(problem) for problem in error.errors()}
    fields = Settings.model_fields
    return Settings(**{name: fields[name].default for name in wrong}), list(wrong.values())


def _sentence(problem: object) -> str:
    detail = problem if isinstance(problem, dict) else {}
    name = str(detail.get("loc", ("?",))[0]).upper()
    return f"{name}: {str(detail.get('msg', '')).removeprefix('Value error, ')}"


def _public_problems(settings: Settings) -> list[str]:
    problems = [f"{name} is not set: {what}" for name, what in NEEDED_IN_PUBLIC if not getattr(settings, name.lower())]
    if not (settings.twilio_messaging_service_sid or settings.twilio_from):
        problems.append("TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM is not set: who the texts come from")
    if settings.twilio_account_sid and not settings.twilio_account_sid.startswith("AC"):
        problems.append("TWILIO_ACCOUNT_SID must begin with AC: the account's own id, not a key's")
    if urlsplit(settings.public_url).scheme != "https":
        problems.append("PUBLIC_URL must begin with https:// because callers' numbers travel over it")
    if settings.clock_shift_seconds:
        problems.append("CLOCK_SHIFT_SECONDS is only for a machine of one's own: remove it")
    return problems


def _local_defaults(settings: Settings) -> dict[str, object]:
    """What a machine of one's own needs and did not name: a SQLite ledger, keys, the simulated carrier."""
    keys = _local_keys(settings.var_dir)
    ledger = f"sqlite:///{(settings.var_dir / 'infoline.db').resolve()}"
    filled: dict[str, object] = {
        "database_url": settings.database_url or ledger,
        "secret_key": settings.secret_key or keys["secret_key"],
        "phone_key": settings.phone_key or keys["phone_key"],
        "twilio_account_sid": settings.twilio_account_sid or "AC" + "0" * 32,
        "twilio_auth_token": settings.twilio_auth_token or keys["twilio_auth_token"],
        "twilio_api_url": settings.twilio_api_url or settings.simulator_url,
    }
    if not (settings.twilio_messaging_service_sid or settings.twilio_from):
        filled["twilio_from"] = "+16035550100"
    if not settings.clock_shift_seconds:
        filled["clock_shift_seconds"] = _kept_shift(settings.var_dir)
    return filled


def _kept_shift(var_dir: Path) -> float:
    """What `infoline run --at` keeps for the other commands; 0 without it."""
    path = shift_file(var_dir)
    try:
        shift = float(path.read_text() or 0)
    except FileNotFoundError:
        return 0.0
    except (OSError, ValueError):
        shift = math.nan
    if not abs(shift) <= LONGEST_SHIFT:
        raise SettingsError([f"VAR_DIR: {path} does not hold a number of seconds: remove it"])
    return shift


def shift_file(var_dir: Path) -> Path:
    """Where `infoline run --at` tells the other commands on this machine what time it plays."""
    return var_dir / "clock-shift"


def _local_keys(var_dir: Path) -> dict[str, str]:
    """Keys for a machine of one's own, made once; safe when two processes start together."""
    path = var_dir / "local-keys.json"
    try:
        if not path.exists():
            _make_local_keys(path)
        loaded: dict[str, str] = json.loads(path.read_text())
        decode_key(loaded["phone_key"])
        return {name: loaded[name] for name in ("secret_key", "phone_key", "twilio_auth_token")}
    except OSError as error:
        raise SettingsError([f"VAR_DIR: {path} cannot be read or written ({error.strerror})"]) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(
            [f"VAR_DIR: {path} is damaged: put it back from a backup, or begin anew without it"]
        ) from None


def _make_local_keys(path: Path) -> None:
    keys = {
        "secret_key": secrets.token_urlsafe(32),
        "phone_key": secrets.token_urlsafe(32),
        "twilio_auth_token": secrets.token_hex(16),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"local-keys.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(keys))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
