"""The states of texts and the reasons for them in words, with what to do."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from flask_babel import format_decimal
from flask_babel import lazy_gettext as _

from ivr.carrier.twilio.errors import CLASSES, LANDLINE, ErrorClass
from ivr.reminders.outbox.text_states import TextState
from ivr.web.console.reminders.uploads import Phase
from ivr.web.console.words import gettext, ngettext, pgettext

STATES = {
    TextState.PLANNED: _("appointments with texts ahead"),
    TextState.CLAIMED: _("being sent"),
    TextState.UNCERTAIN: _("being looked up"),
    TextState.HANDED_OVER: _("sent, not known yet if it arrived"),
    TextState.NO_RECEIPT: _("sent, never known if it arrived"),
    TextState.DELIVERED: _("delivered"),
    TextState.UNDELIVERED: _("not delivered"),
    TextState.FAILED: _("failed"),
    TextState.SKIPPED: _("left out"),
    TextState.CANCELLED: _("cancelled"),
}
PHASES = {
    Phase.READING: _("being read"),
    Phase.READ: _("waits for you to import it"),
    Phase.IMPORTING: _("being imported"),
    Phase.FAILED: _("could not be read to the end"),
}
# Of a single text; the others are as above.
_ONE = {TextState.PLANNED: _("planned")}


class ReasonWords(NamedTuple):
    """why: a sentence. todo: what to do; empty if there is nothing to do."""

    why: Any
    todo: Any = ""


_REASONS = {
    "late": ReasonWords(_("It was too late for the text to be useful."), _("Import files earlier: a week ahead.")),
    "limit": ReasonWords(
        _("The number had reached its limit of texts, and later it was too late."), _("Call, if it matters.")
    ),
    "quiet_hours": ReasonWords(_("It fell into the patient's night, and in the morning it was too late.")),
    "confirmed": ReasonWords(_("The patient had confirmed already.")),
    "opted_out": ReasonWords(_("The patient does not want texts."), _("Call instead.")),
    "landline": ReasonWords(_("The number is a landline."), _("Call, or ask for a mobile number.")),
    "not_allowed": ReasonWords(
        _("The line does not text numbers of this country, or of this kind."), _("Call, or ask for another number.")
    ),
    "cancelled": ReasonWords(_("The appointment or the batch was cancelled.")),
    "batch_cancelled": ReasonWords(_("The batch was cancelled."), _("Import the file again to send its texts.")),
    "moved": ReasonWords(_("The appointment moved, and its texts follow the new time.")),
    "withdrawn": ReasonWords(_("The topic that was asked for is no longer offered.")),
    "by_hand": ReasonWords(_("Somebody of the staff asked for it.")),
    "fetched": ReasonWords(_("The report of this text got lost, so the phone company was asked.")),
    "no_answer": ReasonWords(
        _("The phone company did not answer, so it is not known whether the text went out."),
        _("Nothing: it is asked before anything is sent again."),
    ),
    "lease_expired": ReasonWords(
        _("The line stopped while it was sending this text."),
        _("Nothing: the phone company is asked before anything is sent again."),
    ),
    "not_sent": ReasonWords(_("The phone company could not be reached."), _("Nothing: it is tried again.")),
    "not_hers": ReasonWords(
        _("A reply said that the number is not the patient's."), _("Correct the file, and import it again.")
    ),
    "not_by_text": ReasonWords(_("The file says that this patient gets no texts.")),
    "visit_over": ReasonWords(_("The appointment is over.")),
    "paused": ReasonWords(_("The batch is paused."), _("Resume it when you are ready.")),
    "not_live": ReasonWords(_("The import of the file did not finish."), _("Import it again.")),
    "due": ReasonWords(_("It goes out within moments.")),
}
COLUMNS = {
    "appointment_id": _("appointment number"),
    "phone": _("phone"),
    "starts_at": _("date and time"),
    "site": _("site"),
    "language": _("language"),
    "timezone": _("time zone"),
    "first_name": _("first name"),
    "channel": _("channel"),
    "status": _("status"),
    "canceled": _("canceled"),
    "no_show": _("no show"),
    "permission": _("permission to text"),
    "no_texts": _("no texts"),
    "": _("the whole row"),
}
"""What a column of an appointment file is about."""
_ERROR = re.compile(r"error_(\d+)")
_ERRORS = {
    ErrorClass.STOP: ReasonWords(
        _("The phone company refuses our texts (error %(code)s)."),
        _("Tell your IT department: it is about our account."),
    ),
    ErrorClass.PERMANENT: ReasonWords(
        _("This number cannot receive texts (error %(code)s)."), _("Call, or ask for another number.")
    ),
    ErrorClass.OPTED_OUT: ReasonWords(
        _("The patient has told the phone company to stop our texts (error %(code)s)."), _("Call instead.")
    ),
    ErrorClass.TRANSIENT: ReasonWords(
        _("The phone could not be reached for a while (error %(code)s)."), _("Call, if it matters.")
    ),
    ErrorClass.UNCERTAIN: ReasonWords(
        _("The phone company had a problem (error %(code)s)."), _("Nothing: it is asked.")
    ),
}


def reason_words(reason: str) -> ReasonWords:
    """The sentence for a reason as stored, and what to do."""
    error = _ERROR.fullmatch(reason)
    if error is None:
        return _REASONS.get(reason.replace("-", "_"), ReasonWords(reason.replace("_", " ").capitalize() + "."))
    code = int(error[1])
    if code == LANDLINE:
        return _REASONS["landline"]
    words = _ERRORS[CLASSES.get(code, ErrorClass.PERMANENT)]
    return ReasonWords(str(words.why) % {"code": code}, words.todo)


def left_out_words(rows: int) -> str:
    """How many rows of a file were not imported, because of their faults."""
    return ngettext("%(count)s row was left out.", "%(count)s rows were left out.", rows, count=format_decimal(rows))


def state_words(state: str) -> str:
    """The word for the state of one text."""
    return str(_ONE.get(TextState(state)) or STATES[TextState(state)])


def bar(texts: dict[str, int]) -> list[tuple[str, str, int]]:
    """Counts by state for the macro state_bar."""
    return [(state.value, str(words), texts.get(state, 0)) for state, words in STATES.items()]


def mode(batch: Any) -> tuple[str, str]:
    """What a batch is doing: the class of a badge, and a word. batch: a row of the table."""
    if batch.live_at is None:
        return "badge-wrong", gettext("Import unfinished")
    if batch.cancelled_at is not None:
        return "badge-quiet", pgettext("batch", "Cancelled")
    if batch.paused:
        return "badge-care", gettext("Paused")
    return "badge-good", gettext("Active")
