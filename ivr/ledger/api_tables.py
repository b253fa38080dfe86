"""The tables of the API: its keys, and the answers to requests that a client may repeat."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table, UniqueConstraint

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
# body. answer_sealed: JSON; NULL while the first request runs.
api_request = Table(
    "api_request",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key_id", ForeignKey("api_key.id"), nullable=False),
    Column("name_hash", String(64), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("answer_sealed", LargeBinary),
    UniqueConstraint("key_id", "name_hash"),
)
