"""Twilio's error codes, classified by what to do about them. https://www.twilio.com/docs/api/errors"""

from __future__ import annotations

from enum import StrEnum


class ErrorClass(StrEnum):
    """What to do after an error."""

    STOP = "stop"  # our account or sender is refused: stop the queue, raise an alarm, fail no text
    PERMANENT = "permanent"  # this number cannot be reached by text
    OPTED_OUT = "opted_out"  # Twilio has an opt-out for this number
    TRANSIENT = "transient"  # the same text may go through later
    UNCERTAIN = "uncertain"  # Twilio may have accepted the text: reconcile before sending again


CLASSES: dict[int, ErrorClass] = {
    **dict.fromkeys((20003, 20005, 20404, 21212, 21408), ErrorClass.STOP),
    **dict.fromkeys((21601, 21603, 21606, 21616, 21659, 21660), ErrorClass.STOP),
    # A trial account, a wrong callback URL, a messaging service that is not ours or has no numbers.
    **dict.fromkeys((21607, 21608, 21609, 21701, 21703, 21704, 21705), ErrorClass.STOP),
    **dict.fromkeys((30002, 30007, 30032, 30034), ErrorClass.STOP),
    **dict.fromkeys((21211, 21214, 21612, 21614, 21635, 30004, 30005, 30006), ErrorClass.PERMANENT),
    **dict.fromkeys((21602, 21617), ErrorClass.PERMANENT),
    21610: ErrorClass.OPTED_OUT,
    **dict.fromkeys((20429, 21611, 21702, 30001, 30003, 30008, 30022), ErrorClass.TRANSIENT),
}
LANDLINE = 30006
TOO_FAST = 20429
_BY_STATUS = {401: ErrorClass.STOP, 403: ErrorClass.STOP, 404: ErrorClass.STOP}
_BY_STATUS |= {408: ErrorClass.UNCERTAIN, 429: ErrorClass.TRANSIENT}


def classify(status: int, code: int | None) -> ErrorClass:
    """Return the class of an error. status: of the HTTP response. code: Twilio's error code, if any.

    A 5xx is uncertain, because Twilio may have stored the text before it failed. An unknown code is the fault of this
    text, unless the HTTP status points to our account (or the worker sees the code for every other text of a slice).
    Without a code, something in between responded (a proxy, a wrong URL), so no text is at fault.
    """
    if status >= 500:
        return ErrorClass.UNCERTAIN
    if code in CLASSES:
        return CLASSES[code]
    return _BY_STATUS.get(status, ErrorClass.PERMANENT if code else ErrorClass.STOP)
