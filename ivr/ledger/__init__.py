"""The only truth: SQL tables, the way to open them, their migrations, and how numbers are kept secret."""

from ivr.ledger.engine import Ledger, LedgerUnavailable, open_ledger
from ivr.ledger.vault import Vault

__all__ = ["Ledger", "LedgerUnavailable", "Vault", "open_ledger"]
