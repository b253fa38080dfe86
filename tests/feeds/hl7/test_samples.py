"""SIU messages with the shapes of public samples, rebuilt with invented people: each is read as its sender means it."""

from __future__ import annotations

import pytest

from ivr.feeds.hl7.mapping import parse_mapping
from ivr.feeds.hl7.reading import FeedReader
from tests.support.clinic import NOW

# A field is written where the sample has it; what the line does not read is left as it is in the samples.
SURGERY = (
    r"MSH|^~\&|EPIC|NC||NC|20261201090000||SIU^S12|M100|P|2.5",
    "SCH||A100|||||||45|S|^^^202612081030",
    "ZCS||Y|ORSCH_S14||||49000^PROCEDURE^CPT",
    "PID|1||100^^^MRN^MRN||GARCIA^ANN||19700101|F|GARCIA^ANN^^|||||||||100",
    "PV1||IP|NC-PERIOP^^^NC|||||||GEN",
    "RGS|",
    "OBX|1|DTM|arrive|In|202612080930|||||||||202612080930",
    "AIS|1||77067^MAMMO|202612081030|0|S|2700|S||||2",
    "NTE|1||Screening|Procedure Description|||",
    "AIL|1||^ROOM 1^^elliot",
)
CLINIC = (
    r"MSH|^~\&|SCHEDULING|HOSPITAL|EMR|HOSPITAL|20261201090000||SIU^S12|M101|P|2.4",
    "SCH|A101|A101|||SCHED001|NEW|CHECKUP^Annual|ROUTINE||30|MIN|||||||||||||BOOKED",
    "PID|1||101^^^HOSPITAL^MR||GARCIA^ANN^B||19700101|F|||||(603)555-0101",
    "AIS|1||CHECKUP^Annual|20261208103000|||30|MIN||BOOKED",
    "AIP|1||1234567890^LEE^JO^^^DR|ATTENDING||20261208103000||30|MIN",
    "AIL|1||CLINIC^101^A^elliot|EXAM|||20261208103000||30|MIN",
)
NORDIC = (
    r"MSH|^~\&|FLOW|UH|CIS|UH|20261201090000||SIU^S14|M102|P|2.4|||AL|NE||UNICODE UTF-8",
    "SCH|A102^FLOW|||||ELECTIVE^^HL70276|MAMMO^Screening^^^FLOW|20|MIN|^^20^20261208103000^20261208105000"
    "||||||33003^Lee^Jo^^^Dr.|^^PH^+16035550150|UH^KIR^OP01",
    "PID|||102^^^CPR^NNDN||Nørgaard^Åse^Gerda^^||19700101|F|||1 Main St^^Concord||"
    "(603)555-0150^PRN^PH~(603)555-0102^PRN^CP",
    "AIS|1||MAMMO^Screening^LOCAL|20261208103000||20|MIN",
    "AIL|1||UH^KIR^OP01^elliot",
    "AIP|1||33003^Lee^Jo^^^Dr.",
)
IMAGING = (
    r"MSH|^~\&|RIS|HOSP|LINE|HOSP|20261201090000-0500||SIU^S15^SIU_S12|M103|P|2.3",
    "SCH|A103||A103||EXAM^Examination|202612081030|20|MIN||202612081030|^^^202612081030^^|",
    "PID|1||103^^^HOSPITAL^MR||GARCIA^ANN||19700101|F|||||^^^^^603^5550103",
    "RGS|1|A",
    "AIS|1|A|EXAM^Examination|202612081030|0|MIN",
    "AIL|1|A|^^^elliot",
)
SAMPLES = [
    ("a surgery, with the place in a fourth component", SURGERY, "A100", "", "2026-12-08T10:30:00", "", "PID-13"),
    (
        "a clinic without SCH-11, whose status is a field early",
        CLINIC,
        "A101",
        "(603)555-0101",
        "2026-12-08T10:30:00",
        "",
        "",
    ),
    ("a change in UTF-8 with a mobile number", NORDIC, "A102", "(603)555-0102", "2026-12-08T10:30:00", "", ""),
    ("a cancellation of version 2.3", IMAGING, "A103", "603 5550103", "2026-12-08T10:30:00", "cancelled", ""),
]


@pytest.fixture
def reader(content) -> FeedReader:
    return FeedReader(content.config, parse_mapping(b""), frozenset())


@pytest.mark.parametrize(
    ("label", "lines", "id_", "phone", "starts", "status", "place"), SAMPLES, ids=[case[0] for case in SAMPLES]
)
def test_a_public_sample_is_read(reader, label, lines, id_, phone, starts, status, place):
    received = reader.read("\r".join(lines).encode() + b"\r", NOW)
    cells = received.cells
    assert (cells["appointment_id"], cells["phone"], cells["starts_at"]) == (id_, phone, starts)
    assert (cells["site"], cells["status"]) == ("elliot", status)
    # Without a number, staff get the message; nothing is guessed.
    assert (received.reply.code, received.reply.place) == (("AE", place) if place else ("AA", ""))
