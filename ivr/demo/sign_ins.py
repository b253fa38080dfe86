"""Users to sign in to the console of a local line with, and their password, which is created once per VAR_DIR."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from argon2 import PasswordHasher
from sqlalchemy import Connection

from ivr.staff.users import Role, accept_invitation, add_user, invite, set_active, user_by_email, users

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


def add_users(connection: Connection, now: datetime) -> None:
    """Create the users, whom `let_users_in` lets sign in."""
    for role, email, name in USERS:
        set_active(connection, add_user(connection, email, name, role, now).user.id, active=False)


def let_users_in(connection: Connection, password: str, now: datetime) -> None:
    """Give the users their password. They have no second factor."""
    hashed = PasswordHasher().hash(password)
    for _, email, _ in USERS:
        if user := user_by_email(connection, email):
            accept_invitation(connection, invite(connection, user.id, now).token, hashed, now)


def are_users_kept_out(connection: Connection) -> bool:
    """Whether the users are there, and nobody else, and none of them has been let in yet."""
    found = users(connection)
    are_ours = {(user.role, user.email, user.name) for user in found} == set(USERS)
    return are_ours and not any(user.active or user.has_password for user in found)


def saved_password(var_dir: Path) -> str | None:
    """The password of the made-up users; None if there are none."""
    path = var_dir / FILE
    # It is empty if its creator was killed.
    return (path.read_text().strip() or None) if path.exists() else None


def create_password(var_dir: Path) -> str:
    """The password of the made-up users, which only this user of the machine can read. It is created once."""
    if saved := saved_password(var_dir):
        return saved
    path = var_dir / FILE
    password = "-".join([*(secrets.choice(_WORDS) for _ in range(3)), f"{secrets.randbelow(10_000):04d}"])
    path.touch(mode=0o600)
    path.write_text(f"{password}\n")
    return password


def sign_ins(var_dir: Path) -> SignIns | None:
    """The users to sign in as, if this folder has any."""
    password = saved_password(var_dir)
    return SignIns(tuple(email for _, email, _ in USERS), password) if password else None
