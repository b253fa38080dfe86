"""Messages in the database: stored once, applied once, in the sender's order, and what staff must look at."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
import structlog

from ivr.feeds.hl7.process import Feed
from ivr.feeds.unread import complete, open_message, unread_messages
from ivr.ledger.tables import alarm, batch, hl7_message
from tests.feeds.hl7.messages import siu
from tests.support.clinic import NOW, at, row


@pytest.fixture
def clinic(clinic_on_each_database, monkeypatch):
    monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: NOW)
    return clinic_on_each_database


def sent(minutes: int) -> str:
    return f"{NOW + timedelta(minutes=minutes):%Y%m%d%H%M%S}+0000"


def codes(feed, *messages: bytes) -> list[str]:
    return [reply.code for _, reply in feed.replay(b"".join(messages))]


def states(clinic) -> list[str]:
    return [message.state for message in clinic.all(hl7_message)]


def test_a_booking_becomes_an_appointment(clinic, feed):
    assert codes(feed, siu(1)) == ["AA"]
    found = clinic.appointment("A1")
    assert (found.status, found.site, found.language) == ("booked", "elliot", "es")
    assert found.starts_at.isoformat() == "2026-12-08T15:30:00+00:00"
    assert found.next_due_at is not None
    assert clinic.batch(found.batch_id).filename == "HL7 RADIS"
    assert states(clinic) == ["applied"]


def test_a_message_keeps_nothing_of_the_patient_once_it_is_applied(clinic, feed):
    codes(feed, siu(1))
    [message] = clinic.all(hl7_message)
    assert (message.row_sealed, message.message_sealed) == (None, None)


def test_a_repeated_message_is_acknowledged_and_not_applied_twice(clinic, feed):
    assert codes(feed, siu(1), siu(1)) == ["AA", "AA"]
    clinic.import_rows(row(1, at(20)), now=NOW + timedelta(minutes=1))
    assert codes(feed, siu(1)) == ["AA"]
    assert clinic.appointment("A1").starts_at == NOW + timedelta(days=20)
    assert states(clinic) == ["applied"]


def test_a_message_that_is_sent_again_with_a_new_time_does_not_undo_a_newer_file(clinic, feed, monkeypatch):
    assert codes(feed, siu(1)) == ["AA"]
    clinic.import_rows(row(1, at(20)), now=NOW + timedelta(minutes=1))
    for minutes in (2, 60, 23 * 60):
        monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: NOW + timedelta(minutes=minutes))  # noqa: B023
        assert codes(feed, siu(1, sent=sent(minutes))) == ["AA"]
        assert clinic.appointment("A1").starts_at == NOW + timedelta(days=20)
    assert states(clinic) == ["applied"]


def test_a_control_id_that_is_used_again_is_another_message(clinic, feed, monkeypatch):
    """With another content at once, and with the same one after a day, as when the numbers of a sender are used up."""
    assert codes(feed, siu(1, control="7"), siu(2, control="7"), siu(1, "S15", control="7")) == ["AA"] * 3
    assert (clinic.appointment("A1").status, clinic.appointment("A2").status) == ("cancelled", "booked")
    clinic.import_rows(row(2, at(20)), now=NOW + timedelta(minutes=1))
    monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: NOW + timedelta(days=1))
    assert codes(feed, siu(2, control="7"), siu(2, control="7", sent=sent(24 * 60))) == ["AA", "AA"]
    assert clinic.appointment("A2").starts_at.isoformat() == "2026-12-08T15:30:00+00:00"
    # From now on, this one is repeated.
    assert codes(feed, siu(2, control="7", sent=sent(24 * 60 + 1)), siu(2, control="7")) == ["AA", "AA"]
    # Of those of one moment about A1, the last one counts.
    assert sorted(states(clinic)) == ["applied", "applied", "applied", "stale"]


@pytest.mark.parametrize("is_one_group", [True, False])
def test_an_appointment_that_is_booked_again_after_its_cancellation_is_booked(clinic, feed, is_one_group):
    messages = [siu(1, control="A1"), siu(1, "S15", sent=sent(-5)), siu(1, control="A1", sent=sent(0))]
    messages[0] = siu(1, control="A1", sent=sent(-9))
    for group in [b"".join(messages)] if is_one_group else messages:
        assert set(codes(feed, group)) == {"AA"}
    assert clinic.appointment("A1").status == "booked"
    assert len(states(clinic)) == 3
    # Both are repetitions now: the second is what its content says last, and the first is older than the cancellation.
    assert codes(feed, messages[2], siu(1, control="A1", sent=sent(1))) == ["AA", "AA"]
    assert len(states(clinic)) == 3


def test_an_older_message_that_is_sent_again_with_a_new_time_stays_out(clinic, feed):
    newer, older = siu(1, "S13", sent=sent(-1), starts="202612091000"), siu(1, sent=sent(-5))
    assert codes(feed, newer, older, siu(1, sent=sent(0))) == ["AA"] * 3
    assert clinic.appointment("A1").starts_at.isoformat() == "2026-12-09T15:00:00+00:00"
    assert sorted(states(clinic)) == ["applied", "stale"]


def test_what_cannot_be_read_is_one_item_however_it_is_stamped(clinic, feed):
    assert codes(feed, siu(1, phone="12"), siu(1, phone="12", sent=sent(1))) == ["AE", "AE"]
    assert states(clinic) == ["unread"]


def test_warnings_about_applied_messages_are_logged_by_code_and_ids_alone(clinic, feed):
    with structlog.testing.capture_logs() as events:
        assert codes(feed, siu(1), siu(2).replace(b"||es", b"||tlh"), siu(3).replace(b"||es", b"||tlh")) == ["AA"] * 3
    ids = [message.id for message in clinic.all(hl7_message)][1:]
    found = [event for event in events if event["event"] == "hl7_applied_with_warning"]
    assert found == [
        {"event": "hl7_applied_with_warning", "log_level": "warning", "code": "language_not_spoken", "messages": ids}
    ]


@pytest.mark.parametrize("event", ["S15", "S17"])
def test_a_cancellation_cancels(clinic, feed, event):
    assert codes(feed, siu(1), siu(1, event, sent=sent(1))) == ["AA", "AA"]
    assert codes(feed, siu(2)) == ["AA"]
    assert codes(feed, siu(2, event, sent=sent(1), starts="", phone=" ")) == ["AA"]
    assert clinic.appointment("A2").status == "cancelled"


def test_an_older_message_does_not_undo_a_newer_one(clinic, feed):
    newer, older = siu(1, "S13", sent=sent(5), starts="202612091000"), siu(1, sent=sent(0))
    assert codes(feed, newer) == ["AA"]
    assert codes(feed, older) == ["AA"]
    assert clinic.appointment("A1").starts_at.isoformat() == "2026-12-09T15:00:00+00:00"
    assert states(clinic) == ["applied", "stale"]


def test_messages_of_one_moment_are_applied_in_the_order_of_the_sender(clinic, feed):
    moved, booked = siu(1, "S13", sent=sent(5), starts="202612091000"), siu(1, sent=sent(0))
    assert codes(feed, moved, booked, siu(2)) == ["AA", "AA", "AA"]
    assert clinic.appointment("A1").starts_at.isoformat() == "2026-12-09T15:00:00+00:00"
    last = siu(3, control="b", starts="202612101000")
    assert codes(feed, siu(3, control="a"), last) == ["AA", "AA"]
    assert clinic.appointment("A3").starts_at.isoformat() == "2026-12-10T15:00:00+00:00"


def test_the_newest_of_a_feed_and_a_file_wins_and_the_batch_says_which(clinic, feed, monkeypatch):
    codes(feed, siu(1))
    clinic.import_rows(row(1, at(20)), now=NOW + timedelta(minutes=1))
    assert clinic.batch(clinic.appointment("A1").batch_id).filename == "appointments.csv"
    monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: NOW + timedelta(minutes=3))
    codes(feed, siu(1, "S13", sent=sent(2), starts="202612091000"))
    assert clinic.appointment("A1").starts_at.isoformat() == "2026-12-09T15:00:00+00:00"
    assert clinic.batch(clinic.appointment("A1").batch_id).filename == "HL7 RADIS"


def test_a_message_that_was_sent_before_a_file_came_is_stale(clinic, feed, monkeypatch):
    clinic.import_rows(row(1, at(20)), now=NOW + timedelta(minutes=1))
    monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: NOW + timedelta(minutes=2))
    assert codes(feed, siu(1, sent=sent(0)), siu(2, sent=sent(0))) == ["AA", "AA"]
    assert clinic.appointment("A1").starts_at == NOW + timedelta(days=20)
    assert states(clinic) == ["stale", "applied"]


def test_a_sender_whose_clock_was_ahead_is_heard_once_it_is_set_right(clinic, feed, monkeypatch):
    codes(feed, siu(1, sent="20991231235900+0000"))
    monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: NOW + timedelta(minutes=2))
    codes(feed, siu(1, "S13", sent=sent(1), starts="202612091000"))
    assert clinic.appointment("A1").starts_at.isoformat() == "2026-12-09T15:00:00+00:00"


def test_a_feed_has_one_batch_a_day(clinic, feed):
    for number in range(1, 4):
        codes(feed, siu(number))
    codes(feed, siu(2, "S13", sent=sent(1), starts="202612091000"))
    assert [found.filename for found in clinic.all(batch)] == ["HL7 RADIS"]
    assert len({clinic.appointment(f"A{number}").batch_id for number in range(1, 4)}) == 1


def test_a_cancelled_batch_takes_nothing_in(clinic, feed):
    codes(feed, siu(1))
    with clinic.ledger.write() as connection:
        connection.execute(batch.update().values(cancelled_at=NOW))
    codes(feed, siu(2))
    assert clinic.batch(clinic.appointment("A2").batch_id).cancelled_at is None


def test_what_cannot_be_read_becomes_an_item_and_the_feed_goes_on(clinic, feed):
    broken = siu(1, phone="12")
    assert codes(feed, broken, siu(2), broken) == ["AE", "AA", "AE"]
    assert clinic.appointment("A2").status == "booked"
    with clinic.ledger.read() as connection:
        [item] = unread_messages(connection)
        assert open_message(connection, clinic.vault, item.id) == broken.strip()
    assert (item.sender, item.event, item.appointment_id, item.place) == ("RADIS", "S12", "A1", "PID-13")
    [stored] = clinic.all(hl7_message, hl7_message.c.id == item.id)
    assert b"Garcia" not in stored.message_sealed
    assert [row.name for row in clinic.all(alarm)] == ["hl7_unread"]
    with clinic.ledger.write() as connection:
        assert complete(connection, [item.id], "ann", NOW) == 1
        assert complete(connection, [item.id], "ann", NOW) == 0
        assert unread_messages(connection) == []
    assert clinic.all(alarm) == []


def test_a_group_takes_a_bad_message_a_repeated_one_and_two_of_one_appointment(clinic, feed):
    later = siu(1, "S13", control="later", sent=sent(5), starts="202612091000")
    group = [later, siu(2, phone="12"), siu(1, control="first", sent=sent(0)), siu(3), siu(3)]
    read = [feed._reader.read(message, NOW) for message in group]
    assert [reply.code for reply in feed.store(read)] == ["AA", "AE", "AA", "AA", "AA"]
    assert sorted(states(clinic)) == ["stale", "unread", "waiting", "waiting"]
    assert feed.apply() == 2
    assert clinic.appointment("A1").starts_at.isoformat() == "2026-12-09T15:00:00+00:00"
    assert sorted(states(clinic)) == ["applied", "applied", "stale", "unread"]


def test_the_messages_of_two_senders_are_applied_together_in_a_batch_each(clinic, feed):
    read = [feed._reader.read(message, NOW) for message in (siu(1), siu(2, msh={3: "OTHER"}), siu(3))]
    feed.store(read)
    assert feed.apply() == 3
    assert sorted(found.filename for found in clinic.all(batch)) == ["HL7 OTHER", "HL7 RADIS"]


def test_a_message_that_was_cut_off_is_applied_when_it_comes_as_a_whole(clinic, feed):
    whole = siu(1)
    assert codes(feed, whole[:100]) == ["AE"]
    assert codes(feed, whole) == ["AA"]
    assert clinic.appointment("A1").status == "booked"


def test_a_message_whose_time_passes_before_it_is_applied_becomes_an_item(clinic, feed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Feed, "apply", lambda _feed: 0)
        assert codes(feed, siu(1), siu(2, starts="202612151030")) == ["AA", "AA"]
    monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: NOW + timedelta(days=8))
    assert feed.apply() == 2
    assert states(clinic) == ["unread", "applied"]
    with clinic.ledger.read() as connection:
        [item] = unread_messages(connection)
        cells = json.loads(open_message(connection, clinic.vault, item.id))
    assert (item.fault, cells["appointment_id"]) == ("date_past", "A1")


def test_an_import_that_died_before_it_was_recorded_is_applied_again_without_harm(clinic, feed, monkeypatch):
    def die(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ivr.feeds.hl7.apply._record", die)
        with pytest.raises(KeyboardInterrupt):
            codes(feed, siu(1))
    assert states(clinic) == ["waiting"]
    assert feed.apply() == 1
    assert states(clinic) == ["applied"]
    assert len(clinic.all(batch)) == 1


def test_the_batch_of_an_import_that_died_joins_that_of_the_day_with_the_next_one(clinic, feed, monkeypatch):
    def die(*_arguments):
        raise KeyboardInterrupt

    codes(feed, siu(1))
    with monkeypatch.context() as patch:
        patch.setattr("ivr.feeds.hl7.apply.merge_into_day", die)
        with pytest.raises(KeyboardInterrupt):
            codes(feed, siu(2))
    assert len(clinic.all(batch)) == 2
    codes(feed, siu(3))
    [of_day] = clinic.all(batch)
    assert {clinic.appointment(f"A{number}").batch_id for number in (1, 2, 3)} == {of_day.id}


def test_a_message_of_a_site_without_reminders_is_only_acknowledged(clinic, feed):
    feed._use(
        type(clinic.content)(
            "0" * 12,
            clinic.content.config,
            clinic.content.prompts,
            {**clinic.content.files, "hl7.yaml": b"types: [CT]"},
        )
    )
    assert codes(feed, siu(1)) == ["AA"]
    assert states(clinic) == ["ignored"]


def test_a_release_whose_mapping_is_broken_changes_nothing_of_a_running_feed(clinic, feed, monkeypatch):
    def with_mapping(text: bytes, digest: str):
        former = clinic.content
        return type(former)(digest, former.config, former.prompts, {**former.files, "hl7.yaml": text})

    def follow(text: bytes, digest: str) -> None:
        monkeypatch.setattr("ivr.releases.live.live_release", lambda _: SimpleNamespace(digest=digest))
        monkeypatch.setattr("ivr.releases.live.live_content", lambda *_: with_mapping(text, digest))
        with structlog.testing.capture_logs() as events:
            feed._follow_release()
        assert [event["event"] for event in events] == (["hl7_mapping_refused"] if b"[" not in text else [])

    follow(b"phone: none", "1" * 12)
    assert codes(feed, siu(1)) == ["AA"]
    assert states(clinic) == ["applied"]
    follow(b"types: [CT]", "2" * 12)
    codes(feed, siu(2))
    assert states(clinic) == ["applied", "ignored"]
