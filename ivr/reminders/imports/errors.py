"""Errors and warnings about an appointments file: a code for programs and a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ivr.i18n import N_, Sentence, Values, filled
from ivr.people.phone_faults import PhoneFault


class ErrorCode(StrEnum):
    """Error codes other than those of phone numbers, which are in PhoneFault."""

    UNREADABLE = "file_unreadable"
    EMPTY_FILE = "file_empty"
    NO_ROWS = "file_no_rows"
    COLUMN_MISSING = "column_missing"
    DUPLICATE_COLUMN = "column_double"
    MISSING = "missing"
    TOO_LONG = "too_long"
    LINE_BREAK = "line_break"
    DATE = "date_invalid"
    PAST = "date_past"
    TOO_FAR_AHEAD = "date_far"
    SKIPPED_HOUR = "date_skipped"
    SITE = "site_unknown"
    TIME_ZONE = "timezone_unknown"
    CHANNEL = "channel_unknown"
    STATUS = "status_unknown"
    DUPLICATE_APPOINTMENT = "appointment_double"
    TOO_LARGE = "file_too_large"
    TOO_MANY_ROWS = "file_too_many_rows"
    ENCRYPTED = "file_locked"
    NO_APPOINTMENTS = "file_no_appointments"
    ROW_TOO_LONG = "row_too_long"
    OWN_NUMBER = "phone_ours"
    TOO_COMPLEX = "file_too_complex"
    ROUNDED_ID = "appointment_rounded"
    FLAG = "yes_or_no"
    CODE = "code_unknown"
    ENTRY = "entry_unreadable"
    DELETION = "appointment_deleted"


# Of the row in which a repeated appointment comes first; the others have DUPLICATE_APPOINTMENT.
ALSO_IN_ROW = N_("This appointment is also in row {detail}: delete one of the two rows.")
ERROR_SENTENCES: dict[str, str] = {
    ErrorCode.UNREADABLE: N_("This file cannot be read:"),
    ErrorCode.EMPTY_FILE: N_("This file is empty: save the appointments with the column names in row 1."),
    ErrorCode.NO_ROWS: N_(
        "Row 1 has column names, but there are no appointments below it: save the file again with them."
    ),
    ErrorCode.COLUMN_MISSING: N_("The column {detail} is missing: add it to row 1."),
    ErrorCode.DUPLICATE_COLUMN: N_("The column {detail} appears twice: keep one."),
    ErrorCode.MISSING: N_("This cell is empty: fill it in."),
    ErrorCode.TOO_LONG: N_("This is longer than {detail} characters: shorten it."),
    ErrorCode.LINE_BREAK: N_("This cell contains a line break: check for a missing quotation mark."),
    ErrorCode.DATE: N_("This is not a date and time: write it like 2026-12-01 14:30 or 12/01/2026 2:30 PM."),
    ErrorCode.PAST: N_("This time is in the past: correct it, or set the status to attended, missed, or cancelled."),
    ErrorCode.TOO_FAR_AHEAD: N_("This is more than two years from now: check the year."),
    ErrorCode.SKIPPED_HOUR: N_("This time does not exist, because the clocks spring forward that day: correct it."),
    ErrorCode.SITE: N_("This site is unknown: use one of {detail}."),
    ErrorCode.TIME_ZONE: N_("This time zone is unknown: use a name like America/New_York, or leave the cell empty."),
    ErrorCode.CHANNEL: N_("This channel is unknown: use text, call, or none, or leave the cell empty."),
    ErrorCode.STATUS: N_(
        "This status is unknown: use booked, cancelled, attended, or missed, or leave the cell empty."
    ),
    ErrorCode.DUPLICATE_APPOINTMENT: N_("This appointment is already in row {detail}: delete one of the two rows."),
    ErrorCode.OWN_NUMBER: N_(
        "This number belongs to the hospital or to the information line: enter the patient's number."
    ),
    PhoneFault.EMPTY: N_("The phone number is missing: enter it."),
    PhoneFault.EXCEL: N_("The spreadsheet damaged this number: format the column as text and enter the number again."),
    PhoneFault.TWO: N_("There is more than one number here: keep only the one that can receive texts."),
    PhoneFault.FOREIGN: N_("Texts are not sent to the country of this number: enter another number."),
    PhoneFault.SPECIAL: N_(
        "Patients have no numbers like this (premium-rate or toll-free): enter the patient's number."
    ),
    PhoneFault.INVALID: N_("This is not a phone number: enter ten digits, like 603-555-0123."),
    ErrorCode.TOO_LARGE: N_("This file is larger than {detail}: split it, or save it as CSV, which has no limit."),
    ErrorCode.TOO_MANY_ROWS: N_(
        "This file has more than {detail} rows: split it, or save it as CSV, which has no limit."
    ),
    ErrorCode.ENCRYPTED: N_("This file is password-protected: save it without a password."),
    ErrorCode.NO_APPOINTMENTS: N_("There are no appointments in this file: check that it is the right file."),
    ErrorCode.TOO_COMPLEX: N_(
        "This file takes too much memory or time to read: split it, or save the list alone as CSV."
    ),
    ErrorCode.ROUNDED_ID: N_("The spreadsheet rounded this id: format the column as text and export it again."),
    ErrorCode.FLAG: N_("This cell says neither yes nor no: write one of them."),
    ErrorCode.CODE: N_("This code is unknown: use one of {detail}."),
    ErrorCode.ENTRY: N_("This entry cannot be read: put one whole resource of FHIR R4 into it, with its resourceType."),
    ErrorCode.DELETION: N_("Appointments cannot be deleted: send this one with the status cancelled."),
    ErrorCode.ROW_TOO_LONG: N_("This row has more cells than row 1: put quotation marks around any cell with a comma."),
}
WARNING_SENTENCES: dict[str, str] = {
    "opted_out": N_("This patient has opted out of texts: none will be sent."),
    "same_day": N_("This patient has another appointment that day, in row {detail}: at most one text a day is sent."),
    "date_repeated": N_("This time occurs twice, because the clocks fall back that day: the first one is used."),
    "language_not_spoken": N_("This patient prefers {language}: the texts are in {used}."),
    "columns_unread": N_("These columns are not read: {detail}."),
    "hidden_rows": N_("Rows that are hidden, for example by a filter, were not imported: {detail}."),
    "other_sheets": N_("Other sheets also have rows, which were not imported: {detail}."),
    "more_pages": N_(
        "This bundle is one page of a longer result (it has {count} appointments): import the other pages too."
    ),
    "second_patient": N_("This appointment has more than one patient: texts go to the first one only."),
    "declined": N_("This patient has declined the appointment: no texts are sent."),
    "no_time": N_("This appointment has no time yet: it gets no texts until it is booked."),
    "no_permission": N_("This patient has not agreed to texts: none will be sent."),
    "permission_unclear": N_("This cell says neither yes nor no, so no texts will be sent: write one of them."),
    "cancelled_anyway": N_("The appointment is cancelled, but this cell was not used:"),
    "cancelled_unknown": N_("This appointment was never imported, so there is nothing to cancel."),
    "older": N_("Something newer is known about this appointment: this row was not used."),
    "early": N_("{detail}? This appointment is before 7:00 in the morning: check whether AM or PM is missing."),
    "midnight": N_("{detail}? This appointment is at midnight: check whether the time is missing."),
    "fixed_offset": N_("This time zone ignores daylight saving time: use a name like America/New_York."),
    "id_alike": N_(
        "This looks like appointment {detail}, which has the same phone number and time: if it is, the id lost "
        "or gained zeros. Format the column as text and export it again."
    ),
    "not_agreed": N_("This appointment is only proposed: no texts are sent until it is booked."),
    "deceased": N_("This patient has died: no texts are sent."),
    "batch_cancelled": N_("Appointments in a cancelled batch: {detail}. No texts are sent for them."),
    "strict": N_("Nothing was imported, because there are errors: correct them, or import without --strict."),
    "more": N_("{detail} more not listed here: correct these first."),
    "absent_rows": N_("Appointments missing from this file stay unchanged: to cancel one, list it as cancelled."),
}

# What a command adds. The console has a form for it.
_COMMAND_HINTS = {
    "hidden_rows": "To import them, show them and save the file again, or use --hidden-rows.",
    "other_sheets": "To import one, use --sheet NAME.",
}


@dataclass(frozen=True)
class RowError:
    """An error or a warning. row: as numbered in the spreadsheet; 1 is the header, and 0 is the whole file.

    sentences: those of the message, to translate them, without what only a command says.
    """

    row: int
    column: str
    code: str
    message: str
    sentences: Sequence[Sentence] = field(default=(), compare=False, repr=False)

    def as_json(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("row", "column", "code", "message")}


def row_error(row: int, column: str, code: str, detail: object = "") -> RowError:
    return composed(row, column, code, (ERROR_SENTENCES[code], _values(detail)))


def row_warning(row: int, column: str, code: str, detail: object = "") -> RowError:
    return composed(row, column, code, (WARNING_SENTENCES[code], _values(detail)))


def composed(row: int, column: str, code: str, *sentences: Sentence) -> RowError:
    """An error or a warning of several sentences."""
    message = " ".join([*map(filled, sentences), _COMMAND_HINTS.get(code, "")]).rstrip()
    return RowError(row, column, str(code), message, sentences)


def _values(detail: object) -> Values:
    """The fields of a sentence: by name, or the one called detail."""
    return detail if isinstance(detail, dict) else {"detail": str(detail)}
