"""What the commands share: settings and the ledger opened, and errors told in a sentence instead of a traceback."""

from __future__ import annotations

import functools
import getpass
import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import click

from ivr import clock

# The ledger and the settings take long to load, and some commands do without: each is loaded where it is opened.
if TYPE_CHECKING:
    from ivr.ledger import Ledger
    from ivr.line.content.findings import Finding
    from ivr.line.content.loader import Content
    from ivr.releases.store import Release
    from ivr.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
FINDINGS = 1
WRONG_USE = 2
WIDTH = 80
_COLOURS = {"error": "red", "warning": "yellow"}


class _Number(click.ParamType[int]):
    """The number of something in the ledger, which has no longer ones."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails with a sentence for what is no such number."""
        if not re.fullmatch(r"[0-9]{1,10}", str(value)) or not 0 < int(value) < 2**31:
            self.fail(f"`{value}` is no number that the list could show: write one like 12.", param, ctx)
        return int(value)


class _Words(click.ParamType[str]):
    """Words to be kept: what a terminal with another alphabet than UTF-8 sends cannot be."""

    name = "words"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Fails with a sentence for what is no text."""
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.fail("A letter here is not UTF-8: type it again, or set the terminal to UTF-8.", param, ctx)
        return str(value)


NUMBER, WORDS = _Number(), _Words()


def current_user() -> str:
    """The name of whoever runs the command; in a container the user may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def fail(message: object, status: int = WRONG_USE) -> NoReturn:
    """Say what is wrong on standard error and end. Programs and logs have it on one line, people on 80 columns."""
    told = str(message)
    if sys.stderr.isatty():
        told = "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in told.splitlines())
    click.echo(told, err=True)
    sys.exit(status)


def settings_or_exit() -> Settings:
    """The settings, with the clock set as they say."""
    from ivr.settings import SettingsError, load

    try:
        settings = load()
    except SettingsError as error:
        fail(error)
    clock.set_shift(settings.clock_shift_seconds)
    return settings


def ledger_or_exit(settings: Settings) -> Ledger:
    """The ledger, its tables brought up to date on a machine of one's own; elsewhere they must be."""
    from ivr.ledger import LedgerUnavailable, open_ledger

    ledger = open_ledger(settings.database_url)
    try:
        if settings.loopback:
            ledger.upgrade()
        ledger.check()
    except LedgerUnavailable as error:
        fail(error)
    return ledger


def content_or_exit(settings: Settings, ledger: Ledger) -> Content:
    """The words that are live."""
    from ivr.releases.cache import NoRelease, live_content

    try:
        return live_content(ledger, settings.var_dir, settings.prompts_dir)
    except NoRelease as error:
        fail(error, FINDINGS)


def reports_ledger_outage(command: Callable[P, R]) -> Callable[P, R]:
    """A command that loses the ledger half-way says so."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from ivr.ledger import LedgerUnavailable

        try:
            return command(*args, **kwargs)
        except LedgerUnavailable as error:
            fail(error)

    return wrapped


def announce_release(release: Release, settings: Settings) -> None:
    """Say that a release is live, to whoever published it and to every process."""
    from ivr import queues

    queues.publish(settings.redis_url, queues.PUBLISHED)
    click.echo(f"Release {release.number} ({release.digest}) is live.")


def print_message(place: str, level: str, message: str, code: str) -> None:
    """One finding on lines of at most 80 columns, its level coloured on a terminal."""
    lines = textwrap.fill(f"{place}: {level}: {message} [{code}]", WIDTH, subsequent_indent="  ")
    click.echo(lines.replace(f" {level}:", f" {click.style(level, fg=_COLOURS[level])}:", 1))


def print_findings(findings: Iterable[Finding]) -> None:
    """What is wrong with the words, one after the other."""
    for finding in findings:
        place = f"{finding.file}:{finding.line}" if finding.line else finding.file
        print_message(place, finding.level, finding.message, finding.rule)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))
