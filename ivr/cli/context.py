"""What commands work on: the settings, the database and the live content, or an error that ends the command."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING

from ivr import clock
from ivr.cli.console import FINDINGS, exit_on, fail, note

# Settings, database and content take long to import, and some commands need none of them.
if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ivr.ledger import Ledger, Vault
    from ivr.line.content.config import Config
    from ivr.line.content.loader import Content
    from ivr.line.nlu.topic_model import TopicModel
    from ivr.people.audit import Actor, AuditKind, Detail
    from ivr.releases.models import ModelStore
    from ivr.settings import Settings


def current_user() -> str:
    """Who runs the command: the name of the process's user, and of the user who called sudo.

    Names of the environment such as LOGNAME are not used: anyone can set them. SUDO_USER is as trustworthy as the
    right to use sudo, so it only adds to the name. In a container the user may have no name.
    """
    user, sudo_user = process_user(), _sudo_user()
    return f"{user} (sudo: {sudo_user})" if sudo_user else user


def current_actor() -> Actor:
    """Who runs the command, for the audit log."""
    from ivr.people.audit import Actor

    return Actor(process_user(), os.getuid(), _sudo_user())


def _sudo_user() -> str | None:
    # The environment may hold bytes that the database cannot store.
    return os.environ.get("SUDO_USER", "").encode(errors="replace").decode()[:100] or None


def process_user() -> str:
    """The name of the process's user id, or the id itself."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def settings_or_exit(*, save_keys: bool = False, find_line: bool = True) -> Settings:
    """The settings of a complete installation; sets the clock shift.

    save_keys: create the keys of a local line. find_line: what is not set is taken from a running `infoline run`.
    """
    from ivr.settings import SettingsError, load
    from ivr.shipped import missing_files

    if missing := missing_files():
        fail(f"This installation of infoline lacks {', '.join(missing)}: install it again.")
    with exit_on(SettingsError):
        settings = load(save_keys=save_keys)
    clock.set_shift(settings.clock_shift_seconds)
    return _of_running_line(settings) if find_line and settings.loopback else settings


def _of_running_line(settings: Settings) -> Settings:
    """The settings, with the addresses of the `infoline run` in this VAR_DIR, if there is one, for those not set."""
    from ivr.cli.run.running_file import running_line
    from ivr.settings import named_settings

    line = running_line(settings.var_dir)
    if line is None:
        return settings
    named = named_settings()
    found = {name: value for name, value in vars(line).items() if name not in named}
    if "twilio_api_url" not in named and "simulator_url" in found:
        found["twilio_api_url"] = line.simulator_url
    return settings.model_copy(update=found)


def ledger_or_exit(settings: Settings, *, accepts_newer: bool = False) -> Ledger:
    """The database. Upgrades its tables on a loopback line; a public one must have them.

    Never creates them: a command in the wrong folder would write into a new database and report success.
    accepts_newer: tables of a newer version are a warning, so that a line can be operated after a rollback.
    """
    from ivr.ledger import NewerTables, open_ledger

    ledger = open_ledger(settings.database_url)
    if not ledger.has_tables():
        fail(
            f"There is no database at {ledger.address}: run the command in the line's folder, or name the line's"
            " settings file with INFOLINE_ENV=FILE. `infoline run` and `infoline db upgrade` create a database."
        )
    try:
        if settings.loopback:
            ledger.upgrade()
        ledger.check()
    except NewerTables as error:
        if not accepts_newer:
            raise
        note(f"Warning: {error}")
    return ledger


def upgrade_ledger(settings: Settings) -> Ledger:
    """The database with the tables of this version, which are created if need be. Exits if other keys fit it."""
    from ivr.ledger import Vault, open_ledger
    from ivr.ledger.keys import verify_keys
    from ivr.private_files import make_private

    make_private(settings.var_dir)
    ledger = open_ledger(settings.database_url)
    ledger.upgrade()
    verify_keys(ledger, Vault.of(settings))
    return ledger


def content_or_exit(settings: Settings, ledger: Ledger) -> Content:
    """The live content."""
    from ivr.releases.live import NoRelease, live_content

    with exit_on(NoRelease, status=FINDINGS):
        return live_content(ledger, settings.var_dir, settings.prompts_dir)


@dataclass(frozen=True)
class CommandContext:
    """What a command works on. The vault and the live content load on first use."""

    settings: Settings
    ledger: Ledger

    @cached_property
    def vault(self) -> Vault:
        from ivr.ledger.keys import verify_keys

        vault = self.new_vault()
        verify_keys(self.ledger, vault)
        return vault

    def new_vault(self) -> Vault:
        """The vault of the settings, not compared with the database."""
        from ivr.ledger import Vault

        if not self.settings.phone_keys:
            fail(
                f"There are no keys in {self.settings.var_dir}: run the command in the line's folder, or name the"
                " line's settings file with INFOLINE_ENV=FILE."
            )
        return Vault.of(self.settings)

    def name_database(self) -> None:
        """Print which database the command changes."""
        note(f"Database: {self.ledger.address}")

    def record(self, kind: AuditKind, **details: Detail) -> None:
        """Add an entry to the audit log. If that fails, LedgerUnavailable ends the command: call it before printing."""
        with self.ledger.write() as connection:
            self.add_entry(connection, kind, **details)

    def add_entry(self, connection: Connection, kind: AuditKind, **details: Detail) -> None:
        """Add an entry to the audit log in the transaction that makes the change."""
        from ivr.people import audit

        audit.record(connection, current_actor(), kind, clock.now(), **details)

    @cached_property
    def content(self) -> Content:
        return content_or_exit(self.settings, self.ledger)

    def live_content(self) -> Callable[[], Content]:
        """Gives the content that is live when it is called, for a process that follows publishes."""
        from ivr.releases.live import LiveContent

        live = LiveContent(self.content)
        return lambda: live.refresh(self.settings, self.ledger)

    def model_of(self, content: Content) -> TopicModel:
        """The trained model of a content; says so first if it must be trained now."""
        return self._models().model_of(content, _note_training)

    def prepare_model(self, content: Content) -> None:
        """Train the model of content that is about to be published, so that no process has to."""
        self.model_of(content)

    def model_in_training(self, content: Content) -> AbstractContextManager[Callable[[], object]]:
        """Like `prepare_model`, but in another process. The block gets a function that waits for the model."""
        return self._models().in_training(content, _note_training)

    def _models(self) -> ModelStore:
        from ivr.releases.models import ModelStore

        return ModelStore(self.ledger if self._has_tables() else None, self.settings.models_folder)

    def _has_tables(self) -> bool:
        from ivr.ledger import LedgerUnavailable

        try:
            return self.ledger.has_tables()
        except LedgerUnavailable:
            return False

    @property
    def config(self) -> Config:
        return self.content.config


def _note_training(count: int) -> None:
    note(f"Learning from {count:,} phrases and questions…")


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


def open_context(*, writes: bool = False, accepts_newer: bool = False) -> CommandContext:
    """Settings and database, or exit with an error. writes: name the database that the command changes.

    accepts_newer: see `ledger_or_exit`.
    """
    settings = settings_or_exit()
    context = CommandContext(settings, ledger_or_exit(settings, accepts_newer=accepts_newer))
    if writes:
        context.name_database()
    return context


def language_or_exit(language: str | None, config: Config) -> str:
    """A language of the line; without one, the default language."""
    if language and language not in config.languages:
        fail(f"`{language}` is not a language of the line: use {', '.join(config.languages)}.")
    return language or config.default_language
