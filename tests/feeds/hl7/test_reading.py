"""What a message says, and how it is acknowledged."""

from __future__ import annotations

from datetime import timedelta

import hl7
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.feeds.hl7.acks import Reply, acknowledgments
from ivr.feeds.hl7.mapping import FeedMapping, MappingError, parse_mapping
from ivr.feeds.hl7.message import VERSIONS, Header, Segments
from ivr.feeds.hl7.mllp import FrameFault
from ivr.feeds.hl7.reading import FeedReader
from tests.feeds.hl7.messages import siu
from tests.support.clinic import NOW

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def reader(content):
    return FeedReader(content.config, FeedMapping())


def with_mapping(reader, text: str) -> FeedReader:
    return FeedReader(reader.config, parse_mapping(text.encode()))


def ack(received, now=NOW):
    [answer] = acknowledgments(received.message.header, received.reply, now)
    return hl7.parse(answer.decode())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_booking_of_each_version_is_a_row(reader, version):
    received = reader.read(siu(7, version=version), NOW)
    assert received.cells == {
        "appointment_id": "A7",
        "phone": "(603)555-0107",
        "starts_at": "2026-12-08T10:30:00",
        "site": "elliot",
        "language": "es",
        "first_name": "Maria",
        "status": "Booked",
        "timezone": "",
    }
    assert (received.fault, received.reply.code, received.sent_at) == ("", "AA", NOW)


@pytest.mark.parametrize(
    ("event", "status"),
    [("S12", "Booked"), ("S13", "Booked"), ("S14", "Booked"), ("S15", "cancelled"), ("S17", "cancelled")],
)
def test_the_event_decides_the_status(reader, event, status):
    assert reader.read(siu(event=event), NOW).cells["status"] == status


@pytest.mark.parametrize(
    ("event", "word", "status", "fault"),
    [
        ("S12", "", "", ""),
        ("S14", "", "", ""),
        ("S14", "Cancelled", "Cancelled", ""),
        ("S13", "NOSHOW", "NOSHOW", ""),
        # The event says that it is booked, or cancelled; a modification says neither.
        ("S12", "CONF-7", "", ""),
        ("S13", "CONF-7", "", ""),
        ("S15", "CONF-7", "cancelled", ""),
        ("S14", "CONF-7", "CONF-7", "status_unknown"),
        ("S14", "Rescheduled", "Rescheduled", "status_unknown"),
    ],
)
def test_an_unknown_status_is_rejected_as_in_a_file_unless_the_event_decides(reader, event, word, status, fault):
    received = reader.read(siu(event=event, sch={25: word}), NOW)
    assert (received.cells["status"], received.fault) == (status, fault)
    assert received.reply.place == ("SCH-25" if fault else "")


def test_the_mapping_says_what_a_status_of_the_system_means(reader):
    mapped = with_mapping(reader, "statuses: {CONF-7: booked, 9: cancelled}")
    for event in ("S12", "S14"):
        assert mapped.read(siu(event=event, sch={25: "CONF-7"}), NOW).cells["status"] == "booked"
        assert mapped.read(siu(event=event, sch={25: "9"}), NOW).cells["status"] == "cancelled"
    assert mapped.read(siu(event="S14", sch={25: "Noshow"}), NOW).cells["status"] == "Noshow"
    unread = with_mapping(reader, "status: []")
    assert unread.read(siu(event="S14", sch={25: "CONF-7"}), NOW).cells["status"] == ""


def test_a_no_show_is_missed(reader):
    received = reader.read(siu(event="S26", starts="202611300900"), NOW)
    assert (received.cells["status"], received.fault) == ("no show", "")


