"""The only truth: SQL tables, the way to open them, their migrations, and how numbers are kept secret."""

from ivr.ledger.engine import Ledger, LedgerAway, open_ledger
from ivr.ledger.vault import Vault

__all__ = ["Ledger", "LedgerAway", "Vault", "open_ledger"]
