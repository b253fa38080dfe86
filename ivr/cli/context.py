"""What commands work on: the settings, the database and the live content, or an error that ends the command."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING

from ivr import clock
from ivr.cli.console import FINDINGS, exit_on, fail

# Settings, database and content take long to import, and some commands need none of them.
if TYPE_CHECKING:
    from ivr.ledger import Ledger, Vault
    from ivr.line.content.config import Config
    from ivr.line.content.loader import Content
    from ivr.settings import Settings


def current_user() -> str:
    """The name of the user who runs the command; in a container the user may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def settings_or_exit() -> Settings:
    """The settings of a complete installation; sets the clock shift."""
    from ivr.settings import SettingsError, load
    from ivr.shipped import missing_files

    if missing := missing_files():
        fail(f"This installation of infoline lacks {', '.join(missing)}: install it again.")
    with exit_on(SettingsError):
        settings = load()
    clock.set_shift(settings.clock_shift_seconds)
    return settings


def ledger_or_exit(settings: Settings) -> Ledger:
    """The database. Upgrades its tables on a loopback line; a public one must have them."""
    from ivr.ledger import open_ledger

    ledger = open_ledger(settings.database_url)
    if settings.loopback:
        ledger.upgrade()
    ledger.check()
    return ledger


def content_or_exit(settings: Settings, ledger: Ledger) -> Content:
    """The live content."""
    from ivr.releases.cache import NoRelease, live_content

    with exit_on(NoRelease, status=FINDINGS):
        return live_content(ledger, settings.var_dir, settings.prompts_dir)


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


def iso(moment: datetime, zone: tzinfo) -> str:
    """A time for JSON."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def minute(moment: datetime, zone: tzinfo) -> str:
    """A time for tables."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def moment_or_exit(text: str, zone: tzinfo) -> datetime:
    """An ISO time; in the zone if it names none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"`{text}` is not a time: write it like 2026-12-06T23:00.")
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def open_context() -> CommandContext:
    """Settings and database, or exit with an error."""
    settings = settings_or_exit()
    return CommandContext(settings, ledger_or_exit(settings))


def language_or_exit(language: str | None, config: Config) -> str:
    """A language of the line; without one, the default language."""
    if language and language not in config.languages:
        fail(f"`{language}` is not a language of the line: use {', '.join(config.languages)}.")
    return language or config.default_language
