"""SIU messages, with the shapes of the samples that vendors publish."""

from __future__ import annotations

from ivr.feeds.hl7.mllp import END, START
from tests.support.clinic import NOW


def siu(
    number: int = 1,
    event: str = "S12",
    *,
    control: str = "",
    sent: str = f"{NOW:%Y%m%d%H%M%S}+0000",
    starts: str = "202612081030",
    phone: str = "",
    msh: dict[int, str] | None = None,
    sch: dict[int, str] | None = None,
    version: str = "2.5.1",
) -> bytes:
    """A message about appointment A{number}. msh, sch: other values of fields, by number."""
    header = ["MSH", "^~\\&", "RADIS", "ELLIOT", "INFOLINE", "ELLIOT", sent, "", f"SIU^{event}^SIU_S12"]
    header += [control or f"M{number}-{event}", "P", version, "", "", "", "", "", ""]
    for field, value in (msh or {}).items():
        header[field - 1] = value
    schedule = ["SCH", f"P{number}", f"A{number}", "", "", "", "", "", "MAMMO^Screening", "20", "min"]
    schedule += [f"^^20^{starts}^202612081050", *([""] * 13), "Booked"]
    for field, value in (sch or {}).items():
        schedule[field] = value
    lines = (
        "|".join(header),
        "|".join(schedule),
        f"PID|1||{number}^^^MRN||Garcia^Maria||19700101|F|||1 Main St^^Manchester^NH||"
        f"{phone or f'(603)555-01{number % 100:02}'}^PRN^CP||es",
        "RGS|1|A",
        "AIS|1|A|77067^Screening mammogram",
        "AIL|1|A|ROOM1^^^elliot",
        "AIP|1|A|1234^Lee^Ann",
    )
    return "\r".join(lines).encode() + b"\r"


def on_the_wire(*messages: bytes) -> bytes:
    return b"".join(START + message + END for message in messages)
