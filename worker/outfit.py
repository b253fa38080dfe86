"""What a job needs, made once in each process and never shared across a fork."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

from ivr import clock, log
from ivr.carrier.client import Carrier
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.line.content import Content
from ivr.releases.shelf import live_content
from ivr.settings import Settings, load


@dataclass(frozen=True)
class Outfit:
    settings: Settings
    ledger: Ledger
    vault: Vault
    carrier: Carrier
    content: Content


def outfit() -> Outfit:
    """This process's outfit, with the words that are live at this moment."""
    return _outfit(os.getpid())


@lru_cache(1)
def _outfit(_process: int) -> Outfit:
    settings = load()
    log.configure()
    clock.set_shift(settings.clock_shift_seconds)
    ledger = open_ledger(settings.database_url)
    return Outfit(settings, ledger, Vault.of(settings), open_carrier(settings), open_content(settings, ledger))


def open_carrier(settings: Settings) -> Carrier:
    return Carrier(
        settings.twilio_account_sid,
        settings.twilio_auth_token,
        settings.twilio_api_url,
        settings.twilio_messaging_service_sid or settings.twilio_from,
    )


def open_content(settings: Settings, ledger: Ledger) -> Content:
    return live_content(ledger, settings.var_dir, settings.prompts_dir)
