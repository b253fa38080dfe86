"""The tables. What can be derived is not stored: a text becomes a row when it is claimed, not when planned."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from ivr.ledger.types import Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

person = Table(
    "person",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("phone_hash", String(64), nullable=False, unique=True),
    Column("phone_sealed", LargeBinary, nullable=False),
    Column("language", String(8)),
    Column("opted_out_at", Moment),
    Column("landline", Boolean, nullable=False, server_default=false()),
    Column("created_at", Moment, nullable=False),
)

# Kept for five years as evidence: who asked for what, when, through which door, in which words.
opt_out_event = Table(
    "opt_out_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("source", String(8), nullable=False),
    Column("evidence_sealed", LargeBinary),
)

batch = Table(
    "batch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("filename", String(200), nullable=False),
    # NULL while rows are being staged; nothing of a batch is sent before it is live.
    Column("live_at", Moment),
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("cancelled_at", Moment),
)

appointment = Table(
    "appointment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("appointment_id", String(100), nullable=False, unique=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("batch_id", ForeignKey("batch.id"), nullable=False, index=True),
    Column("starts_at", Moment, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("site", String(64), nullable=False),
    Column("language", String(8)),
    Column("first_name_sealed", LargeBinary),
    Column("channel", String(8), nullable=False),
    Column("status", String(10), nullable=False),
    Column("answer", String(10)),
    Column("answered_at", Moment),
    Column("next_due_at", Moment, index=True),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

text = Table(
    "text",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("appointment_id", ForeignKey("appointment.id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("step", String(40), nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", String(40)),
    Column("attempt", String(32), unique=True),
    Column("sid", String(34), unique=True),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("claimed_at", Moment),
    Column("retry_at", Moment),
    Column("looks", Integer, nullable=False, server_default="0"),
    Column("looked_at", Moment),
    Column("error_code", Integer),
    Column("release", String(12)),
    Column("body_hash", String(64)),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("appointment_id", "starts_at", "step"),
    Index("ix_text_state_claimed_at", "state", "claimed_at"),
    Index("ix_text_person_id_claimed_at", "person_id", "claimed_at"),
)

# Append-only: every move of a text from one state to another.
text_move = Table(
    "text_move",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text_id", ForeignKey("text.id"), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("from_state", String(12)),
    Column("to_state", String(12), nullable=False),
    Column("reason", String(40)),
)

release = Table(
    "release",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("digest", String(12), nullable=False, index=True),
    Column("parent", String(12)),
    Column("at", Moment, nullable=False),
    Column("by", String(200), nullable=False),
    Column("note", Text, nullable=False),
    Column("origin", String(8), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# What an operator must know until it is put right, for instance that the carrier refused our credentials.
alarm = Table(
    "alarm",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("raised_at", Moment, nullable=False),
    Column("detail", Text, nullable=False),
)
