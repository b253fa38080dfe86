"""Keys with which other systems use the API: shown once, stored as a hash, with a role and perhaps an end."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ivr.ledger.tables import api_key
from ivr.staff.users import Role

MAX_NAME, MAX_DAYS = 100, 3650
ROLES = (Role.SCHEDULER, Role.OPERATOR)
"""What a key may be allowed. No key is an administrator: users and keys are managed by people."""
# How exact the time of the last use is: a write for each request would cost more than most requests.
USE_RECORDED_EVERY = timedelta(minutes=5)
_FORM = re.compile(r"infoline_(\d{1,9})_([\w-]{43})", re.ASCII)


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret. last_used_at: to within USE_RECORDED_EVERY."""

    id: int
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True)
class NewApiKey:
    """A key that was just made. text: what its owner sends; it cannot be shown again."""

    key: ApiKey
    text: str


def add_api_key(connection: Connection, name: str, role: Role, now: datetime, days: int | None = None) -> NewApiKey:
    """Make a key. days: how long it is valid; None for no end. Raises ValueError for a wrong name, role, or days."""
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME:
        raise ValueError(f"The name needs 1 to {MAX_NAME} characters.")
    if role not in ROLES:
        raise ValueError(f"The role of a key is {' or '.join(ROLES)}.")
    if days is not None and not 0 < days <= MAX_DAYS:
        raise ValueError(f"A key is valid for 1 to {MAX_DAYS} days, or without an end.")
    secret = secrets.token_urlsafe(32)
    values: dict[str, Any] = {"name": name, "role": role.value, "secret_hash": _hash(secret), "created_at": now}
    values |= {"expires_at": None if days is None else now + timedelta(days=days)}
    row = connection.execute(insert(api_key).values(values).returning(api_key)).one()
    return NewApiKey(_key_of(row), f"infoline_{row.id}_{secret}")


def api_keys(connection: Connection) -> list[ApiKey]:
    """All keys, also those that are no longer valid, oldest first."""
    return [_key_of(row) for row in connection.execute(select(api_key).order_by(api_key.c.id))]


def revoke_api_key(connection: Connection, key_id: int, now: datetime) -> bool:
    """End a key at once. Returns False if there is none, or if it was revoked already."""
    is_key = (api_key.c.id == key_id) & api_key.c.revoked_at.is_(None)
    return bool(connection.execute(update(api_key).where(is_key).values(revoked_at=now)).rowcount)


def find_api_key(connection: Connection, text: str, now: datetime) -> ApiKey | None:
    """The valid key that a client sent. The secret is compared in constant time."""
    match = _FORM.fullmatch(text)
    row = connection.execute(select(api_key).where(api_key.c.id == int(match[1]))).first() if match else None
    # Compared even without such a key, so that the time does not tell which ids exist.
    stored, sent = row.secret_hash if row else "0" * 64, _hash(match[2] if match else "")
    if not hmac.compare_digest(stored, sent) or row is None:
        return None
    key = _key_of(row)
    return key if key.is_valid(now) else None


def is_use_recorded(key: ApiKey, now: datetime) -> bool:
    """Whether the stored time of the last use is exact enough."""
    return key.last_used_at is not None and now - key.last_used_at < USE_RECORDED_EVERY


def record_use(connection: Connection, key_id: int, now: datetime) -> None:
    connection.execute(update(api_key).where(api_key.c.id == key_id).values(last_used_at=now))


def _hash(secret: str) -> str:
    # 32 random bytes cannot be guessed, so a slow hash would only cost time.
    return hashlib.sha256(secret.encode()).hexdigest()


def _key_of(row: Row[Any]) -> ApiKey:
    return ApiKey(row.id, row.name, Role(row.role), row.created_at, row.expires_at, row.revoked_at, row.last_used_at)
