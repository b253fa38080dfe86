"""The words of the work list."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext
from sqlalchemy import Row

from ivr import clock
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.loader import Content
from ivr.people.work_claims import STALE_AFTER, Claimant
from ivr.web.console.filters import ago
from ivr.web.console.language import language
from ivr.web.console.people.words import WORK, language_name, local_time
from ivr.web.console.words import gettext

TIMES_OF_DAY = {
    "morning": lazy_gettext("In the morning"),
    "afternoon": lazy_gettext("In the afternoon"),
    "any": lazy_gettext("Any time"),
}
# What a list is for: its title, an empty list's title and sentence.
LISTS = {
    "change": (
        lazy_gettext("Change requests"),
        lazy_gettext("No change requests"),
        lazy_gettext("When a patient answers a reminder and asks for another time, the request is listed here."),
    ),
    "cancel": (
        lazy_gettext("CANCELs"),
        lazy_gettext("No CANCELs"),
        lazy_gettext(
            "CANCEL stops all texts, but it may mean the appointment. Patients who text it are listed here, so that"
            " you can ask them."
        ),
    ),
    "wrong-number": (
        lazy_gettext("Wrong numbers"),
        lazy_gettext("No wrong numbers"),
        lazy_gettext("When somebody replies that a number is not the patient’s, it is listed here."),
    ),
}
# What to do about an item.
ADVICE = {
    "callback": lazy_gettext("Call this person, then mark it as done."),
    "change": lazy_gettext("Call the patient, and move the appointment in your scheduling system."),
    "cancel": lazy_gettext(
        "This patient texted CANCEL, which stopped all texts. Call, and ask whether they still come to the appointment."
    ),
    "wrong-number": lazy_gettext(
        "Find the right number in the patient’s record, correct your file, and import it again."
    ),
    "landline": lazy_gettext("The phone company cannot text this number. Call the patient about the appointment."),
    "message": lazy_gettext(
        "The scheduling system sent this, and the line could not read it, so an appointment may be missing. Ask the"
        " people who run that system to correct it and, if they can, to send it again; or import the appointment"
        " as a file."
    ),
}
# How a call went.
OUTCOMES = {
    "reached": lazy_gettext("Reached"),
    "left-message": lazy_gettext("Left a message"),
    "no-answer": lazy_gettext("No answer"),
}
DONE = {
    "callback": lazy_gettext("Done: I have called"),
    "change": lazy_gettext("Done: it is settled"),
    "cancel": lazy_gettext("Done: it is settled"),
    "wrong-number": lazy_gettext("Done: the number is corrected"),
    "landline": lazy_gettext("Done: I have called"),
    "message": lazy_gettext("Done: it is settled"),
}

__all__ = ["language_name", "local_time"]


def kind_of(row: Row[Any]) -> str:
    """The kind of an item. Rows of call backs and of messages have no such column."""
    return str(row._mapping.get("kind", "message" if "fault" in row._mapping else "callback"))


def kind_words(kind: str) -> str:
    return str(WORK.get(kind, kind))


def is_red_flag(topic: str | None) -> bool:
    return topic in RED_FLAGS


def topic_words(topic: str | None, content: Content | None) -> str:
    """The title of the topic that a caller heard last; its id while the words of the line cannot be read."""
    if topic is None:
        return gettext("No topic")
    if topic == "urgent":
        return gettext("An emergency")
    if topic == "person-soon":
        return gettext("A sign that a nurse should hear about soon")
    if content is None:
        return topic
    for code in (language(), content.config.default_language):
        prompt = content.prompts.get((code, topic))
        if prompt is not None and prompt.title:
            return prompt.title
    return topic


def entry_words(entry_id: str, content: Content | None) -> str:
    """The name of an office; its id if it no longer exists, or while the words of the line cannot be read."""
    if content is None:
        return entry_id
    config = content.config
    entry = next((entry for entry in config.directory if entry.id == entry_id), None)
    if entry is None:
        return entry_id
    name = entry.name.get(language(), entry.name[config.default_language])
    return name[:1].upper() + name[1:]


def standing(row: Row[Any]) -> str:
    """Who has an item or has done it, for somebody who wanted it."""
    if row.done_at is not None:
        return gettext("%(name)s has done this, %(ago)s.", name=row.done_by, ago=ago(row.done_at))
    if row.claimed_by is not None:
        return gettext("%(name)s has this, taken %(ago)s.", name=row.by, ago=ago(row.claimed_at))
    return gettext("Nobody has this now. Take it if you want to handle it.")


def may_release(row: Row[Any], by: Claimant, now: datetime | None = None) -> bool:
    """Whether the page offers to give an item back; the database decides when it happens."""
    if row.claimed_by is None or row.done_at is not None:
        return False
    is_stale = bool(row.claimed_at < (now or clock.now()) - STALE_AFTER)
    return by.any_claim or row.claimed_by == by.id or is_stale
