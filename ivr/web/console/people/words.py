"""The words of the pages about people, by what the database stores."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext

from ivr.line.content.config import Config
from ivr.people.replies import WRONG_NUMBER
from ivr.reminders.outbox.text_states import PLANNED_AGAIN, TextState
from ivr.reminders.reports.manual import MANUAL, ManualResult
from ivr.reminders.schedule.plan import Reason
from ivr.web.console.dates import full_moment
from ivr.web.console.language import LANGUAGES, language
from ivr.web.console.reminders.plan_drawing import step_words as step_words
from ivr.web.console.reminders.state_words import reason_words, state_words
from ivr.web.console.words import gettext

STATUSES = {
    "booked": lazy_gettext("Booked"),
    "cancelled": lazy_gettext("Cancelled"),
    "attended": lazy_gettext("Attended"),
    "missed": lazy_gettext("Missed"),
}
ANSWERS = {
    "confirmed": lazy_gettext("The patient confirmed."),
    "change": lazy_gettext("The patient asked for another time."),
    WRONG_NUMBER: lazy_gettext("A reply said that the number is not the patient’s."),
}
# What an import changed of an appointment, by the column.
CHANGED = {
    "starts_at": lazy_gettext("time"),
    "status": lazy_gettext("status"),
    "site": lazy_gettext("site"),
    "person_id": lazy_gettext("phone number"),
    "first_name": lazy_gettext("name"),
    "language": lazy_gettext("language"),
    "channel": lazy_gettext("whether texts are sent"),
    "timezone": lazy_gettext("time zone"),
}
CONSENT = {"stop": lazy_gettext("Asked for no more texts"), "start": lazy_gettext("Asked for texts again")}
SOURCES = {
    "text": lazy_gettext("in a text message"),
    "call": lazy_gettext("on a call"),
    "page": lazy_gettext("on a web page"),
    "carrier": lazy_gettext("through the phone company"),
    "staff": lazy_gettext("through the staff"),
}
WORK = {
    "callback": lazy_gettext("Call back"),
    "change": lazy_gettext("Asks for another time"),
    "cancel": lazy_gettext("Texted CANCEL"),
    "wrong-number": lazy_gettext("Wrong number"),
    "landline": lazy_gettext("Landline: call instead of texting"),
    "message": lazy_gettext("Message that cannot be read"),
}
# What happened to a text, as a sentence about it.
_MOVES = {
    TextState.CLAIMED: lazy_gettext("%(text)s: the line began to send it."),
    TextState.UNCERTAIN: lazy_gettext("%(text)s: it is not known whether it went out. The phone company is asked."),
    TextState.HANDED_OVER: lazy_gettext("%(text)s: sent."),
    TextState.DELIVERED: lazy_gettext("%(text)s: it arrived on the phone."),
    TextState.UNDELIVERED: lazy_gettext("%(text)s: it did not arrive."),
    TextState.FAILED: lazy_gettext("%(text)s: it could not be sent."),
    TextState.SKIPPED: lazy_gettext("%(text)s: left out."),
    TextState.CANCELLED: lazy_gettext("%(text)s: cancelled."),
    TextState.NO_RECEIPT: lazy_gettext("%(text)s: sent, but nobody reported whether it arrived."),
    TextState.PLANNED: lazy_gettext("%(text)s: it waits to be sent again."),
}
# The same, where the staff did it.
_BY_STAFF = {
    (TextState.PLANNED, MANUAL): lazy_gettext("%(text)s: somebody of the staff asked to send it now."),
    (TextState.PLANNED, PLANNED_AGAIN): lazy_gettext("%(text)s: somebody of the staff planned it again."),
    (TextState.SKIPPED, MANUAL): lazy_gettext("%(text)s: somebody of the staff left it out."),
}
# Why a text that is planned does not go out yet.
_WAITS = {
    "quiet_hours": lazy_gettext("It is night for the patient. It goes out in the morning."),
    "limit": lazy_gettext("The number has reached its limit of texts. It goes out when the limit allows."),
    "by_hand": lazy_gettext("Somebody of the staff asked to send it now."),
    PLANNED_AGAIN: lazy_gettext("Somebody of the staff had left it out, and planned it again."),
    "opted_out": lazy_gettext("The patient does not want texts."),
    "landline": lazy_gettext("The number is a landline. Call instead."),
}
# After an action on a text, by the code of its outcome.
_RESULTS = {
    "due_now": lazy_gettext("It goes out within moments. Reload this page to watch it."),
    "waits_for_carrier": lazy_gettext(
        "The phone company refuses our texts now. It goes out as soon as they are accepted."
    ),
    "already": lazy_gettext("It is being sent already. It goes out once."),
    "left_out": lazy_gettext("The text will not go out."),
    "planned_again": lazy_gettext("The text is planned again, and goes out at its time."),
    "not_left_out": lazy_gettext("Nobody of the staff has left this text out, so there is nothing to take back."),
    "time_passed": lazy_gettext("The time of this text has passed. You can send it now instead."),
    "written": lazy_gettext("This text is past that: %(state)s. A text goes out once, and cannot be taken back."),
    "cancelled": lazy_gettext("The appointment is cancelled, so nothing is sent for it."),
    "batch_cancelled": lazy_gettext("Its batch is cancelled. Import its file again to send its texts."),
    "not_hers": lazy_gettext(
        "A reply says that this number is not the patient’s. Correct the file, and import it again."
    ),
    "not_by_text": lazy_gettext(
        "The file says that this patient gets no texts. Correct the column “channel” in it, and import it again."
    ),
    "visit_over": lazy_gettext("The appointment is over, so nothing more is sent for it."),
    "not_live": lazy_gettext("The import of its file did not finish. Import it again."),
    "paused": lazy_gettext("Its batch is paused. Resume batch %(batch)s first."),
    "other_first": lazy_gettext("Another text to this number is due now and goes out first. Try again later."),
    Reason.OPTED_OUT.value: lazy_gettext(
        "The patient does not want texts. If that has changed, record it on the page of the person first."
    ),
    Reason.LANDLINE.value: lazy_gettext("The phone company says that this number is a landline. Call instead."),
    Reason.CONFIRMED.value: lazy_gettext("The patient has confirmed already, and this text asks for that."),
    Reason.LATE.value: lazy_gettext("It is too late for this text to be useful."),
    Reason.QUIET.value: lazy_gettext("It is night for the patient. Try again after %(quiet_end)s."),
    Reason.LIMIT.value: lazy_gettext(
        "This number has reached its limit of texts, %(day)s a day and %(week)s in seven days. Call, or wait."
    ),
}


def status_words(status: str) -> str:
    return str(STATUSES.get(status, status))


def result_words(result: ManualResult) -> str:
    """What an action on a text has done, or why it could not."""
    values = dict(result.values)
    if result.values.get("state"):
        values["state"] = state_words(str(result.values["state"]).replace(" ", "_"))
    return str(_RESULTS[result.code]) % values if result.code in _RESULTS else result.sentence


def why(state: TextState, reason: str | None) -> str:
    """Why a text is in its state, and what to do; empty if there is nothing to say."""
    if not reason:
        return ""
    if state is TextState.PLANNED and reason in _WAITS:
        return str(_WAITS[reason])
    words = reason_words(reason)
    return f"{words.why} {words.todo}".strip()


def move_words(text: str, state: str, reason: str | None) -> str:
    """What happened to a text."""
    known = TextState(state)
    words = _BY_STAFF.get((known, reason or ""), _MOVES[known])
    return str(words) % {"text": text}


def is_by_staff(state: str, reason: str | None) -> bool:
    """Whether the sentence of `move_words` says the reason too."""
    return (TextState(state), reason or "") in _BY_STAFF


def local_time(moment: datetime, zone: str) -> str:
    """A time in the time zone of an appointment."""
    return full_moment(moment.astimezone(ZoneInfo(zone)))


def site_name(site_id: str, config: Config) -> str:
    site = config.site(site_id)
    return site.name.get(language(), site.name[config.default_language]) if site else site_id


def language_choices(config: Config) -> list[tuple[str, Any]]:
    """Pairs of code and name, for a select. The first is none."""
    languages = [(code, language.name) for code, language in config.languages.items()]
    return [("", gettext("That of the appointment")), *languages]


def language_name(code: str | None, config: Config | None) -> str:
    """The name of a language; a sentence if none was chosen. config: None while it cannot be read."""
    if not code:
        return gettext("That of the appointment")
    if config is None:
        return LANGUAGES.get(code, code)
    return config.languages[code].name if code in config.languages else code
