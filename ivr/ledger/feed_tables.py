"""The tables of feeds: what scheduling systems have sent, and from where the changes to appointments came."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, literal_column

from ivr.ledger.metadata import metadata
from ivr.ledger.types import UtcDateTime

# One HL7 message, committed before it is acknowledged, or one appointment of another feed that was rejected. feed: of
# ivr/feeds/unread.py. key_hash: keyed hash of what a repeated message has in common with the first. sender: MSH-3.
# state, fault: of ivr/feeds/hl7/inbox.py. times: how often messages with this fault came, if they share an item.
# row_sealed: the cells, as JSON, until they are applied. message_sealed: the message in base64 if it cannot be read;
# reason: why, as JSON of sentences of ivr/i18n.py; claimed_by, claimed_at, note_sealed: as in todo; done_at, done_by:
# once staff have handled it.
hl7_message = Table(
    "hl7_message",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("sender", String(100), nullable=False),
    Column("event", String(10), nullable=False),
    Column("received_at", UtcDateTime, nullable=False, index=True),
    Column("sent_at", UtcDateTime),
    Column("appointment_id", String(100)),
    Column("state", String(10), nullable=False),
    Column("fault", String(40)),
    Column("place", String(40)),
    Column("row_sealed", LargeBinary),
    Column("message_sealed", LargeBinary),
    Column("done_at", UtcDateTime),
    Column("done_by", String(200)),
    Column("claimed_by", Integer, ForeignKey("console_user.id")),
    Column("claimed_at", UtcDateTime),
    Column("note_sealed", LargeBinary),
    Column("reason", Text),
    Column("feed", String(8), nullable=False, server_default="hl7"),
    Column("times", Integer, nullable=False, server_default="1"),
    Index("ix_hl7_message_appointment_id_sent_at", "appointment_id", "sent_at"),
    # Partial, in PostgreSQL too (migrations 0021 and 0022): few messages wait.
    Index("ix_hl7_message_waiting", "id", sqlite_where=literal_column("state") == literal_column("'waiting'")),
    Index("ix_hl7_message_unread", "id", sqlite_where=literal_column("state") == literal_column("'unread'")),
)

# One change that an import made to an appointment, or one answer to a reminder. Rows are only added; they are deleted
# with the appointment. source: the name of the batch; empty for an answer. what: the columns that changed, separated by
# commas; of an answer, `answer:` and the answer. Both may be empty in rows that migration 0025 made.
appointment_change = Table(
    "appointment_change",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("appointment_id", ForeignKey("appointment.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("source", String(200), nullable=False),
    Column("what", String(100), nullable=False),
)
