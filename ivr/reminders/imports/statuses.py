"""The words of scheduling systems for the status of an appointment: one table for CSV, XLSX, JSON, FHIR and HL7.

Sources: FHIR R4 (https://hl7.org/fhir/R4/valueset-appointmentstatus.html), HL7 v2 table 0278, and the exports of
scheduling systems, which put marks such as "x" before a word.
"""

from __future__ import annotations

import re
from typing import NamedTuple

STATUSES = ("booked", "cancelled", "attended", "missed")
# Of a participant in FHIR R4: https://hl7.org/fhir/R4/valueset-participationstatus.html
PARTICIPANT_STATUSES = ("accepted", "declined", "tentative", "needs-action")
_WORDS = {
    "booked": "booked, confirmed, unconfirmed, not confirmed, pending, accepted, active, future, scheduled, upcoming, "
    "overbook, reminder done, chart pulled, none",
    # The time is not agreed on, so a reminder would be wrong.
    "proposed": "proposed, waitlist, waitlisted, wait list, waiting list, tentative, requested",
    "attended": "attended, arrived, arrived late, checked in, check in, checked out, check out, completed, complete, "
    "fulfilled, in progress, started, in exam room, in room, roomed, kept, seen, showed, show, finished, done, "
    "coding done, charge entered",
    "cancelled": "cancelled, canceled, cancel, late cancel, late cancelled, late canceled, late cancellation, "
    "cancelled late, canceled late, cancellation, cancelled 24h, canceled 24h, entered in error, deleted, "
    "discontinued, dc, voided, cancelled by patient, canceled by patient, patient cancelled, patient canceled, "
    "cancelled by provider, canceled by provider, provider cancelled, provider canceled, cancelled by clinic, "
    "canceled by clinic, clinic cancelled, clinic canceled, cancelled by office, canceled by office, "
    "office cancelled, office canceled, cancelled by staff, canceled by staff, x cancelled, x canceled",
    "missed": "missed, no show, noshow, did not attend, dna, did not show, dns, did not arrive, did not come, "
    "left without seen, left without being seen, left w o visit, left without visit, lwbs, "
    "failed to attend, fta, not attended",
}
_SEPARATORS = re.compile(r"[^a-z0-9]+")


class Status(NamedTuple):
    """name: one of STATUSES. is_agreed: whether the time of the appointment is agreed on."""

    name: str
    is_agreed: bool = True


def _key(words: str) -> str:
    return _SEPARATORS.sub("", words.lower())


_STATUSES = {
    _key(word): Status("booked", is_agreed=False) if name == "proposed" else Status(name)
    for name, words in _WORDS.items()
    for word in words.split(", ")
}


def parse_status(words: str) -> Status | None:
    """The status that some words mean, case, hyphens, and spaces aside; None if they are unknown or ambiguous.

    Rescheduled is ambiguous: in some systems it is the new time, in others the time that is no longer valid.
    """
    return _STATUSES.get(_key(words))
