"""What the tests of the work list share."""

from __future__ import annotations

from ivr.people.callbacks import CallbackRequest, save_callback
from tests.support.clinic import NOW

NOTE = "سيتصل لاحقًا 🙏 <b>Ruf an</b>\n" * 400
JANE, JOAN = "+16035550101", "+16035550102"


def ask(ledger, vault, phone=JANE, topic=None, *, call="CA1", now=NOW, entry="breast-health-center"):
    with ledger.write() as connection:
        save_callback(connection, vault, CallbackRequest(phone, "es", entry, topic, "morning", call), now)
