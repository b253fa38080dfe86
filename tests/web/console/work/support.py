"""What the tests of the work list share."""

from __future__ import annotations

import base64

from ivr.people.callbacks import CallbackRequest, save_callback
from tests.feeds.hl7.messages import siu
from tests.support.clinic import NOW

NOTE = "سيتصل لاحقًا 🙏 <b>Ruf an</b>\n" * 400
JANE, JOAN = "+16035550101", "+16035550102"


def ask(ledger, vault, phone=JANE, topic=None, *, call="CA1", now=NOW, entry="breast-health-center"):
    with ledger.write() as connection:
        save_callback(connection, vault, CallbackRequest(phone, "es", entry, topic, "morning", call), now)


def unread_message(vault):
    """The values of an HL7 message that cannot be read."""
    values = {"key_hash": "x", "sender": "RADIS", "event": "S12", "received_at": NOW, "state": "unread"}
    sealed = vault.seal(base64.b64encode(siu(1)).decode())
    return {**values, "fault": "sent_at", "place": "MSH-7", "message_sealed": sealed}
