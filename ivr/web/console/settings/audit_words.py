"""The kinds of entries of the audit log, in words."""

from __future__ import annotations

from flask_babel import lazy_gettext

from ivr.people.audit import AuditKind

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


def kind_words(kind: str) -> str:
    """The words of a kind, even of one that a newer version has stored."""
    return str(_WORDS.get(kind) or kind.replace("_", " "))


def kinds() -> list[tuple[str, str]]:
    """Pairs of each kind and its words, in the order of the words."""
    return sorted(((kind.value, kind_words(kind)) for kind in AuditKind), key=lambda pair: pair[1])
