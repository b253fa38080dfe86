"""Messages that are refused with AR: one work item for each sender and fault, with a count."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr.feeds.hl7.mllp import Frame, FrameFault
from ivr.feeds.unread import complete, open_message, unread_messages
from ivr.ledger.tables import alarm, hl7_message
from tests.feeds.hl7.messages import siu
from tests.support.clinic import NOW

ADT = {9: "ADT^A08"}


class Now:
    at = NOW


@pytest.fixture
def clinic(clinic_on_each_database, monkeypatch):
    monkeypatch.setattr(Now, "at", NOW)
    monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: Now.at)
    return clinic_on_each_database


def codes(feed, *messages: bytes) -> list[str]:
    return [reply.code for _, reply in feed.replay(b"".join(messages))]


def items(clinic) -> list[tuple[str, str, int]]:
    with clinic.ledger.read() as connection:
        return [(item.sender, item.fault, item.times) for item in unread_messages(connection)]


def alarms(clinic) -> list[str]:
    return [row.name for row in clinic.all(alarm)]


def test_a_thousand_messages_of_a_wrong_kind_are_one_item_that_counts_them(clinic, feed):
    wrong = b"".join(siu(number, msh=ADT) for number in range(1, 500))
    for _ in range(2):
        assert set(codes(feed, wrong, siu(500, msh=ADT))) == {"AR"}
    assert codes(feed, siu(1)) == ["AA"]
    assert items(clinic) == [("RADIS", "message_type", 1000)]
    assert alarms(clinic) == ["hl7_unread"]
    assert clinic.appointment("A1").status == "booked"


def test_each_fault_and_each_sender_has_an_item_with_the_first_message(clinic, feed):
    refused = (
        siu(1, msh=ADT),
        siu(2, msh={**ADT, 3: "OTHER"}),
        siu(3, event="S23"),
        siu(4, version="2.8"),
        siu(5, msh={11: "T"}),
        siu(6, msh=ADT),
    )
    assert codes(feed, *refused) == ["AR"] * 6
    nonsense = feed.read(Frame(b"hello"), NOW).messages
    too_large = feed.read(Frame(siu(7)[:200], FrameFault.TOO_LARGE), NOW).messages
    assert [reply.code for reply in feed.store([*nonsense, *too_large])] == ["AR", "AR"]
    expected = {
        ("RADIS", "message_type", 2),
        ("OTHER", "message_type", 1),
        *(("RADIS", fault, 1) for fault in ("event", "version", "processing_id", "too_large")),
        ("", "not_hl7", 1),
    }
    assert set(items(clinic)) == expected
    with clinic.ledger.read() as connection:
        first = unread_messages(connection)[0]
        assert open_message(connection, clinic.vault, first.id) == refused[0].strip()


def test_an_item_that_is_done_stays_done_for_a_day_and_then_opens_again(clinic, feed):
    codes(feed, siu(1, msh=ADT))
    [item] = clinic.all(hl7_message)
    with clinic.ledger.write() as connection:
        assert complete(connection, [item.id], "ann", NOW) == 1
    Now.at = NOW + timedelta(hours=23)
    codes(feed, siu(2, msh=ADT))
    assert (items(clinic), alarms(clinic)) == ([], [])
    Now.at = NOW + timedelta(hours=25)
    codes(feed, siu(3, msh=ADT))
    assert (items(clinic), alarms(clinic)) == ([("RADIS", "message_type", 3)], ["hl7_unread"])
    [item] = clinic.all(hl7_message)
    assert (item.received_at, item.done_by) == (Now.at, None)
