"""What the simulator is told: environment variables, each with a flag of the same meaning."""

import argparse
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.loopback import is_loopback, refusal
from simulator.numbers import E164


class Wrong(Exception):
    """A setting that cannot be used. The text is one sentence for the person who set it."""


@dataclass(frozen=True)
class Settings:
    """Everything the simulator is told. Times are seconds; `public_url` has no slash at its end."""

    port: int = 8010
    account_sid: str = "AC00000000000000000000000000000000"
    auth_token: str = "00000000000000000000000000000000"  # noqa: S105 - a default for one's own machine
    sender: str = "+16035550100"
    messaging_service: str | None = None
    public_url: str = "http://127.0.0.1:8000"
    clock_shift: float = 0.0
    receipt_seconds: float = 0.2
    keywords_answered_by: str = "carrier"

    def now(self) -> datetime:
        """System time in UTC, plus the shift."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_shift)

    def voice_url(self) -> str:
        return self.public_url + "/voice"

    def sms_url(self) -> str:
        return self.public_url + "/sms"


@dataclass(frozen=True)
class Knob:
    """One setting: its field, environment variable, what is valid, and how it is read."""

    field: str
    variable: str
    valid: str
    read: Callable[[str], Any]

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

    def read(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError
        return text

    return read


KNOBS = (
    Knob("port", "SIMULATOR_PORT", "a port from 0 (any free one) to 65535", _port),
    Knob("account_sid", "TWILIO_ACCOUNT_SID", "AC and 32 hex digits", _matching(r"AC[0-9a-fA-F]{32}")),
    Knob("auth_token", "TWILIO_AUTH_TOKEN", "not empty", _matching(r"\S+")),
    Knob("sender", "TWILIO_FROM", "a number such as +16035550100", _matching(E164)),
    Knob(
        "messaging_service",
        "TWILIO_MESSAGING_SERVICE_SID",
        "MG and 32 hex digits",
        _matching(r"MG[0-9a-fA-F]{32}"),
    ),
    Knob("public_url", "PUBLIC_URL", "the line's http address on this machine", str),
    Knob("clock_shift", "CLOCK_SHIFT_SECONDS", "a number of seconds", _seconds),
    Knob("receipt_seconds", "SIMULATOR_RECEIPT_SECONDS", "a number of seconds, 0 or more", _delay),
    Knob("keywords_answered_by", "KEYWORDS_ANSWERED_BY", "carrier or line", _matching("carrier|line")),
)


def settings_from(environment: Mapping[str, str], arguments: Sequence[str]) -> Settings:
    """The settings; a flag wins over its variable, an empty variable counts as not set.

    Raises `Wrong` with one sentence. Exits 2 (argparse) for a flag that does not exist.
    """
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A Twilio account on this machine.")
    for knob in KNOBS:
        parser.add_argument(knob.flag, dest=knob.field, metavar=knob.variable, help=knob.valid)
    flags = vars(parser.parse_args(arguments))
    chosen: dict[str, Any] = {}
    for knob in KNOBS:
        text = flags[knob.field] if flags[knob.field] is not None else environment.get(knob.variable, "").strip()
        if text == "" and flags[knob.field] is None:
            continue
        try:
            chosen[knob.field] = knob.read(text)
        except ValueError:
            raise Wrong(f"{knob.variable} must be {knob.valid}, not {text!r}.") from None
    return _on_this_machine(Settings(**chosen))


def _on_this_machine(settings: Settings) -> Settings:
    if not is_loopback(settings.public_url):
        raise Wrong(refusal("PUBLIC_URL", settings.public_url))
    return Settings(**{**vars(settings), "public_url": settings.public_url.rstrip("/")})
