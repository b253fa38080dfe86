"""What a check finds, and what it looks at."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from ivr.ledger import Ledger, open_ledger
from ivr.line.content.loader import Content
from ivr.line.lint.runner import CheckReport, check_content
from ivr.releases.live import live_content
from ivr.settings import Settings

if TYPE_CHECKING:
    from ivr.carrier.twilio.account import Account

CARRIER_SECONDS = 6.0
"""The response timeout of requests to Twilio and to PUBLIC_URL: the whole report takes less than half a minute."""


class Level(StrEnum):
    """How a check ends. Only a problem makes the exit status 1."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Result:
    """What a check found, in one sentence; for a warning or a problem, also what to do."""

    level: Level
    sentence: str


def ok(sentence: str) -> Result:
    return Result(Level.OK, sentence)


def warning(sentence: str) -> Result:
    return Result(Level.WARNING, sentence)


def problem(sentence: str) -> Result:
    return Result(Level.PROBLEM, sentence)


def worst(results: Sequence[Result]) -> Result:
    """The findings of one check about several things: the sentences of the most serious level."""
    level = max((result.level for result in results), key=list(Level).index)
    return Result(level, " ".join(result.sentence for result in results if result.level is level))


@dataclass(frozen=True)
class Line:
    """The line that is checked. redis_url: that of the settings, or of the queue that `infoline run` started."""

    settings: Settings
    redis_url: str
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @cached_property
    def ledger(self) -> Ledger:
        return open_ledger(self.settings.database_url)

    @cached_property
    def account(self) -> Account:
        # Imported here because the SDK takes over a second to import.
        from ivr.carrier.twilio.account import Account

        settings = self.settings
        seconds = min(settings.carrier_seconds, CARRIER_SECONDS)
        return Account(settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_api_url, seconds)

    @property
    def is_simulated(self) -> bool:
        """Whether the line uses the simulated phone network of this machine."""
        return self.settings.twilio_api_url == self.settings.simulator_url

    @property
    def not_running(self) -> Level:
        """How serious it is that a process does not run: a local line is often stopped."""
        return Level.WARNING if self.settings.loopback else Level.PROBLEM

    def live(self) -> Content:
        """The live content. Raises NoRelease."""
        with self._lock:
            return self._live

    def live_report(self) -> CheckReport:
        """The findings about the live content. Raises NoRelease."""
        with self._lock:
            return self._live_report

    @cached_property
    def _live(self) -> Content:
        return live_content(self.ledger, self.settings.var_dir, self.settings.prompts_dir)

    @cached_property
    def _live_report(self) -> CheckReport:
        from ivr import clock

        return check_content(self._live, now=clock.now())
