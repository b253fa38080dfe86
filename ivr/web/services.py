"""What the doors of a web process share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from ivr.ledger import Ledger, Vault
from ivr.releases.shelf import Shelf
from ivr.settings import Settings


@dataclass(frozen=True)
class Services:
    settings: Settings
    ledger: Ledger
    vault: Vault
    shelf: Shelf


def services() -> Services:
    """The services of the app that handles this request."""
    return cast(Services, current_app.extensions["infoline"])
