"""The entries of the audit log in words: their kinds, and a sentence for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import format_decimal, lazy_gettext

from ivr.people.audit import KEYS, AuditKind
from ivr.web.console.words import gettext

_WORDS = {
    "alarm_seen": lazy_gettext("problem seen"),
    "api_key_added": lazy_gettext("API key added"),
    "api_key_revoked": lazy_gettext("API key revoked"),
    "appointment_read": lazy_gettext("appointment opened"),
    "appointments_imported": lazy_gettext("appointments imported"),
    "batch_cancelled": lazy_gettext("batch cancelled"),
    "batch_paused": lazy_gettext("batch paused"),
    "batch_resumed": lazy_gettext("batch resumed"),
    "callbacks_read": lazy_gettext("call-back requests opened"),
    "data_expired": lazy_gettext("expired data deleted"),
    "draft_changed": lazy_gettext("draft changed"),
    "hash_key_read": lazy_gettext("hash key read"),
    "hl7_message_read": lazy_gettext("HL7 message opened"),
    "keys_rotated": lazy_gettext("keys rotated"),
    "language_changed": lazy_gettext("language changed"),
    "number_shown": lazy_gettext("number shown"),
    "numbers_exported": lazy_gettext("numbers downloaded"),
    "opted_in": lazy_gettext("texts started again"),
    "opted_out": lazy_gettext("texts stopped"),
    "password_chosen": lazy_gettext("password chosen"),
    "person_erased": lazy_gettext("data of a person erased"),
    "person_exported": lazy_gettext("data of a person exported"),
    "person_read": lazy_gettext("person opened"),
    "prompt_signed_off": lazy_gettext("prompt signed off"),
    "questions_ignored": lazy_gettext("questions ignored"),
    "questions_read": lazy_gettext("questions opened"),
    "questions_restored": lazy_gettext("ignored questions listed again"),
    "release_published": lazy_gettext("release published"),
    "release_rolled_back": lazy_gettext("earlier release restored"),
    "role_changed": lazy_gettext("role changed"),
    "sign_in_failed": lazy_gettext("sign-in failed"),
    "signed_in": lazy_gettext("signed in"),
    "signed_out_everywhere": lazy_gettext("signed out everywhere"),
    "text_requested": lazy_gettext("text sent by hand"),
    "texts_left_out": lazy_gettext("texts left out"),
    "texts_planned_again": lazy_gettext("texts planned again"),
    "todos_read": lazy_gettext("work list opened"),
    "user_added": lazy_gettext("user added"),
    "user_disabled": lazy_gettext("user disabled"),
    "user_enabled": lazy_gettext("user enabled"),
    "user_invited": lazy_gettext("link made for a user"),
    "webhook_added": lazy_gettext("webhook added"),
    "webhook_ended": lazy_gettext("webhook ended"),
    "work_claimed": lazy_gettext("work taken"),
    "work_done": lazy_gettext("work done"),
    "work_noted": lazy_gettext("note written"),
    "work_released": lazy_gettext("work given back"),
    "work_reopened": lazy_gettext("work reopened"),
}

_SENTENCES = {
    "alarm_seen": lazy_gettext("Noted that problem %(alarm)s has been seen."),
    "api_key_added": lazy_gettext("Made the API key %(key)s."),
    "api_key_revoked": lazy_gettext("Revoked the API key %(key)s."),
    "appointment_read": lazy_gettext("Opened appointment %(appointment)s."),
    "appointments_imported": lazy_gettext("Imported a file with %(rows)s rows as batch %(batch)s."),
    "batch_cancelled": lazy_gettext("Cancelled batch %(batch)s."),
    "batch_paused": lazy_gettext("Paused batch %(batch)s."),
    "batch_resumed": lazy_gettext("Resumed batch %(batch)s."),
    "callbacks_read": lazy_gettext("Saw call-back requests: %(callbacks)s."),
    "data_expired": lazy_gettext("Deleted data whose time was over: %(counts)s."),
    "draft_changed": lazy_gettext("Changed the draft of the prompts: %(files)s."),
    "hash_key_read": lazy_gettext("Read the key with which numbers are looked up."),
    "hl7_message_read": lazy_gettext("Opened message %(message)s of the scheduling system."),
    "keys_rotated": lazy_gettext("Encrypted %(values)s values with the new key."),
    "language_changed": lazy_gettext("Changed the language of person %(person)s."),
    "number_shown": lazy_gettext("Saw the phone number of person %(person)s."),
    "numbers_exported": lazy_gettext("Downloaded the numbers and names of batch %(batch)s."),
    "opted_in": lazy_gettext("Let texts go to person %(person)s again."),
    "opted_out": lazy_gettext("Stopped all texts to person %(person)s."),
    "password_chosen": lazy_gettext("Chose a password."),
    "person_erased": lazy_gettext("Erased the data of person %(person)s."),
    "person_exported": lazy_gettext("Exported the data of person %(person)s."),
    "person_read": lazy_gettext("Looked up person %(person)s."),
    "prompt_signed_off": lazy_gettext("Signed off the words of %(files)s."),
    "questions_ignored": lazy_gettext("Ignored questions without an answer: %(questions)s."),
    "questions_read": lazy_gettext("Read the questions without an answer of the last %(days)s days: %(questions)s."),
    "questions_restored": lazy_gettext("Listed ignored questions again: %(questions)s."),
    "release_published": lazy_gettext("Published release %(release)s of the prompts."),
    "release_rolled_back": lazy_gettext("Went back to release %(release)s of the prompts."),
    "role_changed": lazy_gettext("Gave %(user)s the role %(role)s."),
    "sign_in_failed": lazy_gettext("A sign-in of %(user)s failed."),
    "signed_in": lazy_gettext("Signed in."),
    "signed_out_everywhere": lazy_gettext("Signed out everywhere."),
    "text_requested": lazy_gettext("Sent a text of appointment %(appointment)s by hand."),
    "texts_left_out": lazy_gettext("Left out texts of appointment %(appointment)s."),
    "texts_planned_again": lazy_gettext("Planned texts of appointment %(appointment)s again."),
    "todos_read": lazy_gettext("Saw entries of the work list: %(todos)s."),
    "user_added": lazy_gettext("Added the user %(user)s."),
    "user_disabled": lazy_gettext("Ended the access of %(user)s."),
    "user_enabled": lazy_gettext("Gave %(user)s access again."),
    "user_invited": lazy_gettext("Made a sign-in link for %(user)s."),
    "webhook_added": lazy_gettext("Added webhook %(webhook)s."),
    "webhook_ended": lazy_gettext("Ended webhook %(webhook)s."),
    "work_claimed": lazy_gettext("Took %(work)s."),
    "work_done": lazy_gettext("Marked %(work)s as done."),
    "work_noted": lazy_gettext("Wrote a note about %(work)s."),
    "work_released": lazy_gettext("Gave back %(work)s."),
    "work_reopened": lazy_gettext("Reopened %(work)s."),
}
_WORK = {
    "callback": lazy_gettext("call-back request %(id)s"),
    "todo": lazy_gettext("entry %(id)s of the work list"),
    "message": lazy_gettext("message %(id)s of the scheduling system"),
}
_ROLES = {
    "scheduler": lazy_gettext("Scheduler"),
    "operator": lazy_gettext("Operator"),
    "admin": lazy_gettext("Administrator"),
}
# What an expiry deletes, by the key of its count.
_EXPIRED = {
    "incoming_texts": lazy_gettext("incoming texts"),
    "questions": lazy_gettext("questions"),
    "offered_choices": lazy_gettext("choices that texts offered"),
    "call_turns": lazy_gettext("steps of calls"),
    "appointments": lazy_gettext("appointments"),
    "requested_texts": lazy_gettext("texts that callers asked for"),
    "work_items": lazy_gettext("entries of the work list"),
    "batches": lazy_gettext("batches"),
    "hl7_messages": lazy_gettext("messages of the scheduling system"),
    "alarms": lazy_gettext("problems"),
    "consent_records": lazy_gettext("records of consent"),
    "numbers_kept_as_hash": lazy_gettext("numbers, of which only the opt-out stays"),
    "numbers": lazy_gettext("numbers"),
}
# So many ids of a list are named.
_SHOWN = 8


@dataclass(frozen=True)
class Names:
    """The names of what entries are about, by id."""

    users: Mapping[int, str]
    keys: Mapping[int, str]
    appointments: Mapping[int, str]


def sentence_of(kind: str, details: Mapping[str, Any], names: Names) -> str:
    """What an entry says, even one that a newer version has stored."""
    sentence = _SENTENCES.get(kind)
    fields = {name: _words_of(name, value, names) for name, value in details.items()}
    if sentence is None or kind not in set(AuditKind) or set(details) != set(KEYS[AuditKind(kind)]):
        return f"{kind_words(kind)}: {', '.join(f'{name} {words}' for name, words in fields.items())}"
    fields["work"] = next((str(_WORK[key]) % {"id": details[key]} for key in _WORK if details.get(key)), "")
    if kind == AuditKind.DATA_EXPIRED:
        counts = [f"{_EXPIRED[key]} {format_decimal(count)}" for key, count in details.items() if count]
        fields = {"counts": ", ".join(counts) or gettext("none")}
    return str(sentence) % fields


def _words_of(name: str, value: Any, names: Names) -> str:
    if name in ("person", "user") and value is None:
        return gettext("not known here")
    if name == "files" and not value:
        return gettext("all changes were discarded")
    if name == "role":
        return str(_ROLES.get(value, value))
    known = {"user": names.users, "key": names.keys, "appointment": names.appointments}.get(name, {})
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:_SHOWN])) or gettext("none")
        return (
            gettext("%(some)s and %(count)s more", some=shown, count=len(value) - _SHOWN) if value[_SHOWN:] else shown
        )
    return "–" if value is None else str(known.get(value, value))


def kind_words(kind: str) -> str:
    """The words of a kind, even of one that a newer version has stored."""
    return str(_WORDS.get(kind) or kind.replace("_", " "))


def kinds() -> list[tuple[str, str]]:
    """Pairs of each kind and its words, in the order of the words."""
    return sorted(((kind.value, kind_words(kind)) for kind in AuditKind), key=lambda pair: pair[1])
