"""The audit page: filters by who, by what, by appointment, and by days, and a sentence for each entry."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from flask import request
from flask_babel import force_locale
from sqlalchemy import select

from ivr.ledger.tables import appointment, audit_entry
from ivr.people.audit import KEYS, Actor, AuditKind, record
from ivr.web.console.settings.audit_filters import query_of, read_filters
from ivr.web.console.settings.audit_words import Names, sentence_of
from tests.support.clinic import NOW, at, row

NAMES = Names(users={3: "Rosa Example"}, keys={2: "Epic"}, appointments={7: "MA-7"})
IDS = {"user": 3, "key": 2, "appointment": 7, "role": "operator", "files": ["en/cancer.md"], "todos": list(range(20))}


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", AuditKind)
def test_every_kind_of_entry_has_a_sentence_without_the_names_of_its_fields(console_app, kind, language):
    details = {name: IDS.get(name, 41) for name in KEYS[kind]}
    with console_app.test_request_context(), force_locale(language):
        sentence = sentence_of(kind, details, NAMES)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "_" not in sentence
    assert "%" not in sentence
    for name, shown in {"user": "Rosa Example", "key": "Epic", "appointment": "MA-7"}.items():
        assert (shown in sentence) is (name in details)


SENTENCES = {
    ("draft_changed", '{"files": null}'): "Changed the draft of the prompts: all changes were discarded.",
    ("person_read", '{"person": null}'): "Looked up person not known here.",
    ("work_done", '{"callback": null, "todo": 5, "message": null}'): "Marked entry 5 of the work list as done.",
    ("todos_read", '{"todos": []}'): "Saw entries of the work list: none.",
    ("todos_read", '{"todos": [1,2,3,4,5,6,7,8,9,10]}'): "entries of the work list: 1, 2, 3, 4, 5, 6, 7, 8 and 2 more.",
    ("appointment_read", '{"appointment": 99}'): "Opened appointment 99.",
    ("of_a_newer_version", '{"thing": 5}'): "of a newer version: thing 5",
}


@pytest.mark.parametrize(("entry", "sentence"), SENTENCES.items())
def test_the_page_says_what_an_entry_means(console, entry, sentence):
    kind, details = entry
    with console.services.ledger.write() as connection:
        connection.execute(audit_entry.insert().values(at=NOW, actor="root", uid=0, kind=kind, details=details))
    assert sentence in console.browser("admin").page("/settings/audit")


def shown(console, **filters):
    """The kinds of the entries that the CSV file has with some filters."""
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    text = console.browser("admin").get(f"/settings/audit.csv?{query}").get_data(as_text=True).lstrip("\ufeff")
    return [entry["kind"] for entry in csv.DictReader(io.StringIO(text)) if entry["kind"] != "signed_in"]


@pytest.fixture
def entries(console, clinic_for_commands):
    """Entries by two people, an API key, a command, and a program, on several days, about two appointments."""
    clinic_for_commands.import_rows(row(1, at(3)), row(2, at(4)))
    with console.services.ledger.write() as connection:
        found = {
            each.appointment_id: each
            for each in connection.execute(
                select(appointment.c.id, appointment.c.appointment_id, appointment.c.person_id)
            )
        }
        one, two = found["A1"], found["A2"]
        done = (
            (Actor("console user 8"), AuditKind.APPOINTMENT_READ, 1, {"appointment": one.id}),
            (Actor("console user 8"), AuditKind.APPOINTMENT_READ, 1, {"appointment": two.id}),
            (Actor("console user 9"), AuditKind.NUMBER_SHOWN, 2, {"person": one.person_id}),
            (Actor("api key 1"), AuditKind.BATCH_PAUSED, 3, {"batch": 1}),
            (Actor("root", 0), AuditKind.HASH_KEY_READ, 40, {}),
            (Actor("infoline retention"), AuditKind.PERSON_ERASED, 3, {"person": None}),
        )
        for who, kind, days, details in done:
            record(connection, who, kind, NOW - timedelta(days=days), **details)
    return console


LAST_YEAR = {"from": "2026-01-01"}
FILTERS = {
    "no filter shows a month": ({}, ["appointment_read"] * 2 + ["number_shown", "person_erased", "batch_paused"]),
    "who": ({"who": "console user 9"}, ["number_shown"]),
    "a key": ({"who": "api key 1"}, ["batch_paused"]),
    "a program": ({"who": "infoline retention"}, ["person_erased"]),
    "commands": ({"who": "commands", **LAST_YEAR}, ["hash_key_read"]),
    "what": ({"kind": "batch_paused"}, ["batch_paused"]),
    "an appointment and its patient": ({"appointment": "A1"}, ["appointment_read", "number_shown"]),
    "an appointment with spaces": ({"appointment": "+A2+"}, ["appointment_read"]),
    "an unknown appointment": ({"appointment": "A3"}, []),
    "who and what": ({"who": "console user 8", "kind": "number_shown"}, []),
    "one day": ({"from": "2026-11-29", "to": "2026-11-29"}, ["number_shown"]),
    "to a day": ({"from": "2026-01-01", "to": "2026-11-01"}, ["hash_key_read"]),
    "days that are none": (
        {"from": "x", "to": "9999-99-99"},
        ["appointment_read"] * 2 + ["number_shown", "person_erased", "batch_paused"],
    ),
}


@pytest.mark.parametrize(("filters", "kinds"), FILTERS.values(), ids=FILTERS)
def test_the_filters_choose_the_entries_of_the_page_and_of_the_file(entries, filters, kinds):
    assert shown(entries, **filters) == kinds
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    page = entries.browser("admin").page(f"/settings/audit?{query}")
    for kind in {"number_shown", "batch_paused"}:
        sentence = {"number_shown": "Saw the phone number", "batch_paused": "Paused batch 1"}[kind]
        assert (sentence in page) is (kind in kinds)


def test_the_link_to_the_file_has_the_filters_of_the_page(entries):
    page = entries.browser("admin").page("/settings/audit?who=api+key+1&from=2026-11-01&to=2026-12-01")
    assert "/settings/audit.csv?who=api+key+1&amp;kind=&amp;appointment=&amp;from=2026-11-01&amp;to=2026-12-01" in page


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"who": "console user 8"}, "ix_audit_entry_actor_at_id"),
        ({"kind": "number_shown"}, "ix_audit_entry_kind_at_id"),
        ({"who": "commands"}, "ix_audit_entry_of_commands"),
        ({"appointment": "A1"}, "ix_audit_entry_short_details"),
    ],
)
def test_each_filter_has_an_index(entries, filters, index):
    zone = entries.services.releases.live.content.config.zone
    with entries.app.test_request_context(query_string=filters), entries.services.ledger.read() as connection:
        query = query_of(connection, read_filters(request.args, zone), zone).limit(51)
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN " + str(query.compile(connection.engine, compile_kwargs={"literal_binds": True}))
        ).all()
    assert index in str(plan)
