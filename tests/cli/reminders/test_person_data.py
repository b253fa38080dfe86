"""`infoline reminders person-data` and `erase`, and `infoline retention`."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, update

from ivr.cli import main
from ivr.ledger import Vault
from ivr.ledger.tables import (
    alarm,
    appointment,
    audit_entry,
    callback,
    hl7_message,
    incoming_text,
    metadata,
    offered_choice,
    opt_out_event,
    person,
    text,
    todo,
)
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.persons import opt_out
from ivr.people.work_items import add_work_item
from ivr.reminders.alarms import Alarm, raise_alarm
from ivr.reminders.outbox.on_demand import RequestLimits, TextRequest, request_text
from tests.support.clinic import NOW, at, row

PHONE, E164 = "603-555-0110", "+16035550110"
CONTENT = ("release", "mark", "audit_entry", "batch", "topic_model")


@pytest.fixture
def clinic(clinic_for_commands):
    """Everything that the line may know about a patient, and one text to somebody else."""
    clinic = clinic_for_commands
    clinic.import_rows(row(10, at(2, -1), first_name="Zephyrine"), row(11, at(2, -1)))
    clinic.import_rows(row(10, at(2, -1), first_name="Zephyrine", language="es"), name="second.csv")
    clinic.send()
    booked = clinic.appointment("A10")
    with clinic.ledger.write() as connection:
        call = CallbackRequest(E164, "en", "scheduling", "cancer", "any", "CA1", None)
        save_callback(connection, clinic.vault, call, NOW)
        request_text(connection, clinic.vault, TextRequest(E164, "cancer", "en", "CA1"), NOW, RequestLimits(5, 5))
        add_work_item(connection, "change", booked.person_id, booked.id, NOW)
        connection.execute(insert(offered_choice).values(person_id=booked.person_id, at=NOW, choices="[]"))
        replies = clinic.vault.seal(json.dumps(["an answer about quokkas"]))
        received = {"id": "1", "phone_hash": clinic.vault.hash(E164), "at": NOW, "asked": "x", "outcome": "cancer"}
        connection.execute(insert(incoming_text).values(**received, replies_sealed=replies))
        connection.execute(update(todo).values(note_sealed=clinic.vault.seal("asks for Ondine")))
        connection.execute(insert(hl7_message), feed_messages(clinic.vault))
        raise_alarm(connection, Alarm.FHIR_REJECTED, NOW, "[]")
    return clinic


def feed_messages(vault):
    """What feeds have sent about the patient, in each way in which it is stored, and two messages about another."""
    cells = {"phone": "(603) 555-0110", "first_name": "Zephyrine"}
    raw = "PID|1||7||Doe^Zephyrine||||||||^PRN^PH^^1^603^5550110\rAIL|1||Other Lab".encode("latin-1")
    others = {"phone": "603-555-0111"}, {"phone": "603-555-01109"}
    rows = [
        {"state": "waiting", "appointment_id": "A77", "row_sealed": cells},
        {"state": "unread", "message_sealed": raw, "note_sealed": "asks for Ondine"},
        {"state": "unread", "feed": "fhir", "row_sealed": {"phone": "+1 603.555.0110"}},
        {"state": "applied", "appointment_id": "A10"},
        *({"state": "waiting", "row_sealed": other} for other in others),
    ]
    return [
        {
            "key_hash": str(number), "sender": "EPIC", "event": "S12", "received_at": NOW, "feed": "hl7",
            **dict.fromkeys(("appointment_id", "row_sealed", "message_sealed", "note_sealed")),
            **{name: seal(vault, name, value) for name, value in given.items()},
        }
        for number, given in enumerate(rows)
    ]  # fmt: skip


def seal(vault, name, value):
    if name == "message_sealed":
        return vault.seal(base64.b64encode(value).decode())
    if not name.endswith("_sealed"):
        return value
    return vault.seal(value if isinstance(value, str) else json.dumps(value))


def opt_out_with_words(clinic):
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, E164, NOW, "text", "STOP says Ondine")


def infoline(*arguments, **more):
    result = CliRunner().invoke(main, [*arguments], **more)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_everything_about_a_number_is_printed_decrypted_and_recorded(clinic):
    opt_out_with_words(clinic)
    result = infoline("reminders", "person-data", PHONE)
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert data["number"] == E164
    assert data["opted_out_at"] == NOW.isoformat()
    (booked,) = data["appointments"]
    assert (booked["appointment_id"], booked["first_name"]) == ("A10", "Zephyrine")
    assert booked["changes"] == [{"at": NOW.isoformat(), "source": "second.csv", "what": "language"}]
    assert "handed_over" in {entry["state"] for sent in booked["texts"] for entry in sent["history"]}
    assert [sent["step"] for sent in data["other_texts"]] == ["cancer"]
    assert data["callbacks"][0]["topic"] == "cancer"
    assert data["work_items"][0]["note"] == "asks for Ondine"
    assert data["consent_requests"][0]["evidence"] == "STOP says Ondine"
    assert data["incoming_texts"] == [
        {"at": NOW.isoformat(), "outcome": "cancer", "replies": ["an answer about quokkas"]}
    ]
    kinds = [(message["feed"], message["state"], message["appointment_id"]) for message in data["messages"]]
    assert kinds == [
        ("hl7", "waiting", "A77"), ("hl7", "unread", None), ("fhir", "unread", None), ("hl7", "applied", "A10"),
    ]  # fmt: skip
    assert data["messages"][0]["row"]["first_name"] == "Zephyrine"
    assert "Doe^Zephyrine" in data["messages"][1]["message"]
    assert [entry.kind for entry in clinic.all(audit_entry)] == ["person_exported"]


def test_no_encrypted_column_of_a_person_is_left_out(clinic):
    opt_out_with_words(clinic)
    data = json.loads(infoline("reminders", "person-data", PHONE).stdout)
    lists = {
        person: [data], appointment: data["appointments"], callback: data["callbacks"], todo: data["work_items"],
        opt_out_event: data["consent_requests"], incoming_text: data["incoming_texts"],
        hl7_message: data["messages"],
    }  # fmt: skip
    for table, objects in lists.items():
        for name in (column.name for column in table.columns):
            if name.endswith("_sealed") and name != "phone_sealed":
                assert name.removesuffix("_sealed") in objects[0], (table.name, name)


def test_the_number_may_come_from_standard_input_and_the_data_go_to_a_private_file(clinic, tmp_path):
    file = tmp_path / "data.json"
    result = infoline("reminders", "person-data", "-", "-o", str(file), input=f"{PHONE}\n")
    assert result.exit_code == 0
    assert json.loads(file.read_text())["number"] == E164
    assert file.stat().st_mode & 0o077 == 0


def test_an_unknown_number_is_a_finding_and_a_wrong_one_wrong_use(clinic):
    assert infoline("reminders", "person-data", "603-555-0199").exit_code == 1
    assert infoline("reminders", "person-data", "603").exit_code == 2


def test_a_number_that_is_only_in_messages_of_a_feed_is_found_and_erased(clinic):
    with clinic.ledger.write() as connection:
        cells = clinic.vault.seal(json.dumps({"phone": "603 555 0177"}))
        values = {"key_hash": "x", "sender": "EPIC", "event": "S12", "received_at": NOW, "state": "waiting"}
        connection.execute(insert(hl7_message).values(**values, row_sealed=cells))
        lost = Vault([b"z" * 32]).seal(json.dumps({"phone": "603 555 0177"}))
        connection.execute(insert(hl7_message).values(**{**values, "key_hash": "y"}, row_sealed=lost))
    data = json.loads(infoline("reminders", "person-data", "603-555-0177").stdout)
    assert [message["row"]["phone"] for message in data["messages"]] == ["603 555 0177"]
    erased = infoline("reminders", "erase", "603-555-0177", "--yes")
    assert "Everything about 603-555-0177 is deleted" in erased.output
    assert {message.key_hash for message in clinic.all(hl7_message)} >= {"y", "4"}
    assert "x" not in {message.key_hash for message in clinic.all(hl7_message)}
    assert "Nothing was stored" in infoline("reminders", "erase", "603-555-0177", "--yes").output


def rows_by_table(clinic):
    return {table.name: len(clinic.all(table)) for table in metadata.sorted_tables if table.name not in CONTENT}


def test_erasing_deletes_every_row_about_a_patient_and_nothing_about_others(clinic):
    result = infoline("reminders", "erase", PHONE, "--yes")
    assert result.exit_code == 0, result.output
    left = {name: count for name, count in rows_by_table(clinic).items() if count}
    assert left.keys() == {"person", "appointment", "text", "text_move", "hl7_message", "alarm_event"}
    assert [message.key_hash for message in clinic.all(hl7_message)] == ["4", "5"]
    assert clinic.all(alarm) == []
    assert {(booked.appointment_id) for booked in clinic.all(appointment)} == {"A11"}
    assert [clinic.vault.open(known.phone_sealed) for known in clinic.all(person)] == ["+16035550111"]
    assert clinic.all(audit_entry)[-1].kind == "person_erased"
    assert infoline("reminders", "person-data", PHONE).exit_code == 1


def test_an_opt_out_survives_erasing_as_a_hash_without_its_words(clinic):
    opt_out_with_words(clinic)
    assert infoline("reminders", "erase", PHONE, "--yes").exit_code == 0
    (known,) = [known for known in clinic.all(person) if known.phone_hash == clinic.vault.hash(E164)]
    assert (clinic.vault.open(known.phone_sealed), known.opted_out_at) == ("", NOW)
    assert [event.evidence_sealed for event in clinic.all(opt_out_event)] == [None]
    clinic.import_rows(row(12, at(2, -1), phone=PHONE), name="again.csv")
    assert clinic.claim() == []


def test_nothing_is_erased_while_a_text_is_being_sent_or_without_consent(clinic):
    before = rows_by_table(clinic)
    with clinic.ledger.write() as connection:
        connection.execute(update(text).where(text.c.asked_in.is_not(None)).values(state="claimed"))
    busy = infoline("reminders", "erase", PHONE, "--yes")
    assert (busy.exit_code, rows_by_table(clinic)) == (1, before)
    assert "try again" in busy.output
    assert infoline("reminders", "erase", PHONE, input="n\n").exit_code == 1
    assert rows_by_table(clinic) == before


def test_a_dry_run_counts_what_a_run_then_deletes(clinic):
    old = NOW - timedelta(days=200)
    with clinic.ledger.write() as connection:
        connection.execute(update(appointment).values(starts_at=old))
        connection.execute(update(incoming_text).values(at=old))
        connection.execute(update(todo).values(done_at=old))
    dry = json.loads(infoline("retention", "--dry-run", "--json").stdout)
    assert (dry["expired"]["appointments"], dry["expired"]["incoming_texts"]) == (2, 1)
    assert len(clinic.all(appointment)) == 2
    run = json.loads(infoline("retention", "--json").stdout)
    assert run["deleted"] == dry["expired"]
    assert clinic.all(appointment) == []
    assert "Nothing was old enough." in infoline("retention").output
    assert "Nothing was deleted." in infoline("retention", "--dry-run").output


@pytest.mark.parametrize(("name", "value"), [("KEEP_NUMBERS_DAYS", "100"), ("KEEP_QUESTIONS_DAYS", "300")])
def test_the_periods_are_settings(clinic, monkeypatch, name, value):
    with clinic.ledger.write() as connection:
        connection.execute(update(appointment).values(starts_at=NOW - timedelta(days=95)))
        connection.execute(update(todo).values(done_at=NOW))
        connection.execute(update(incoming_text).values(at=NOW - timedelta(days=95)))
    before = json.loads(infoline("retention", "--dry-run", "--json").stdout)["expired"]
    monkeypatch.setenv(name, value)
    after = json.loads(infoline("retention", "--dry-run", "--json").stdout)["expired"]
    changed = {kind for kind in before if before[kind] != after[kind]}
    assert changed == ({"appointments"} if name == "KEEP_NUMBERS_DAYS" else {"incoming_texts"})
