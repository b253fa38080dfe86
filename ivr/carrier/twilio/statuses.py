"""Twilio's statuses of texts and calls."""

from __future__ import annotations

from typing import Literal

ReceiptState = Literal["handed_over", "delivered", "undelivered", "failed"]

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
STATE_BY_STATUS: dict[str, ReceiptState] = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent"), "handed_over"),
    **dict.fromkeys(("delivered", "read"), "delivered"),
    "undelivered": "undelivered",
    **dict.fromkeys(("failed", "canceled"), "failed"),
}
# https://www.twilio.com/docs/voice/api/call-resource#call-status-values
CALL_IN_PROGRESS = frozenset(("queued", "initiated", "ringing", "in-progress"))
CALL_ENDED = frozenset(("completed", "busy", "failed", "no-answer", "canceled"))
# https://www.twilio.com/docs/voice/twiml/dial#action
DIAL_STATUSES = frozenset((*CALL_ENDED, "answered"))
