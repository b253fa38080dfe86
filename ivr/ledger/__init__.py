"""The ledger, the project's database: its tables and migrations, how to open it, and the encryption of personal data.

Queries about people and reminders belong to `ivr.people` and `ivr.reminders`.
"""

from ivr.ledger.engine import Ledger, LedgerUnavailable, NewerTables, open_ledger
from ivr.ledger.vault import Vault

__all__ = ["Ledger", "LedgerUnavailable", "NewerTables", "Vault", "open_ledger"]
