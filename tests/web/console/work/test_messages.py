"""HL7 messages that cannot be read, on the work list."""

from __future__ import annotations

import html
import re

import pytest
from sqlalchemy import select

from ivr.feeds.fhir.rejected import RejectedAppointment, RejectedList
from ivr.feeds.hl7.process import Feed
from ivr.feeds.hl7.shape import MAX_SHAPE, shape_of
from ivr.ledger.tables import alarm, hl7_message
from ivr.people.audit import entries_since
from ivr.reminders.imports.errors import row_error
from ivr.settings import load
from tests.feeds.hl7.messages import siu
from tests.support.clinic import NOW

PERSONAL = ("Garcia", "Maria", "19700101", "5550103", "1 Main")
ITEM = "/work/messages/1"


@pytest.fixture
def clinic(clinic_for_commands, console):
    """A feed that sent a good message, and one with a number that is not one."""
    clinic = clinic_for_commands
    feed = Feed(load(), clinic.ledger, clinic.vault, clinic.content)
    feed.replay(siu(2, phone="603-555-01") + siu(3))
    return clinic


@pytest.fixture
def ann(clinic, console):
    return console.browser("scheduler", "Ann")


def audited(clinic):
    with clinic.ledger.read() as connection:
        return [(entry.kind, entry.details) for entry in entries_since(connection, NOW)]


def alarms(clinic):
    return [row.name for row in clinic.all(alarm)]


def message(clinic):
    with clinic.ledger.read() as connection:
        return connection.execute(select(hl7_message).where(hl7_message.c.id == 1)).one()


def test_the_list_and_the_page_show_the_place_and_the_sentence_and_nothing_of_the_patient(ann):
    for path in ("/work/messages", ITEM):
        page = html.unescape(ann.page(path))
        assert "This is not a phone number: enter ten digits" in page
        assert "PID-13" in page
        assert "A2" in page
        assert not any(word in page for word in PERSONAL)
    assert re.search(r'href="/work/messages"[^>]*>[^<]*<span class="tab-count">1', ann.page("/work"))


def test_a_message_is_taken_noted_done_and_undone_and_the_alarm_follows(ann, clinic, console):
    bob = console.browser("scheduler", "Bob")
    assert alarms(clinic) == ["hl7_unread"]
    assert ann.post(f"{ITEM}/claim").status_code == 303
    assert bob.post(f"{ITEM}/claim").status_code == 409
    assert bob.post(f"{ITEM}/done").status_code == 409
    assert ann.post(ITEM, {"note": "Sent again by IT", "based_on": ""}).status_code == 303
    assert "Sent again by IT" in bob.page(ITEM)
    assert clinic.vault.open(message(clinic).note_sealed) == "Sent again by IT"
    assert ann.post(f"{ITEM}/done").location == "/work/messages"
    assert (message(clinic).done_by, alarms(clinic)) == ("Ann", [])
    assert "No messages to look at" in ann.page("/work/messages")
    assert "message 1" in ann.page("/work/done")
    assert ann.post(f"{ITEM}/reopen").status_code == 303
    assert (message(clinic).done_at, alarms(clinic)) == (None, ["hl7_unread"])
    kinds = ("work_claimed", "work_noted", "work_done", "work_reopened")
    of_work = [entry for entry in audited(clinic) if entry[0] in kinds]
    assert of_work == [(kind, {"callback": None, "todo": None, "message": 1}) for kind in kinds]


def test_the_message_is_shown_masked_and_that_is_audited(ann, clinic):
    page = html.unescape(ann.post(f"{ITEM}/text").get_data(as_text=True))
    assert "PID|#||#^^^xxx||xxxxxx^xxxxx||########|x" in page
    assert "|###-###-##^xxx^xx||xx" in page
    assert "SIU^S12^SIU_S12" in page
    assert not any(word in page for word in PERSONAL)
    part = ann.post(f"{ITEM}/text", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "<html" not in part
    assert "PID|#" in part
    assert audited(clinic)[-2:] == [("hl7_message_read", {"message": 1})] * 2


def test_operators_look_and_change_nothing(clinic, console):
    nurse = console.browser("operator")
    assert "Take this" not in nurse.page(ITEM)
    for path in (ITEM, f"{ITEM}/claim", f"{ITEM}/done"):
        assert nurse.post(path).status_code == 403


def test_messages_that_were_read_are_no_items(ann):
    for path in ("/work/messages/2", "/work/messages/999", f"/work/messages/{10**30}"):
        assert ann.get(path).status_code == 404
        assert ann.post(f"{path}/text").status_code == 404
        assert ann.post(f"{path}/claim").status_code == 404


def test_the_pages_are_spanish_for_those_who_chose_it(ann):
    ann.post("/account/language", {"language": "es"})
    page = html.unescape(ann.page(ITEM))
    assert "Mensaje que no se puede leer" in page
    assert "Esto no es un número de teléfono" in page


@pytest.mark.parametrize(
    ("raw", "shape"),
    [
        (b"MSH|^~\\&|DOE^JANE PID|1||123", "MSH|^~\\&|xxx^xxxx xxx|#||###"),
        (b"DOE^JANE 603-555-0101", "xxx^xxxx ###-###-####"),
        ("PID|1|Núñez".encode("latin-1"), "PID|#|xxxxx"),
        ("PID|1|مريم٣".encode(), "PID|#|xxxx#"),
        (b'{"phone": "603-555-01", "first_name": "Ann"}', "phone: ###-###-##\nfirst_name: xxx"),
        (b"PID|\x1b[31mred\x00", "PID|x[##xxxxx"),
        (b"", ""),
    ],
)
def test_a_shape_has_no_letter_or_digit_of_a_message(raw, shape):
    assert shape_of(raw) == shape


def test_the_shape_of_a_huge_message_is_cut():
    assert len(shape_of(b"PID|" + b"x" * 1_000_000)) == MAX_SHAPE


def test_messages_that_share_an_item_are_counted_on_the_list_and_on_its_page(ann, clinic):
    feed = Feed(load(), clinic.ledger, clinic.vault, clinic.content)
    feed.replay(b"".join(siu(number, msh={9: "ADT^A08"}) for number in range(1, 13)))
    assert "12 times" in ann.page("/work/messages")
    page = html.unescape(ann.page("/work/messages/3"))
    assert "Only SIU messages are read" in page
    assert "12 times; the message below is the first one." in page


def test_an_appointment_that_a_fhir_pull_rejected_is_on_the_list_and_its_alarm_ends_with_it(ann, clinic):
    cells = {"appointment_id": "A9", "phone": "603-555-01", "first_name": "Garcia"}
    rejected = RejectedAppointment("a-9", cells, [row_error(1, "phone", "phone_invalid")])
    with clinic.ledger.write() as connection:
        RejectedList(clinic.vault, "https://fhir.example.org/r4").settle(connection, [rejected], (), NOW)
    assert alarms(clinic) == ["fhir_rejected", "hl7_unread"]
    page = html.unescape(ann.page("/work/messages/3"))
    for words in ("This is not a phone number", "Patient.telecom", "fhir.example.org/r4", "A9"):
        assert words in page
    shape = ann.post("/work/messages/3/text").get_data(as_text=True)
    assert "phone: ###-###-##" in shape
    assert "Garcia" not in shape
    assert ann.post("/work/messages/3/done").status_code == 303
    assert alarms(clinic) == ["hl7_unread"]
