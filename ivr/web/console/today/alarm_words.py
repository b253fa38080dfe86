"""What each alarm means, and what to do: the table of docs/operations.md in the words of the console."""

from __future__ import annotations

import json
from typing import NamedTuple

from flask_babel import lazy_gettext

from ivr.reminders.alarms import Alarm
from ivr.web.console.words import gettext, translated


class AlarmWords(NamedTuple):
    """The problem, what to do about it, and the endpoint of the page that shows more."""

    problem: str
    advice: str
    endpoint: str


_REMINDERS, _PROMPTS, _SETTINGS = "reminders.batches", "prompts.topics", "settings.show"
_WORDS = {
    Alarm.SENDING_STOPPED: (
        lazy_gettext("Twilio refuses our account, so no text goes out. All of them wait."),
        lazy_gettext("Ask your IT department to check the account at Twilio. Sending resumes when it is fixed."),
        _REMINDERS,
    ),
    Alarm.DELIVERY_STOPPED: (
        lazy_gettext("The mobile networks refuse our texts. All of them wait."),
        lazy_gettext("Ask your IT department to register the sender at Twilio, and review the words of the reminders."),
        _REMINDERS,
    ),
    Alarm.LEDGER_RESTORED: (
        lazy_gettext("The line works with an older copy of its data, so no text goes out."),
        lazy_gettext("Ask your IT department to follow “Restore a backup” in the guide for operations."),
        _REMINDERS,
    ),
    Alarm.KEY_MISSING: (
        lazy_gettext("Some phone numbers cannot be read, because an older key is missing. Their texts wait."),
        lazy_gettext("Ask your IT department to add the older keys to the setting PHONE_KEY."),
        _SETTINGS,
    ),
    Alarm.WORDS_MISSING: (
        lazy_gettext("The words of a planned reminder are missing. Those reminders wait."),
        lazy_gettext("Publish prompts that include them."),
        _PROMPTS,
    ),
    Alarm.BACKLOG: (
        lazy_gettext("Texts have waited for more than ten minutes."),
        lazy_gettext("Ask your IT department to check that the worker runs and that Twilio answers."),
        _REMINDERS,
    ),
    Alarm.RECEIPTS_MISSING: (
        lazy_gettext("For most texts of the last hours, Twilio has not reported whether they arrived."),
        lazy_gettext("Ask your IT department to check that Twilio can reach this line."),
        _REMINDERS,
    ),
    Alarm.REQUESTED_TEXTS_CAPPED: (
        lazy_gettext("Callers asked for more texts than the limit for one hour. More are refused; reminders still go."),
        lazy_gettext("Ask your IT department to look for repeated calls, or to raise the limit."),
        _SETTINGS,
    ),
    Alarm.ANSWERED_TEXTS_CAPPED: (
        lazy_gettext("More texts came in than the line answers in one hour. Urgent ones are still answered."),
        lazy_gettext("Ask your IT department to look for numbers to block, or to raise the limit."),
        _SETTINGS,
    ),
    Alarm.CALLS_CAPPED: (
        lazy_gettext("More calls came in than the limits allow, so some callers heard a busy signal."),
        lazy_gettext("Ask your IT department to look for numbers to block, or to raise the limits."),
        _SETTINGS,
    ),
    Alarm.TRANSFERS_CAPPED: (
        lazy_gettext(
            "Callers asked to be connected more often than the limits allow, so some hear the number to call instead."
        ),
        lazy_gettext("Ask your IT department to look for numbers to block, or to raise the limits."),
        _SETTINGS,
    ),
    Alarm.CALLBACKS_CAPPED: (
        lazy_gettext("Callers asked for more call-backs than the limit for one hour. More are refused."),
        lazy_gettext("Ask your IT department to look for repeated calls, or to raise the limit."),
        _SETTINGS,
    ),
    Alarm.CLOCK_SILENT: (
        lazy_gettext("The part of the line that starts reminders has stopped."),
        lazy_gettext("Ask your IT department to start the clock: `infoline clock`."),
        _REMINDERS,
    ),
    Alarm.SIGNATURES_REFUSED: (
        lazy_gettext(
            "Calls and texts arrive without proof that the phone company sent them, so callers may hear an"
            " error message."
        ),
        lazy_gettext("Ask your IT department to compare TWILIO_AUTH_TOKEN and PUBLIC_URL with the Twilio Console."),
        _SETTINGS,
    ),
    Alarm.HL7_UNREAD: (
        lazy_gettext("The scheduling system sent messages that the line cannot read. Their appointments are missing."),
        lazy_gettext("Open them in the work list, and ask your IT department to have them corrected and sent again."),
        "work.messages",
    ),
    Alarm.FILE_MISSING: (
        lazy_gettext("The file of appointments has not arrived at the usual time."),
        lazy_gettext(
            "Ask your IT department to check the export of the scheduling system and `infoline reminders watch`, or"
            " upload the file."
        ),
        _REMINDERS,
    ),
    Alarm.FILE_FAILED: (
        lazy_gettext("A file of appointments arrived, but nothing of it was imported."),
        lazy_gettext(
            "Ask your IT department to read the report beside it, and to export the file again, or upload the file to"
            " see what is wrong with it."
        ),
        _REMINDERS,
    ),
    Alarm.FHIR_REJECTED: (
        lazy_gettext("Some appointments of the scheduling system could not be imported, so they get no reminders."),
        lazy_gettext(
            "Open them in the work list, and correct them in the scheduling system: the line then fetches them by"
            " itself."
        ),
        "work.messages",
    ),
    Alarm.FEED_SILENT: (
        lazy_gettext("The part of the line that takes appointments from the scheduling system has stopped."),
        lazy_gettext("Ask your IT department to start it, and upload a file if new appointments cannot wait."),
        _REMINDERS,
    ),
    Alarm.FHIR_PULL_FAILED: (
        lazy_gettext("The line cannot fetch appointments from the scheduling system."),
        lazy_gettext("Ask your IT department to check the FHIR server and the line’s access to it."),
        _REMINDERS,
    ),
}


def detail_of(stored: str) -> str:
    """The detail of an alarm in the language of the user. stored: as the database keeps it."""
    template, values = json.loads(stored)
    return translated((template, values))


def words_of_alarm(name: str) -> AlarmWords:
    """The words of an alarm, even of one that a newer version has raised."""
    if name in _WORDS:
        problem, advice, endpoint = _WORDS[Alarm(name)]
        return AlarmWords(str(problem), str(advice), endpoint)
    problem = gettext("There is a problem called %(name)s.", name=name)
    return AlarmWords(problem, gettext("Ask your IT department to look for it in the log."), _SETTINGS)
