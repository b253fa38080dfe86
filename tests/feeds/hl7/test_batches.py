"""Batches and files: every message is read, and a count that differs from what came is a fault that somebody sees."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.feeds.hl7.batch import CountDifference, read_batch
from ivr.feeds.hl7.mllp import Frame, FrameFault
from ivr.feeds.unread import open_message, unread_messages
from ivr.ledger.tables import alarm, hl7_message
from tests.feeds.hl7.messages import siu
from tests.support.clinic import NOW

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FHS, BHS = b"FHS|^~\\&|RADIS|ELLIOT\r", b"BHS|^~\\&|RADIS|ELLIOT|INFOLINE||20261201100500\r"
ONE, TWO = siu(1), siu(2)


@pytest.fixture
def clinic(clinic_on_each_database, monkeypatch):
    monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: NOW)
    return clinic_on_each_database


@pytest.mark.parametrize(
    ("data", "differences"),
    [
        (ONE, []),
        (ONE + TWO, []),
        (BHS + ONE + TWO + b"BTS|2\r", []),
        (BHS + ONE + TWO + b"BTS|2|all of Tuesday\r", []),
        (BHS + ONE + TWO + b"BTS\r", []),
        (BHS + ONE + TWO + b"BTS|\r", []),
        (BHS + ONE + TWO, []),
        (BHS + b"BTS|0\r", []),
        (FHS + BHS + ONE + b"BTS|1\r" + BHS + TWO + b"BTS|1\rFTS|2\r", []),
        (FHS + ONE + TWO + b"FTS|1\r", []),
        (BHS + ONE + TWO + b"BTS|3\r", [("BTS-1", "3", 2)]),
        (BHS + ONE + TWO + b"BTS|1\r", [("BTS-1", "1", 2)]),
        (BHS + b"BTS|1\r", [("BTS-1", "1", 0)]),
        (BHS + ONE + b"BTS|two\r", [("BTS-1", "two", 1)]),
        (BHS.replace(b"|", b"*") + ONE + b"BTS*2\r", [("BTS-1", "2", 1)]),
        (FHS + BHS + ONE + b"BTS|2\r" + BHS + TWO + b"BTS|1\rFTS|3\r", [("BTS-1", "2", 1), ("FTS-1", "3", 2)]),
        (FHS + BHS + ONE + b"BTS|1\rFTS|2\r", [("FTS-1", "2", 1)]),
    ],
)
def test_the_counts_of_a_batch_are_compared_with_what_came(data, differences):
    assert list(read_batch(data).differences) == [CountDifference(*each) for each in differences]


@pytest.mark.parametrize("before", [b"", FHS + BHS], ids=["messages", "batch"])
def test_each_message_of_a_file_may_begin_with_a_byte_order_mark(before):
    marked = before and BYTE_ORDER_MARK + before
    batch = read_batch(marked + b"".join(BYTE_ORDER_MARK + message for message in (ONE, TWO)))
    assert batch.messages == [ONE.strip(), TWO.strip()]
    assert bool(batch.head) is bool(before)


def test_a_batch_is_split_into_its_messages():
    batch = read_batch(FHS + BHS + ONE + TWO + b"BTS|2\rFTS|1\r")
    assert batch.messages == [ONE.strip(), TWO.strip()]
    assert (batch.header.application, batch.header.facility) == ("RADIS", "ELLIOT")


def test_a_batch_that_lacks_a_message_is_an_item_and_what_came_is_applied(clinic, feed):
    replies = feed.replay(BHS + ONE + TWO + b"BTS|3\r")
    assert [(reply.code, reply.place) for _, reply in replies] == [("AA", ""), ("AA", ""), ("AE", "BTS-1")]
    assert replies[-1][1].text == "The batch says that it holds 3, but 2 came: send what is missing."
    assert {clinic.appointment(name).status for name in ("A1", "A2")} == {"booked"}
    assert [row.name for row in clinic.all(alarm)] == ["hl7_unread"]
    with clinic.ledger.read() as connection:
        [item] = unread_messages(connection)
        skeleton = open_message(connection, clinic.vault, item.id)
    assert (item.sender, item.fault, item.place) == ("RADIS", "batch_count", "BTS-1")
    assert [line[:3] for line in skeleton.split(b"\r")] == [b"BHS", b"MSH", b"MSH", b"BTS"]
    assert b"Garcia" not in skeleton


def test_a_batch_that_comes_again_as_a_whole_adds_what_was_missing(clinic, feed):
    feed.replay(BHS + ONE + b"BTS|2\r")
    assert [reply.code for _, reply in feed.replay(BHS + ONE + TWO + b"BTS|2\r")] == ["AA", "AA"]
    assert [row.state for row in clinic.all(hl7_message)] == ["applied", "unread", "applied"]


def test_an_empty_batch_is_answered_and_is_no_fault(clinic, feed):
    read = feed.read(Frame(BHS + b"BTS|0\r"), NOW)
    assert (read.messages, list(read.faults), read.envelope.application) == ([], [], "RADIS")


def test_a_batch_that_is_cut_off_loses_only_its_last_message(clinic, feed):
    read = feed.read(Frame(BHS + ONE + TWO[:150], FrameFault.CUT_OFF), NOW)
    assert [reply.code for reply in feed.store(read.messages)] == ["AA", "AE"]
    feed.apply()
    assert clinic.appointment("A1").status == "booked"
    [item] = clinic.all(hl7_message, hl7_message.c.state == "unread")
    assert item.fault == "cut_off"


def test_the_command_counts_the_messages_and_names_the_batch(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    (tmp_path / "a.hl7").write_bytes(BHS + siu(1, msh={9: "ADT^A08"}) + b"BTS|2\r" + BHS + siu(2, msh={11: "T"}))
    result = CliRunner().invoke(main, ["hl7", "replay", str(tmp_path / "a.hl7")])
    assert result.exit_code == 1
    assert re.findall(r"^(batch|message \d): (A[ER]) (\S+):", result.stdout, re.MULTILINE) == [
        ("message 1", "AR", "MSH-9"),
        ("message 2", "AR", "MSH-11"),
        ("batch", "AE", "BTS-1"),
    ]
    assert result.stdout.endswith("2 messages: 0 accepted, 1 to look at, 2 refused.\n")