@pytest.mark.parametrize(
    ("message", "code", "condition", "place"),
    [
        (b"hello", "AR", "100", "MSH"),
        (b"MSH", "AR", "100", "MSH"),
        (siu(msh={9: "ADT^A08"}), "AR", "200", "MSH-9"),
        (siu(event="S23"), "AR", "201", "MSH-9"),
        (siu(version="2.8"), "AR", "203", "MSH-12"),
        (siu(msh={11: "T"}), "AR", "202", "MSH-11"),
        (siu(msh={10: ""}), "AE", "101", "MSH-10"),
        (siu(sent="yesterday"), "AE", "102", "MSH-7"),
        (siu(sent="20261301100000"), "AE", "102", "MSH-7"),
        (siu().replace(b"SCH|", b"ZCH|"), "AE", "100", "SCH"),
        (siu(phone=" "), "AE", "101", "PID-13"),
        (siu(phone="12"), "AE", "102", "PID-13"),
        (siu(starts="20261208"), "AE", "102", "SCH-11"),
        (siu(starts="192612081030"), "AE", "102", "SCH-11"),
        (siu(starts=""), "AE", "101", "SCH-11"),
        (siu(starts="202612081030", sch={1: "", 2: ""}), "AE", "101", "SCH-2"),
        (siu().replace(b"^^^elliot", b"^^^elsewhere"), "AE", "102", "AIL-3"),
        (siu(msh={18: "ASCII"}).replace(b"Maria", "María".encode()), "AE", "102", "MSH-18"),
        (siu().replace(b"Maria", "María".encode("latin-1")), "AE", "102", "MSH-18"),
        (siu(msh={18: "UNICODE UTF-16"}), "AE", "102", "MSH-18"),
        (siu(msh={3: "RA\0DIS"}), "AE", "102", "MSH-18"),
        (siu().replace(b"Maria", b"Ma\0ria"), "AE", "102", "MSH-18"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_place(reader, message, code, condition, place):
    received = reader.read(message, NOW)
    assert (received.reply.code, received.reply.condition, received.reply.place) == (code, condition, place)
    answer = ack(received)
    assert answer["MSA.1"] == code
    assert condition in str(answer.segment("ERR"))
    assert received.shares_item is (code == "AR")


@pytest.mark.parametrize(
    ("encoding", "codec"), [("", "utf-8"), ("UNICODE UTF-8", "utf-8"), ("8859/1", "latin-1"), ("8859/15", "iso8859-15")]
)
def test_a_name_is_read_in_the_encoding_that_msh_18_names(reader, encoding, codec):
    message = siu(msh={18: encoding}).replace(b"Maria", "María".encode(codec))
    assert reader.read(message, NOW).cells["first_name"] == "María"


@pytest.mark.parametrize(
    ("starts", "cell"),
    [
        ("202612081030", "2026-12-08T10:30:00"),
        ("20261208103000", "2026-12-08T10:30:00"),
        ("202612081030-0500", "2026-12-08T10:30:00-05:00"),
        ("20261208103000.0000+0000", "2026-12-08T10:30:00+00:00"),
    ],
)
def test_seconds_and_the_zone_may_be_missing(reader, starts, cell):
    received = reader.read(siu(starts=starts), NOW)
    assert (received.cells["starts_at"], received.fault) == (cell, "")


def test_escaped_delimiters_are_part_of_the_text(reader):
    message = siu().replace(b"^Maria|", rb"^Ann \T\ Mary \F\ Lee \S\ Jo|")
    assert reader.read(message, NOW).cells["first_name"] == "Ann & Mary | Lee ^ Jo"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"Ann\T\Lee", "Ann&Lee"),
        (r"Ann\S\Lee", "Ann^Lee"),
        (r"Ann\F\Lee", "Ann|Lee"),
        (r"Ann\R\Lee", "Ann~Lee"),
        (r"Ann\E\Lee", r"Ann\Lee"),
        (r"Ann\E\T\E\Lee", r"Ann\T\Lee"),
        (r"Mar\XC3AD\a", "María"),
        (r"Ann\.br\Lee", "Ann Lee"),
        (r"Ann\.sp+3\Lee", "Ann Lee"),
        (r"\H\Ann\N\ Lee", "Ann Lee"),
        (r"Ann\.sp99999999\Lee", r"Ann\.sp99999999\Lee"),
        (r"O\Brien", r"O\Brien"),
        (r"Ann\Zlocal\Lee", r"Ann\Zlocal\Lee"),
        (r"Ann\XZZ\Lee", r"Ann\XZZ\Lee"),
        (r"Ann\XC3\Lee", r"Ann\XC3\Lee"),
        (r"Ann\X4\Lee", r"Ann\X4\Lee"),
        (r"Ann\\Lee", r"Ann\\Lee"),
        (r"Ann\T\Lee\S", r"Ann\T\Lee\S"),
    ],
)
def test_an_escape_sequence_is_decoded_and_an_invalid_one_leaves_the_text_as_it_is(caplog, written, text):
    segments = Segments.parse(f"PID|1||||^{written}", Header())
    assert list(segments.values("PID", 5, 2)) == [text]
    # The text may be a patient's name.
    assert caplog.text == ""


