"""Accounts of the console. Each change is one short transaction, and ends all sessions of the user where it must."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from ivr.ledger.tables import console_user

INVITATION = timedelta(hours=48)
MAX_NAME, MAX_EMAIL = 100, 254
# Reserved for examples: nobody has an address there.
DEMO_HOST = "example.org"


class Role(StrEnum):
    """What a user may do; ivr/web/console/access.py lists the pages of each."""

    SCHEDULER = "scheduler"
    OPERATOR = "operator"
    ADMIN = "admin"


class UserExists(Exception):
    """Another user has this email address."""


@dataclass(frozen=True)
class StaffUser:
    """A user. email: lower case. second_factor: whether one is set up. invited_until: of an unused invitation."""

    id: int
    email: str
    name: str
    role: Role
    language: str
    active: bool
    has_password: bool
    second_factor: bool
    invited_until: datetime | None
    created_at: datetime
    last_sign_in_at: datetime | None


@dataclass(frozen=True)
class Invitation:
    """A one-time link to choose a password. token: shown once, and stored only as a hash."""

    user: StaffUser
    token: str
    until: datetime


def users(connection: Connection) -> list[StaffUser]:
    """All users, by name."""
    query = select(console_user).order_by(console_user.c.name, console_user.c.id)
    return [staff_user_of(row) for row in connection.execute(query)]


def user_by_email(connection: Connection, email: str) -> StaffUser | None:
    return _first(connection, console_user.c.email == normalize_email(email))


def user_by_id(connection: Connection, user_id: int) -> StaffUser | None:
    return _first(connection, console_user.c.id == user_id)


def invited_user(connection: Connection, token: str, now: datetime) -> StaffUser | None:
    """The active user whom an unused invitation belongs to; None if there is none or it has expired."""
    return _first(
        connection,
        console_user.c.invitation == _hash(token),
        console_user.c.invited_until > now,
        console_user.c.active,
    )


def add_user(
    connection: Connection, email: str, name: str, role: Role, now: datetime, language: str = "en"
) -> Invitation:
    """Create a user who has yet to choose a password. Raises UserExists, and ValueError for a wrong address or name."""
    email, name = normalize_email(email), " ".join(name.split())
    if not is_email(email):
        raise ValueError(f"{email!r} is not an email address.")
    if not 0 < len(name) <= MAX_NAME:
        raise ValueError(f"The name needs 1 to {MAX_NAME} characters.")
    values: dict[str, Any] = {"email": email, "name": name, "role": role.value, "language": language, "active": True}
    try:
        created = connection.execute(
            insert(console_user).values(**values, session_key=secrets.token_hex(16), created_at=now)
        )
    except IntegrityError as error:
        raise UserExists from error
    key = created.inserted_primary_key
    return invite(connection, int(key[0]) if key else 0, now)


def invite(connection: Connection, user_id: int, now: datetime) -> Invitation:
    """Make a new one-time link. The old password, second factor, recovery codes and sessions end at once."""
    token, until = secrets.token_urlsafe(32), now + INVITATION
    ended = dict.fromkeys(("password", "second_factor", "totp_secret", "recovery_codes_sealed"))
    _change(connection, user_id, active=True, **ended, **_new_session(), invitation=_hash(token), invited_until=until)
    user = user_by_id(connection, user_id)
    if user is None:
        raise LookupError(user_id)
    return Invitation(user, token, until)


def accept_invitation(connection: Connection, token: str, password_hash: str, now: datetime) -> StaffUser | None:
    """Store the chosen password, and use up the invitation. None if it is not valid: the first request wins."""
    user = invited_user(connection, token, now)
    if user is None:
        return None
    used = connection.execute(
        update(console_user)
        .where(console_user.c.id == user.id, console_user.c.invitation == _hash(token))
        .values(password=password_hash, invitation=None, invited_until=None, **_new_session())
    )
    return user if used.rowcount else None


def set_active(connection: Connection, user_id: int, *, active: bool) -> None:
    """Enable or disable a user. Disabling ends all sessions, and the invitation."""
    ended = {} if active else {**_new_session(), "invitation": None, "invited_until": None}
    _change(connection, user_id, active=active, **ended)


def set_role(connection: Connection, user_id: int, role: Role) -> None:
    """Change a role, and end all sessions, so that no open page keeps what the old role allowed."""
    _change(connection, user_id, role=role.value, **_new_session())


def set_language(connection: Connection, user_id: int, language: str) -> None:
    _change(connection, user_id, language=language)


def end_sessions(connection: Connection, user_id: int) -> None:
    """Sign a user out everywhere."""
    _change(connection, user_id, **_new_session())


def record_sign_in(connection: Connection, user_id: int, now: datetime) -> None:
    _change(connection, user_id, last_sign_in_at=now)


def normalize_email(email: str) -> str:
    return email.strip().lower()


def is_email(email: str) -> bool:
    """Whether it can be an address: nothing is ever sent to it, so it only has to identify a user."""
    name, at, host = email.partition("@")
    return (
        bool(name and at and "." in host.strip("."))
        and not set(email) & set(' \t\r\n<>",;')
        and len(email) <= MAX_EMAIL
    )


def _new_session() -> dict[str, Any]:
    return {"session_key": secrets.token_hex(16)}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _change(connection: Connection, user_id: int, **values: Any) -> None:
    connection.execute(update(console_user).where(console_user.c.id == user_id).values(**values))


def _first(connection: Connection, *conditions: Any) -> StaffUser | None:
    row = connection.execute(select(console_user).where(*conditions)).first()
    return staff_user_of(row) if row else None


def staff_user_of(row: Row[Any]) -> StaffUser:
    """The user of a row with all columns of the table."""
    return StaffUser(
        id=row.id,
        email=row.email,
        name=row.name,
        role=Role(row.role),
        language=row.language,
        active=row.active,
        has_password=row.password is not None,
        second_factor=row.second_factor is not None,
        invited_until=row.invited_until,
        created_at=row.created_at,
        last_sign_in_at=row.last_sign_in_at,
    )
