"""What the resources work with: the services, the key of the request, and the audit log."""

from __future__ import annotations

from typing import cast

from flask import current_app, g
from sqlalchemy import Connection

from ivr import clock
from ivr.ledger import Ledger
from ivr.line.content.config import Config
from ivr.line.content.loader import Content
from ivr.people.audit import Actor, AuditKind, Detail, record
from ivr.staff.api_keys import ApiKey
from ivr.web.api.problems import ProblemError
from ivr.web.services import Services

MAX_ID = 2**31 - 1


def services() -> Services:
    """The services that the API shares with the line."""
    return cast(Services, current_app.extensions["infoline"])


def ledger() -> Ledger:
    """The ledger, in the transaction of this request if it has one: see `ivr.web.api.idempotency`."""
    return cast(Ledger, g.get("ledger", services().ledger))


def content() -> Content:
    """The live content. Ends the request with a problem if there is none."""
    line = services().releases.live
    if line is None:
        raise ProblemError("no_release")
    return line.content


def config() -> Config:
    return content().config


def api_key() -> ApiKey:
    """The key of the request."""
    return cast(ApiKey, g.api_key)


def actor() -> Actor:
    """The key of the request, for the audit log."""
    return Actor(f"api key {api_key().id}")


def staff_name() -> str:
    """Who did it, as the console shows it."""
    return f"{api_key().name} (API)"


def audit(connection: Connection, kind: AuditKind, **details: Detail) -> None:
    """Record what the key reads or changes, in the same transaction."""
    record(connection, actor(), kind, clock.now(), **details)
