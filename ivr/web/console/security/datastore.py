"""Flask-Security's users, kept in the ledger: each read and each commit is one short transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from flask_security import RoleMixin, UserMixin
from flask_security.datastore import UserDatastore
from sqlalchemy import select, update

from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import console_user
from ivr.staff.users import DEMO_HOST, StaffUser, normalize_email, staff_user_of

# Attributes that Flask-Security names, and the columns that hold them.
_COLUMNS = {
    "password": "password",
    "active": "active",
    "fs_uniquifier": "session_key",
    "tf_primary_method": "second_factor",
    "tf_totp_secret": "totp_secret",
}


@dataclass(eq=False)
class SecurityRole(RoleMixin):
    name: str

    def get_permissions(self) -> set[str]:
        return set()


@dataclass(eq=False)
class SecurityUser(UserMixin):
    """A user as Flask-Security reads and changes it, which looks for the attributes on the class as well."""

    id: int = 0
    email: str = ""
    name: str = ""
    password: str | None = None
    active: bool = False
    fs_uniquifier: str = ""
    tf_primary_method: str | None = None
    tf_totp_secret: str | None = None
    mf_recovery_codes: list[str] | None = None
    roles: list[RoleMixin] = field(default_factory=list)
    staff: StaffUser | None = None
    """The same user as the pages know them, so that one query per request finds both."""
    tf_phone_number: str | None = None
    may_skip_second_factor: bool = False
    """Whether this is a made-up user of a local line, who has no phone to scan a code with."""

    def check_tf_required(self, tf_setup_methods: list[Any], tf_fresh: bool) -> tuple[bool, list[Any]]:
        """Ask for the second factor at every sign-in with a password, except of a made-up user without one."""
        del tf_fresh
        return bool(tf_setup_methods) or not self.may_skip_second_factor, tf_setup_methods


class LedgerUserDatastore(UserDatastore):
    """Finds users, and stores those that were put since the last commit."""

    def __init__(self, ledger: Ledger, vault: Vault, *, demo: bool = False) -> None:
        """demo: whether users at DEMO_HOST may sign in with a password alone."""
        super().__init__(SecurityUser, SecurityRole)
        self._ledger, self._vault, self._demo = ledger, vault, demo

    def find_user(self, case_insensitive: bool = False, **criteria: Any) -> SecurityUser | None:
        """The user with one attribute: id, email or fs_uniquifier."""
        del case_insensitive
        ((name, value),) = criteria.items()
        if name == "email":
            value = normalize_email(str(value))
        column = console_user.c[_COLUMNS.get(name, name)]
        with self._ledger.read() as connection:
            row = connection.execute(select(console_user).where(column == value)).first()
        if row is None:
            return None
        codes = json.loads(self._vault.open(row.recovery_codes_sealed)) if row.recovery_codes_sealed else None
        return SecurityUser(
            row.id,
            row.email,
            row.name,
            row.password,
            row.active,
            row.session_key,
            row.second_factor,
            row.totp_secret,
            codes,
            [SecurityRole(row.role)],
            staff_user_of(row),
            may_skip_second_factor=self._demo and row.email.endswith(f"@{DEMO_HOST}"),
        )

    def find_role(self, role: str) -> SecurityRole:
        return SecurityRole(role)

    def put(self, model: SecurityUser) -> SecurityUser:
        """Store a user at once: requests are short, and nothing else is waiting to be committed with it."""
        values = {column: getattr(model, name) for name, column in _COLUMNS.items()}
        codes = model.mf_recovery_codes
        values["recovery_codes_sealed"] = self._vault.seal(json.dumps(codes)) if codes else None
        with self._ledger.write() as connection:
            connection.execute(update(console_user).where(console_user.c.id == model.id).values(**values))
        return model

    def delete(self, model: SecurityUser) -> None:
        raise NotImplementedError("Users are disabled, not deleted: the audit log names them.")

    def commit(self) -> None:
        """Nothing waits: `put` stores."""
