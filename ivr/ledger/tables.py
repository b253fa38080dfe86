"""The tables. Nothing that can be derived is stored: a planned reminder gets its row when it is claimed, not before."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
)

from ivr.ledger.api_tables import api_key as api_key
from ivr.ledger.api_tables import api_request as api_request
from ivr.ledger.api_tables import webhook as webhook
from ivr.ledger.api_tables import webhook_delivery as webhook_delivery
from ivr.ledger.audit_tables import audit_details_are_short as audit_details_are_short
from ivr.ledger.audit_tables import audit_entry as audit_entry
from ivr.ledger.feed_tables import appointment_change as appointment_change
from ivr.ledger.feed_tables import hl7_message as hl7_message
from ivr.ledger.metadata import metadata as metadata
from ivr.ledger.types import UtcDateTime

person = Table(
    "person",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("phone_hash", String(64), nullable=False, unique=True),
    Column("phone_sealed", LargeBinary, nullable=False),
    Column("language", String(8)),
    Column("opted_out_at", UtcDateTime),
    Column("landline", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
    # When the number was deleted: phone_sealed is then the empty string, and phone_hash keeps an opt-out effective.
    Column("erased_at", UtcDateTime),
    # Partial, in PostgreSQL too (migration 0015).
    Index("ix_person_of_landlines", "id", sqlite_where=literal_column("landline") == literal_column("1")),
)

# Evidence, kept for five years: who opted out or in, when, on which channel, with which message.
opt_out_event = Table(
    "opt_out_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("source", String(8), nullable=False),
    Column("evidence_sealed", LargeBinary),
)

batch = Table(
    "batch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("filename", String(200), nullable=False),
    # NULL while rows are being staged; reminders of a batch are sent only once it is live.
    Column("live_at", UtcDateTime),
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("cancelled_at", UtcDateTime),
)

appointment = Table(
    "appointment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("appointment_id", String(100), nullable=False, unique=True),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("batch_id", ForeignKey("batch.id"), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("site", String(64), nullable=False),
    Column("language", String(8)),
    Column("first_name_sealed", LargeBinary),
    Column("channel", String(8), nullable=False),
    Column("status", String(10), nullable=False),
    Column("answer", String(10)),
    Column("answered_at", UtcDateTime),
    Column("next_due_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # as_of: the time of the newest change, by ivr/reminders/imports/change_order.py. created_from: the name of the
    # batch that added the appointment. changed_at, changed_from: unused since migration 0025.
    Column("as_of", UtcDateTime),
    Column("created_from", String(200)),
    Column("changed_at", UtcDateTime),
    Column("changed_from", String(200)),
    # For reminders that are due, oldest first, and for the counts of a batch's status without reading the rows.
    Index("ix_appointment_next_due_at_id", "next_due_at", "id"),
    Index("ix_appointment_batch_id_next_due_at", "batch_id", "next_due_at"),
    # For the appointments of a person, and for landlines with one ahead without reading the rows.
    Index("ix_appointment_person_id_status_starts_at", "person_id", "status", "starts_at"),
    # For the list of appointments by day.
    Index("ix_appointment_starts_at_status_batch_id", "starts_at", "status", "batch_id"),
)

# Changes to existing appointments from a file that is being read; applied once all of it is read.
staged_change = Table(
    "staged_change",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("into", ForeignKey("batch.id"), nullable=False, index=True),
    Column("appointment", ForeignKey("appointment.id"), nullable=False, index=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("site", String(64), nullable=False),
    Column("language", String(8)),
    Column("first_name_sealed", LargeBinary),
    Column("channel", String(8), nullable=False),
    Column("status", String(10), nullable=False),
    Column("as_of", UtcDateTime),
)

# A reminder of an appointment, or a text that a caller requested (`step` is the topic then).
_ASKED = literal_column("asked_in").is_not(None)
# In a query of this table alone. A literal, because SQLite does not use a partial index for a parameter.
text_was_fetched = literal_column("reason") == literal_column("'fetched'")
_WITHOUT_BATCH = literal_column("batch_id").is_(None) & literal_column("appointment_id").is_not(None)
text = Table(
    "text",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("appointment_id", ForeignKey("appointment.id")),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    # A copy of the appointment's batch, for the counts of a batch's status.
    Column("batch_id", ForeignKey("batch.id")),
    Column("starts_at", UtcDateTime),
    Column("step", String(40), nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", String(40)),
    Column("attempt", String(32), unique=True),
    Column("sid", String(34), unique=True),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("claimed_at", UtcDateTime),
    Column("retry_at", UtcDateTime),
    Column("looks", Integer, nullable=False, server_default="0"),
    Column("looked_at", UtcDateTime),
    Column("error_code", Integer),
    Column("release", String(12)),
    Column("body_hash", String(64)),
    Column("updated_at", UtcDateTime, nullable=False),
    # Keyed hashes of the call's id and of the carrier's request token.
    Column("asked_in", String(64)),
    Column("request", String(64)),
    Column("asked_at", UtcDateTime),
    Column("asked_language", String(8)),
    UniqueConstraint("appointment_id", "starts_at", "step"),
    CheckConstraint(
        "(asked_in IS NULL) = (appointment_id IS NOT NULL) AND (asked_in IS NULL) = (starts_at IS NOT NULL)",
        name="ck_text_of_a_visit_or_asked",
    ),
    Index("ix_text_state_claimed_at", "state", "claimed_at"),
    Index("ix_text_batch_id_state_reason", "batch_id", "state", "reason"),
    Index("ix_text_person_id_claimed_at", "person_id", "claimed_at"),
    # Partial indexes, in PostgreSQL too (migrations 0002 and 0011): naming it here would load its dialect in every
    # process. The first two are of rows that a worker of an earlier version wrote during an upgrade, and of texts
    # whose receipt got lost; the others are of requested texts.
    Index("ix_text_without_batch", "id", sqlite_where=_WITHOUT_BATCH),
    Index("ix_text_fetched_claimed_at", "claimed_at", sqlite_where=text_was_fetched),
    Index("uq_text_asked_in_step", "asked_in", "step", unique=True, sqlite_where=_ASKED),
    Index("ix_text_asked_state_retry_at", "state", "retry_at", sqlite_where=_ASKED),
    # For the limits on requested texts.
    Index("ix_text_asked_at", "asked_at", sqlite_where=_ASKED),
)

# Append-only: each change of a text's state.
text_move = Table(
    "text_move",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text_id", ForeignKey("text.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("from_state", String(12)),
    Column("to_state", String(12), nullable=False),
    Column("reason", String(40)),
)

# Call-back requests. The number is the person's; person_id becomes NULL some days after a request is done. call and
# request are keyed hashes. claimed_by: the user of the console who has taken it.
callback = Table(
    "callback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", ForeignKey("person.id"), index=True),
    Column("language", String(8), nullable=False),
    Column("entry", String(64), nullable=False),
    Column("topic", String(64)),
    Column("wished", String(10), nullable=False),
    Column("call", String(64), nullable=False),
    Column("request", String(64)),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime, index=True),
    Column("done_by", String(200)),
    Column("claimed_by", ForeignKey("console_user.id")),
    Column("claimed_at", UtcDateTime),
    Column("note_sealed", LargeBinary),
    UniqueConstraint("call", "entry"),
)

# The numbered appointments of the last text that asked which one a reply means. choices: JSON, for each number the row
# ids and their time: [[[12, 15], "2026-12-03T14:00:00+00:00"], ...].
offered_choice = Table(
    "offered_choice",
    metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("choices", Text, nullable=False),
)

# One turn of a call, or its end; reports derive a call's course from its rows. id and call are keyed hashes.
call_turn = Table(
    "call_turn",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("call", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("release", String(12), nullable=False),
    Column("state", String(120), nullable=False),
    Column("heard", String(20), nullable=False),
    Index("ix_call_turn_call_at", "call", "at"),
)

# One incoming text, its outcome and its reply, so that a webhook that the carrier repeats gets the same answer.
# phone_hash, id and asked are keyed hashes.
incoming_text = Table(
    "incoming_text",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("phone_hash", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("asked", String(32), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("replies_sealed", LargeBinary),
    Index("ix_incoming_text_phone_hash_at", "phone_hash", "at"),
)

# Questions that the line did not understand, without their sender; operators learn from them.
unanswered = Table(
    "unanswered",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("source", String(8), nullable=False),
    Column("language", String(8), nullable=False),
    Column("words_sealed", LargeBinary, nullable=False),
    # When an operator said that it is no question for the line.
    Column("ignored_at", UtcDateTime),
)

# Work items for schedulers: appointments to move or cancel, phone numbers that are not the patient's, and landlines
# that somebody has begun to handle.
todo = Table(
    "todo",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("appointment_id", ForeignKey("appointment.id")),
    Column("at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime, index=True),
    Column("done_by", String(200)),
    Column("claimed_by", ForeignKey("console_user.id")),
    Column("claimed_at", UtcDateTime),
    Column("note_sealed", LargeBinary),
)

release = Table(
    "release",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("digest", String(12), nullable=False, index=True),
    Column("parent", String(12)),
    Column("at", UtcDateTime, nullable=False),
    Column("by", String(200), nullable=False),
    Column("note", Text, nullable=False),
    Column("origin", String(8), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# Trained classifiers of topics. examples: the digest of the phrases and questions that one was trained on, which any
# number of releases may share.
topic_model = Table(
    "topic_model",
    metadata,
    Column("examples", String(64), primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# The shared draft, at most one row. base: the digest of the release that it was started from.
draft = Table(
    "draft",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("base", String(12), nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("begun_by", String(200), nullable=False),
)

# A file that the draft changes, exactly as typed; content is NULL if the draft deletes it. replaces: the version of
# the live file that the change is based on.
draft_file = Table(
    "draft_file",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("content", LargeBinary),
    Column("replaces", String(12), nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# The line's own state, by name; for example, the reminder plan by which due times were computed.
mark = Table(
    "mark",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# A problem that an operator must fix, at most one row a kind. subject: what it is about, such as a release, or empty.
alarm = Table(
    "alarm",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("detail", Text, nullable=False),
    Column("subject", Text, nullable=False, server_default=""),
)

# Each time that an alarm was raised. detail: a sentence of ivr/i18n.py as JSON. seen_at, seen_by: when somebody said in
# the console that they have seen it. ended_at: NULL while it is in `alarm`.
alarm_event = Table(
    "alarm_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("raised_at", UtcDateTime, nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("seen_at", UtcDateTime),
    Column("seen_by", String(200)),
    Column("ended_at", UtcDateTime),
    # Partial, in PostgreSQL too (migration 0022).
    Index("ix_alarm_event_active", "name", sqlite_where=literal_column("ended_at IS NULL")),
)

# People who sign in to the console. email: lower case. password: an Argon2 hash; NULL until the invitation is used, and
# for those who sign in through the hospital's provider. session_key changes to end all sessions. totp_secret: sealed by
# Flask-Security. recovery_codes_sealed: JSON. invitation: a SHA-256 hash.
console_user = Table(
    "console_user",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("language", String(8), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password", String(255)),
    Column("session_key", String(64), nullable=False, unique=True),
    Column("second_factor", String(20)),
    Column("totp_secret", String(255)),
    Column("recovery_codes_sealed", LargeBinary),
    Column("invitation", String(64), unique=True),
    Column("invited_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_sign_in_at", UtcDateTime),
)

# Failed attempts to sign in, for the limits on them. name_hash, address_hash: keyed hashes.
sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("name_hash", String(64), nullable=False, index=True),
    Column("address_hash", String(64), nullable=False, index=True),
)
