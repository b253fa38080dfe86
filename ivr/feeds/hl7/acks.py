"""Acknowledgments, in the original and the enhanced mode (HL7 v2.5.1, 2.9)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ivr.feeds.hl7.message import Header, MessageFault
from ivr.i18n import N_

# Table 0357.
_CONDITIONS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "207": "Application internal error",
}


@dataclass(frozen=True)
class Reply:
    """How a message was received. code: AA, AE or AR. place: segment and field at fault, like PID-13. text: says what
    to do; it holds nothing of the message."""

    code: str
    condition: str = "0"
    place: str = ""
    text: str = ""


ACCEPTED = Reply("AA")
UNAVAILABLE = Reply("AR", "207", "", "The message could not be stored. Send it again.")
# AR: fix the connection, since this system will never take the message. AE: fix the message.
FAULTS: dict[MessageFault, Reply] = {
    MessageFault.NOT_HL7: Reply("AR", "100", "MSH", N_("This is not an HL7 v2 message: it must start with MSH.")),
    MessageFault.CUT_OFF: Reply("AE", "100", "MSH", N_("The message has no end: send it again as a whole.")),
    MessageFault.TOO_LARGE: Reply(
        "AR", "207", "", N_("The message is larger than 1 MB: send appointments without reports.")
    ),
    MessageFault.CONTROL_ID: Reply("AE", "101", "MSH-10", N_("MSH-10 is empty: give each message an id.")),
    MessageFault.ENCODING: Reply(
        "AE", "102", "MSH-18", N_("The characters do not match MSH-18: send UTF-8, or correct it.")
    ),
    MessageFault.MESSAGE_TYPE: Reply("AR", "200", "MSH-9", N_("Only SIU messages are read: filter out the others.")),
    MessageFault.EVENT: Reply("AR", "201", "MSH-9", N_("Only the events S12 to S15, S17 and S26 are read.")),
    MessageFault.VERSION: Reply("AR", "203", "MSH-12", N_("Only the versions 2.3 to 2.5.1 are read.")),
    MessageFault.PROCESSING_ID: Reply(
        "AR", "202", "MSH-11", N_("MSH-11 is not one that hl7.yaml lists: P is production.")
    ),
    MessageFault.SENT_AT: Reply("AE", "102", "MSH-7", N_("MSH-7 is not a time: write it like 20261201100500-0500.")),
    MessageFault.NO_SCHEDULE: Reply("AE", "100", "SCH", N_("The segment SCH is missing.")),
    MessageFault.BATCH_COUNT: Reply(
        "AE", "100", "BTS-1", N_("The batch says that it holds {said}, but {came} came: send what is missing.")
    ),
}
# When an acknowledgment is due, by MSH-15 or MSH-16 (table 0155).
_DUE = {"AL": (True, True), "NE": (False, False), "SU": (True, False), "ER": (False, True)}


def acknowledgments(header: Header, reply: Reply, now: datetime) -> Iterator[bytes]:
    """The messages that answer one: one in the original mode; none, one or two in the enhanced mode."""
    if not header.is_enhanced:
        yield _acknowledgment(header, reply, now)
        return
    # AR: the message was not taken at all. After AE it was, and staff look at it.
    taken = reply.code != "AR"
    if _is_due(header.accept_ack, taken):
        yield _acknowledgment(header, reply if not taken else ACCEPTED, now, accept=True)
    if taken and _is_due(header.application_ack, reply.code == "AA"):
        yield _acknowledgment(header, reply, now)


def _is_due(condition: str, success: bool) -> bool:
    on_success, on_error = _DUE.get(condition, (False, False))
    return on_success if success else on_error


def _acknowledgment(header: Header, reply: Reply, now: datetime, *, accept: bool = False) -> bytes:
    separator, component = header.delimiters[0], header.delimiters[1]
    code = f"C{reply.code[1]}" if accept else reply.code
    is_v25 = header.version.startswith("2.5")
    kind = component.join(("ACK", header.event, *(("ACK",) if is_v25 else ()))) if header.event else "ACK"
    msh = (
        *("MSH", header.delimiters[1:], header.receiver, header.receiver_facility, header.application, header.facility),
        *(
            f"{now:%Y%m%d%H%M%S%z}",
            "",
            kind,
            secrets.token_hex(10),
            header.processing_id or "P",
            header.version or "2.5.1",
        ),
    )
    segments = [msh, ("MSA", code, header.control_id)]
    if reply.code != "AA":
        segments.append(_error(header, reply, component, is_v25))
    return b"".join(separator.join(fields).encode("ascii", "replace") + b"\r" for fields in segments)


def _error(header: Header, reply: Reply, component: str, is_v25: bool) -> tuple[str, ...]:
    """ERR as of v2.5, with fields of its own; before, one field with the place and the code."""
    segment, _, field = reply.place.partition("-")
    place = component.join((segment, "1", field)).rstrip(component) if segment else ""
    condition = _CONDITIONS[reply.condition]
    if is_v25:
        code = component.join((reply.condition, condition, "HL70357"))
        return ("ERR", "", place, code, "E", "", "", "", reply.text)
    sub = header.delimiters[4] if len(header.delimiters) > 4 else ""
    code = sub.join((reply.condition, condition)) if sub else reply.condition
    return ("ERR", component.join((segment, "1", field, code)))


def batch_reply(header: Header, acks: list[bytes], comment: str = "") -> bytes:
    """The acknowledgments of a batch, as a batch (HL7 v2.5.1, 2.10.3.3). comment: BTS-2."""
    separator = header.delimiters[0]
    head = separator.join(("BHS", header.delimiters[1:])).encode("ascii", "replace")
    trailer = separator.join(("BTS", str(len(acks)), *([comment] if comment else []))).encode("ascii", "replace")
    return b"".join((head, b"\r", *acks, trailer, b"\r"))
