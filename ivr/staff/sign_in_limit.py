"""Limits failed attempts to sign in, by name and by address, across all web processes."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from ivr.ledger import Vault
from ivr.ledger.tables import sign_in_failure
from ivr.staff.users import normalize_email

PERIOD = timedelta(minutes=15)
# A hospital's users may share one address.
MAX_BY_NAME, MAX_BY_ADDRESS = 5, 50
KEPT = timedelta(days=1)


class SignInLimit:
    """Counts failures within the last PERIOD. Unknown names count as known ones do."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def is_reached(self, connection: Connection, name: str, address: str, now: datetime) -> bool:
        """Whether a name or an address has failed too often to try again yet."""
        recent = sign_in_failure.c.at > now - PERIOD
        limits = (
            (sign_in_failure.c.name_hash == self._name_hash(name), MAX_BY_NAME),
            (sign_in_failure.c.address_hash == self._address_hash(address), MAX_BY_ADDRESS),
        )
        return any(
            connection.execute(select(func.count()).select_from(sign_in_failure).where(condition, recent)).scalar_one()
            >= most
            for condition, most in limits
        )

    def add_failure(self, connection: Connection, name: str, address: str, now: datetime) -> None:
        connection.execute(delete(sign_in_failure).where(sign_in_failure.c.at < now - KEPT))
        connection.execute(
            insert(sign_in_failure).values(
                at=now, name_hash=self._name_hash(name), address_hash=self._address_hash(address)
            )
        )

    def clear(self, connection: Connection, name: str) -> None:
        """Forget the failures of a name after it has signed in."""
        connection.execute(delete(sign_in_failure).where(sign_in_failure.c.name_hash == self._name_hash(name)))

    def _name_hash(self, name: str) -> str:
        return self._vault.hash(f"sign-in name {normalize_email(name)}")

    def _address_hash(self, address: str) -> str:
        return self._vault.hash(f"sign-in address {address}")
