"""The settings: environment variables, each with a command-line option of the same meaning."""

import argparse
import math
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulator.loopback import AllowedHost, allow_host, is_loopback_host, loopback_only, may_request
from simulator.numbers import E164
from simulator.webhook import Webhook


class SettingsError(Exception):
    """An invalid setting. The message is one sentence."""


@dataclass
class ShiftedClock:
    """The clock of the account, which the phones can shift while it runs."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


def _saved_shift(clock_file: str | None, default: float) -> float:
    """The shift in the file, in seconds; the default if there is none."""
    try:
        return float(Path(clock_file).read_text()) if clock_file else default
    except (OSError, ValueError):
        return default


@dataclass(frozen=True)
class Settings:
    """All settings. Times are in seconds; `public_url` has no trailing slash, and other URLs are relative to it.

    strict: a fault in TwiML that Twilio only warns about (12200) ends the call. contacts: names of numbers in E.164.
    """

    port: int = 8010
    account_sid: str = "AC00000000000000000000000000000000"
    auth_token: str = "00000000000000000000000000000000"  # noqa: S105 - a default for local use
    api_key: str = "SK00000000000000000000000000000000:00000000000000000000000000000000"
    sender: str = "+16035550100"
    messaging_service: str | None = None
    public_url: str = "http://127.0.0.1:8000"
    clock_shift: float = 0.0
    clock_file: str | None = None
    time_zone: ZoneInfo = ZoneInfo("UTC")
    receipt_seconds: float = 0.2
    keywords_answered_by: str = "carrier"
    allow_host: AllowedHost | None = None
    ca_file: str | None = None
    voice_webhook: Webhook = Webhook("/voice")
    voice_fallback: Webhook | None = None
    sms_webhook: Webhook = Webhook("/sms")
    sms_fallback: Webhook | None = None
    status_callback: Webhook | None = None
    strict: bool = False
    contacts: Mapping[str, str] = field(default_factory=dict)
    clock: ShiftedClock = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clock", ShiftedClock(_saved_shift(self.clock_file, self.clock_shift)))

    def now(self) -> datetime:
        """The system time in UTC, shifted as the line's clock is."""
        return self.clock.now()

    def seconds_since(self, moment: datetime) -> int:
        """Whole seconds; 0 if the clock was shifted back since."""
        return max(0, round((self.now() - moment).total_seconds()))

    def absolute(self, webhook: Webhook) -> Webhook:
        """A webhook with its complete URL."""
        path = webhook.url.startswith("/")
        return replace(webhook, url=self.public_url + webhook.url if path else webhook.url)

    def voice_url(self) -> str:
        """What the TwiML of a REST request is relative to."""
        return self.absolute(self.voice_webhook).url


@dataclass(frozen=True)
class Option:
    """One setting: its field, environment variable, a description of valid values, and the parser."""

    field: str
    variable: str
    valid: str
    parse: Callable[[str], Any]

    @property
    def flag(self) -> str:
        return "--" + self.field.replace("_", "-")


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds):
        raise ValueError
    return seconds


def _delay(text: str) -> float:
    seconds = _seconds(text)
    if seconds < 0:
        raise ValueError
    return seconds


