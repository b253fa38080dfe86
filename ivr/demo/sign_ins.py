"""Users to sign in to the console of a local line with, and their password, which is created once per VAR_DIR."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from argon2 import PasswordHasher
from sqlalchemy import Connection

from ivr.staff.users import Role, accept_invitation, add_user, user_by_email

FILE = "demo-password"
USERS = (
    (Role.SCHEDULER, "scheduler@example.org", "Sam Scheduler"),
    (Role.OPERATOR, "operator@example.org", "Olga Operator"),
    (Role.ADMIN, "admin@example.org", "Ada Admin"),
)
# Easy to copy from a terminal by hand.
_WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "hazel", "inlet", "jade", "kelp", "lilac")


@dataclass(frozen=True)
class SignIns:
    """emails: by role. password: the same for all of them."""

    emails: tuple[str, ...]
    password: str


def add_users(connection: Connection, password: str, now: datetime) -> None:
    """Create the users, with a password and without a second factor, except those that exist."""
    hashed = PasswordHasher().hash(password)
    for role, email, name in USERS:
        if user_by_email(connection, email) is None:
            accept_invitation(connection, add_user(connection, email, name, role, now).token, hashed, now)


def saved_password(var_dir: Path, *, create: bool = False) -> str | None:
    """The password of the made-up users, which only this user of the machine can read; None if there are none."""
    path = var_dir / FILE
    if path.exists():
        return path.read_text().strip() or None
    if not create:
        return None
    password = "-".join([*(secrets.choice(_WORDS) for _ in range(3)), f"{secrets.randbelow(10_000):04d}"])
    path.touch(mode=0o600)
    path.write_text(f"{password}\n")
    return password


def sign_ins(var_dir: Path) -> SignIns | None:
    """The users to sign in as, if this folder has any."""
    password = saved_password(var_dir)
    return SignIns(tuple(email for _, email, _ in USERS), password) if password else None
