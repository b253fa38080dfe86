"""What commands share: settings, database and content; option types; tables, findings and errors on 80 columns."""

from __future__ import annotations

import functools
import getpass
import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import click

from ivr import clock

# Settings, database and content take long to import, and some commands need none of them.
if TYPE_CHECKING:
    from ivr.ledger import Ledger, Vault
    from ivr.line.content.config import Config
    from ivr.line.content.findings import Finding
    from ivr.line.content.loader import Content
    from ivr.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
FINDINGS = 1
WRONG_USE = 2
WIDTH = 80
_COLORS = {"error": "red", "warning": "yellow"}

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


class _Number(click.ParamType[int]):
    """An id in the database: a positive 32-bit integer."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", str(value)) or not 0 < int(value) < 2**31:
            self.fail(f"`{value}` is not a number from the list: write one like 12.", param, ctx)
        return int(value)


class _Text(click.ParamType[str]):
    """Text to store. A terminal that is not set to UTF-8 may send bytes that cannot be encoded."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.fail("A letter here is not UTF-8: type it again, or set the terminal to UTF-8.", param, ctx)
        return str(value)


NUMBER, TEXT = _Number(), _Text()


def current_user() -> str:
    """The name of the user who runs the command; in a container the user may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def fail(message: object, status: int = WRONG_USE) -> NoReturn:
    """Print an error and exit. Wraps at 80 columns on a terminal only: programs and logs get one line."""
    text = str(message)
    if sys.stderr.isatty():
        text = "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in text.splitlines())
    click.echo(text, err=True)
    sys.exit(status)


def settings_or_exit() -> Settings:
    """The settings of a complete installation; sets the clock shift."""
    from ivr.settings import SettingsError, load
    from ivr.shipped import missing_files

    if missing := missing_files():
        fail(f"This installation of infoline lacks {', '.join(missing)}: install it again.")
    try:
        settings = load()
    except SettingsError as error:
        fail(error)
    clock.set_shift(settings.clock_shift_seconds)
    return settings


def ledger_or_exit(settings: Settings) -> Ledger:
    """The database. Upgrades its tables on a loopback line; a public one must have them."""
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
    """The live content."""
    from ivr.releases.cache import NoRelease, live_content

    try:
        return live_content(ledger, settings.var_dir, settings.prompts_dir)
    except NoRelease as error:
        fail(error, FINDINGS)


@dataclass(frozen=True)
class CommandContext:
    """What a command works on. The vault and the live content load on first use."""

    settings: Settings
    ledger: Ledger

    @cached_property
    def vault(self) -> Vault:
        from ivr.ledger import Vault

        return Vault.of(self.settings)

    @cached_property
    def content(self) -> Content:
        return content_or_exit(self.settings, self.ledger)

    @property
    def config(self) -> Config:
        return self.content.config

    def iso(self, moment: datetime) -> str:
        """A time in the line's zone, for JSON."""
        return moment.astimezone(self.config.zone).isoformat(timespec="seconds")


def open_context() -> CommandContext:
    """Settings and database, or exit with an error."""
    settings = settings_or_exit()
    return CommandContext(settings, ledger_or_exit(settings))


def reports_outages(command: Callable[P, R]) -> Callable[P, R]:
    """Decorates a command that uses the database: an outage or an unknown key ends it with a sentence and status 2."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from ivr.ledger import LedgerUnavailable
        from ivr.ledger.vault import UnknownKey

        try:
            return command(*args, **kwargs)
        except (LedgerUnavailable, UnknownKey) as error:
            fail(error)

    return wrapped


def language_or_exit(language: str | None, config: Config) -> str:
    """A language of the line; without one, the default language."""
    if language and language not in config.languages:
        fail(f"`{language}` is not a language of the line: use {', '.join(config.languages)}.")
    return language or config.default_language


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = (), whole: int = 0
) -> None:
    """A table of at most 80 columns. right: headings of right-aligned columns; whole: leading columns never to wrap."""
    cells = [tuple(headings), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH:
        widest = max(range(whole, len(widths)), key=lambda index: widths[index])
        if widths[widest] <= 1:
            break
        widths[widest] -= 1
    aligns = [">" if heading in right else "<" for heading in headings]
    for number, row in enumerate(cells):
        wrapped = [_wrap_cell(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue=""):
            line = "  ".join(f"{part:{align}{width}}" for part, align, width in zip(parts, aligns, widths, strict=True))
            click.secho(line.rstrip(), bold=number == 0)


def _wrap_cell(text: str, width: int) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    return [
        indent + line for line in textwrap.wrap(text.lstrip(), max(width - len(indent), 1), break_on_hyphens=False)
    ] or [""]


def print_wrapped(sentence: str) -> None:
    """A sentence wrapped at 80 columns."""
    click.echo(textwrap.fill(sentence, WIDTH, subsequent_indent="  "))


def print_message(location: str, level: str, message: str, code: str) -> None:
    """A finding or row error, wrapped at 80 columns, with its level in color on a terminal."""
    lines = textwrap.fill(f"{location}: {level}: {message} [{code}]", WIDTH, subsequent_indent="  ")
    click.echo(lines.replace(f" {level}:", f" {click.style(level, fg=_COLORS[level])}:", 1))


def print_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        location = f"{finding.file}:{finding.line}" if finding.line else finding.file
        print_message(location, finding.level, finding.message, finding.rule)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))