# Delimiters and the escape sequences of delimiters, letters, and what is around them in fields.
PIECES = ["^", "~", "&", "|", "A", "é", "7", " ", '""', "\\T\\", "\\S\\", "\\F\\", "\\X41\\"]


def part_of(value, *positions: int) -> str:
    """A part of what the library has cut; it leaves a text that has only one part as it is."""
    for position in positions:
        if isinstance(value, str):
            value = "" if position else value
        else:
            value = value[position] if len(value) > position else ""
    return str(value)


@example(['"" '], 1, 1)
@example(['""^ "" ', "A"], 1, 2)
@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), min_size=1, max_size=3),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_values_are_those_of_the_library(lines, field, component):
    text = "\r".join(["MSH|^~\\&|RADIS", *(f"PID|{line}" for line in lines), ""])
    message = hl7.parse(text)
    expected = []
    for segment in message.segments("PID"):
        for repetition in segment[field] if len(segment) > field else ():
            # A null with a space around it is a null too: the library drops a space at the end of a message.
            found = message.unescape(part_of(repetition, component - 1, 0)).strip()
            expected.append("" if found == '""' else found)
    values = list(Segments.parse(text, Header()).values("PID", field, component))
    assert values == expected


def test_other_delimiters_are_those_of_the_header(reader):
    message = siu().replace(b"^~\\&", b"@~!%").replace(b"^", b"@").replace(b"|", b"*")
    assert reader.read(message, NOW).cells["appointment_id"] == "A1"


def test_a_resource_that_a_message_deletes_is_not_read(reader):
    moved = siu().replace(b"AIL|1|A|ROOM1^^^elliot", b"AIL|1|D|ROOM1^^^elliot\rAIL|2|A|ROOM2^^^concord")
    assert reader.read(siu(), NOW).cells["site"] == "elliot"
    assert reader.read(moved, NOW).cells["site"] == "concord"


def test_lines_may_end_in_line_feeds(reader):
    assert reader.read(siu().replace(b"\r", b"\r\n"), NOW).cells["phone"] == "(603)555-0101"


@pytest.mark.parametrize("codec", ["utf-8", "iso8859-1"])
def test_a_byte_order_mark_before_the_header_is_no_part_of_the_message(reader, codec):
    encoding = {"utf-8": "", "iso8859-1": "8859/1"}[codec]
    message = siu(msh={18: encoding}).decode().replace("Maria", "María").encode(codec)
    received = reader.read(BYTE_ORDER_MARK + message, NOW)
    assert (received.reply.code, received.cells) == ("AA", reader.read(message, NOW).cells)
    assert received.cells["first_name"] == "María"
    assert [name for name in received.message.segments.rows][:2] == ["MSH", "SCH"]
    assert received.message.key == reader.read(message, NOW).message.key


def test_the_resources_of_a_deleted_group_are_not_read(reader):
    deleted = siu().replace(b"RGS|1|A", b"RGS|1|D")
    assert reader.read(deleted, NOW).cells["site"] == ""
    moved = deleted + b"NTE|1||old room\rRGS|2|A\rAIL|1|A|ROOM2^^^concord\rNTE|1||new room\r"
    received = reader.read(moved, NOW)
    assert received.cells["site"] == "concord"
    rows = received.message.segments.rows
    assert {name: len(rows.get(name, ())) for name in ("RGS", "AIS", "AIL", "AIP", "NTE")} == {
        "RGS": 1, "AIS": 0, "AIL": 1, "AIP": 0, "NTE": 1,
    }  # fmt: skip
    # A segment that belongs to no group is read wherever it is.
    late = deleted.replace(b"PID|", b"ZID|") + next(line for line in siu().split(b"\r") if line.startswith(b"PID"))
    assert reader.read(late, NOW).cells["first_name"] == "Maria"


def test_a_null_value_is_empty(reader):
    assert reader.read(siu(sch={2: '""'}), NOW).cells["appointment_id"] == "P1"