def _matching(pattern: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError
        return text

    return parse


def _allowed_host(text: str) -> AllowedHost:
    match = re.fullmatch(r"([a-z0-9.-]+)=(\[[0-9a-f:]+\]|[a-z0-9.]+):([0-9]{1,5})", text.lower())
    if not match or not is_loopback_host(match[2].strip("[]")) or _port(match[3]) == 0:
        raise ValueError
    return AllowedHost(match[1], match[2].strip("[]"), int(match[3]))


def _webhook(text: str) -> Webhook:
    match = re.fullmatch(r"(?:(GET|POST) +)?((?:https?:/)?/[^\s<>\"\\]*)", text)
    if not match:
        raise ValueError
    return Webhook(match[2], match[1] or "POST")


def _switch(text: str) -> bool:
    return {"1": True, "true": True, "0": False, "false": False}[text.lower()]


def _contacts(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    contacts = {number.strip(): name.strip() for number, _, name in pairs}
    if not all(re.fullmatch(E164, number) and name for number, name in contacts.items()):
        raise ValueError
    return contacts


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except ZoneInfoNotFoundError:
        raise ValueError from None


def _file(text: str) -> str:
    try:
        ssl.create_default_context(cafile=text)
    except OSError:
        raise ValueError from None
    return text


_API_KEY = r"SK[0-9a-fA-F]{32}:\S+"
_WEBHOOK = "a path or URL of the line, after GET or POST and a space if not POST"
OPTIONS = (
    Option("port", "SIMULATOR_PORT", "a port from 0 (any free one) to 65535", _port),
    Option("account_sid", "TWILIO_ACCOUNT_SID", "AC and 32 hex digits", _matching(r"AC[0-9a-fA-F]{32}")),
    Option("auth_token", "TWILIO_AUTH_TOKEN", "not empty", _matching(r"\S+")),
    Option("api_key", "SIMULATOR_API_KEY", "SK and 32 hex digits, a colon, and the secret", _matching(_API_KEY)),
    Option("sender", "TWILIO_FROM", "a number such as +16035550100", _matching(E164)),
    Option(
        "messaging_service",
        "TWILIO_MESSAGING_SERVICE_SID",
        "MG and 32 hex digits",
        _matching(r"MG[0-9a-fA-F]{32}"),
    ),
    Option(
        "public_url", "PUBLIC_URL", "the line's http URL on this machine, or its https URL on the allowed host", str
    ),
    Option("clock_shift", "CLOCK_SHIFT_SECONDS", "a number of seconds", _seconds),
    Option("clock_file", "CLOCK_SHIFT_FILE", "the file by which the line's processes follow a shifted clock", str),
    Option("time_zone", "SIMULATOR_TIME_ZONE", "a time zone such as America/New_York", _zone),
    Option("receipt_seconds", "SIMULATOR_RECEIPT_SECONDS", "a number of seconds, 0 or more", _delay),
    Option(
        "allow_host",
        "SIMULATOR_ALLOW_HOST",
        "a host name and where it is on this machine, such as line.example.org=127.0.0.1:8443",
        _allowed_host,
    ),
    Option("ca_file", "SIMULATOR_CA_FILE", "a file of CA certificates that sign the allowed host's", _file),
    Option("keywords_answered_by", "KEYWORDS_ANSWERED_BY", "carrier or line", _matching("carrier|line")),
    Option("voice_webhook", "SIMULATOR_VOICE_URL", _WEBHOOK, _webhook),
    Option("voice_fallback", "SIMULATOR_VOICE_FALLBACK_URL", _WEBHOOK, _webhook),
    Option("sms_webhook", "SIMULATOR_SMS_URL", _WEBHOOK, _webhook),
    Option("sms_fallback", "SIMULATOR_SMS_FALLBACK_URL", _WEBHOOK, _webhook),
    Option("status_callback", "SIMULATOR_STATUS_CALLBACK", _WEBHOOK, _webhook),
    Option("strict", "SIMULATOR_STRICT", "true or false", _switch),
    Option(
        "contacts",
        "SIMULATOR_CONTACTS",
        "numbers and their names, such as +16036632180=Central Scheduling; +16036683067=Breast Health Center",
        _contacts,
    ),
)


def settings_from(environment: Mapping[str, str], arguments: Sequence[str]) -> Settings:
    """The settings. A flag overrides its variable; an empty variable counts as unset.

    Raises `SettingsError`. Exits with status 2 (argparse) for an unknown flag.
    """
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A Twilio account on this machine.")
    for option in OPTIONS:
        parser.add_argument(option.flag, dest=option.field, metavar=option.variable, help=option.valid)
    flags = vars(parser.parse_args(arguments))
    values: dict[str, Any] = {}
    for option in OPTIONS:
        text = flags[option.field] if flags[option.field] is not None else environment.get(option.variable, "").strip()
        if text == "" and flags[option.field] is None:
            continue
        try:
            values[option.field] = option.parse(text)
        except (ValueError, KeyError):
            raise SettingsError(f"{option.variable} must be {option.valid}, not {text!r}.") from None
    return _checked(Settings(**values))


def _checked(settings: Settings) -> Settings:
    """The settings with the allowed host, if one is set, and an address of the line that may be requested."""
    if settings.allow_host:
        allow_host(replace(settings.allow_host, ca_file=settings.ca_file))
    elif settings.ca_file:
        raise SettingsError("SIMULATOR_CA_FILE is for an https line: set SIMULATOR_ALLOW_HOST too, or remove it.")
    if not may_request(settings.public_url):
        raise SettingsError(loopback_only("PUBLIC_URL", settings.public_url))
    settings = replace(settings, public_url=settings.public_url.rstrip("/"))
    for option in OPTIONS:
        webhook = getattr(settings, option.field)
        if isinstance(webhook, Webhook) and not may_request(settings.absolute(webhook).url):
            raise SettingsError(loopback_only(option.variable, webhook.url))
    return settings
