"""What views work with: the services, the signed-in user, and the audit log."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import cast

from flask import abort, current_app, g
from sqlalchemy import Connection

from ivr import clock
from ivr.line.content.loader import Content
from ivr.line.twiml.release import CompiledLine
from ivr.people.audit import Actor, AuditKind, Detail, record
from ivr.staff.users import StaffUser
from ivr.web.services import Services


def services() -> Services:
    """The services that the console shares with the line."""
    return cast(Services, current_app.extensions["infoline"])


def live_line() -> CompiledLine:
    """The live release. Answers 503 if there is none."""
    line = services().releases.live
    return line if line is not None else abort(503)


def content_or_none() -> Content | None:
    """The content of the live release; None while it cannot be read."""
    line = services().releases.live
    return line.content if line is not None else None


def hospital_zone() -> tzinfo:
    """The time zone of the hospital; UTC while it cannot be read."""
    content = content_or_none()
    return content.config.zone if content else UTC


def staff_user() -> StaffUser:
    """The signed-in user."""
    return cast(StaffUser, g.staff_user)


def actor() -> Actor:
    """The signed-in user, for the audit log, which names people by ids only."""
    return Actor(f"console user {staff_user().id}")


def audit(connection: Connection, kind: AuditKind, **details: Detail) -> None:
    """Record what the signed-in user reads or changes, in the same transaction."""
    record(connection, actor(), kind, clock.now(), **details)
