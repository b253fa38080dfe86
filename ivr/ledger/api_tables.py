"""The tables of the API: its keys, the answers to requests that a client may repeat, and webhooks."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from ivr.ledger.metadata import metadata
from ivr.ledger.types import UtcDateTime

# Keys of other systems. secret_hash: SHA-256 of 32 random bytes. last_used_at: to within a few minutes.
api_key = Table(
    "api_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)

# Requests with an Idempotency-Key, for a day. name_hash, content_hash: keyed hashes of the key, and of method, path and
# body. answer_sealed: JSON; NULL while the first request runs. import_sealed: what it has imported, as JSON, stored in
# the transaction of the import.
api_request = Table(
    "api_request",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key_id", ForeignKey("api_key.id"), nullable=False),
    Column("name_hash", String(64), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("answer_sealed", LargeBinary),
    Column("import_sealed", LargeBinary),
    UniqueConstraint("key_id", "name_hash"),
)

# Where the events for a key's system are sent. kinds: of ivr/people/webhooks.py, separated by spaces. secret_sealed:
# signs what is sent.
webhook = Table(
    "webhook",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key_id", ForeignKey("api_key.id"), nullable=False),
    Column("url", String(500), nullable=False),
    Column("kinds", String(500), nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)

# The outbox of events. event: random; the receiver ignores one that it has seen. data: JSON, ids only. next_try_at:
# NULL once it is delivered or given up. outcome: of the last attempt.
webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("webhook_id", ForeignKey("webhook.id"), nullable=False, index=True),
    Column("event", String(32), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("data", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("next_try_at", UtcDateTime, index=True),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("delivered_at", UtcDateTime),
    Column("outcome", String(40)),
)