def test_a_mobile_number_is_preferred_and_an_older_number_has_parts(reader):
    home_first = siu(phone="(603)555-0150^PRN^PH~(603)555-0151")
    assert reader.read(home_first, NOW).cells["phone"] == "(603)555-0151"
    in_parts = siu().replace(b"(603)555-0101^PRN^CP", b"^PRN^CP^^^603^5550152")
    assert reader.read(in_parts, NOW).cells["phone"] == "603 5550152"


def test_the_mapping_leaves_sites_and_types_out(reader):
    limited = with_mapping(reader, "sites: {MAIN: elliot}\ntypes: [MAMMO]")
    assert limited.read(siu(), NOW).cells is None
    at_main = siu().replace(b"^^^elliot", b"^^^MAIN")
    assert limited.read(at_main, NOW).cells["site"] == "elliot"
    assert limited.read(at_main.replace(b"|MAMMO^", b"|CT^"), NOW).cells is None
    assert limited.read(siu(), NOW).reply == Reply("AA")


def test_the_mapping_names_other_fields(reader):
    other = with_mapping(reader, "appointment_id: [SCH-1]\nphone: [PID-14.1]\nprocessing_ids: [P, T]")
    received = other.read(siu(msh={11: "T"}), NOW)
    assert (received.cells["appointment_id"], received.reply.place) == ("P1", "PID-14")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("phone: [", "error: This is not valid YAML"),
        ("phones: [PID-13]", "hl7.yaml:1: error: `phones` is not a key here"),
        ("phone: [PID13]", "`PID13` is no field: write it like SCH-2.1"),
        ("timezone: Mars", "`Mars` is no time zone"),
        ("statuses: {A: perhaps}", "hl7.yaml:1: error"),
    ],
)
def test_a_mistake_in_the_mapping_is_named(text, words):
    with pytest.raises(MappingError, match="hl7.yaml") as caught:
        parse_mapping(text.encode())
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("accept", "application", "reply", "codes"),
    [
        ("", "", "AA", ["AA"]),
        ("", "", "AE", ["AE"]),
        ("AL", "AL", "AA", ["CA", "AA"]),
        ("AL", "AL", "AE", ["CA", "AE"]),
        ("AL", "AL", "AR", ["CR"]),
        ("AL", "NE", "AA", ["CA"]),
        ("NE", "AL", "AA", ["AA"]),
        ("ER", "ER", "AA", []),
        ("ER", "ER", "AE", ["AE"]),
        ("SU", "SU", "AA", ["CA", "AA"]),
        ("NE", "NE", "AR", []),
    ],
)
def test_the_enhanced_mode_acknowledges_what_the_sender_asks_for(accept, application, reply, codes):
    header = Header(control_id="M1", accept_ack=accept, application_ack=application)
    condition = "0" if reply == "AA" else "102"
    answers = list(acknowledgments(header, Reply(reply, condition, "PID-13"), NOW))
    assert [hl7.parse(answer.decode())["MSA.1"] for answer in answers] == codes


@pytest.mark.parametrize(("version", "field"), [("2.3", 1), ("2.4", 1), ("2.5", 3), ("2.5.1", 3)])
def test_the_error_is_where_the_version_has_it(reader, version, field):
    answer = ack(reader.read(siu(phone="12", version=version), NOW))
    assert "102" in str(answer.segment("ERR")[field])
    assert answer["MSH.12"] == version
    assert answer["MSA.2"] == "M1-S12"


def test_an_acknowledgment_goes_back_to_the_sender_and_holds_nothing_of_the_patient(reader):
    answer = ack(reader.read(siu(phone="555-0177"), NOW))
    assert [str(answer.segment("MSH")[number]) for number in (3, 4, 5, 6)] == ["INFOLINE", "ELLIOT", "RADIS", "ELLIOT"]
    assert "0177" not in str(answer)
    assert "Garcia" not in str(answer)


@pytest.mark.parametrize(("fault", "code"), [(FrameFault.CUT_OFF, "AE"), (FrameFault.TOO_LARGE, "AR")])
def test_a_damaged_frame_is_answered_with_its_control_id(reader, fault, code):
    received = reader.read(siu()[:120], NOW, fault)
    assert (received.reply.code, received.message.header.control_id) == (code, "M1-S12")


def test_a_time_without_a_zone_is_the_lines(reader):
    received = reader.read(siu(sent="20261201100000"), NOW)
    assert received.sent_at == NOW
    assert received.sent_at.utcoffset() == timedelta(0)
