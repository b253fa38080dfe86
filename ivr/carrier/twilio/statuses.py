"""The carrier's statuses of a text, and the state each of them means to us.

https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
"""

from __future__ import annotations

from typing import Literal

ReceiptState = Literal["handed_over", "delivered", "undelivered", "failed"]

STATE_BY_STATUS: dict[str, ReceiptState] = {
    "accepted": "handed_over",
    "scheduled": "handed_over",
    "queued": "handed_over",
    "sending": "handed_over",
    "sent": "handed_over",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",
}
