"""Errors and warnings about an appointments file: a code for programs and a sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ivr.people.phones import PhoneFault


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
    LANGUAGE = "language_unknown"
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


ERROR_SENTENCES: dict[str, str] = {
    ErrorCode.UNREADABLE: "This file cannot be read: {detail}",
    ErrorCode.EMPTY_FILE: "This file is empty: save the appointments with the column names in row 1.",
    ErrorCode.NO_ROWS: "Row 1 has column names, but there are no appointments below it: save the file again with them.",
    ErrorCode.COLUMN_MISSING: "The column {detail} is missing: add it to row 1.",
    ErrorCode.DUPLICATE_COLUMN: "The column {detail} appears twice: keep one.",
    ErrorCode.MISSING: "This cell is empty: fill it in.",
    ErrorCode.TOO_LONG: "This is longer than {detail} characters: shorten it.",
    ErrorCode.LINE_BREAK: "This cell contains a line break: check for a missing quotation mark.",
    ErrorCode.DATE: "This is not a date and time: write it like 2026-12-01 14:30 or 12/01/2026 2:30 PM.",
    ErrorCode.PAST: "This time is in the past: correct it, or set the status to attended, missed, or cancelled.",
    ErrorCode.TOO_FAR_AHEAD: "This is more than two years from now: check the year.",
    ErrorCode.SKIPPED_HOUR: "This time does not exist, because the clocks spring forward that day: correct it.",
    ErrorCode.SITE: "This site is unknown: use one of {detail}.",
    ErrorCode.LANGUAGE: "This language is not supported: use one of {detail}, or leave the cell empty.",
    ErrorCode.TIME_ZONE: "This time zone is unknown: use a name like America/New_York, or leave the cell empty.",
    ErrorCode.CHANNEL: "This channel is unknown: use text, call, or none, or leave the cell empty.",
    ErrorCode.STATUS: "This status is unknown: use booked, cancelled, attended, or missed, or leave the cell empty.",
    ErrorCode.DUPLICATE_APPOINTMENT: "This appointment is already in row {detail}: delete one of the two rows.",
    ErrorCode.OWN_NUMBER: "This number belongs to the hospital or to the information line: enter the patient's number.",
    PhoneFault.EMPTY: "The phone number is missing: enter it.",
    PhoneFault.EXCEL: "The spreadsheet damaged this number: format the column as text and enter the number again.",
    PhoneFault.TWO: "There is more than one number here: keep only the one that can receive texts.",
    PhoneFault.FOREIGN: "Texts are not sent to the country of this number: enter another number.",
    PhoneFault.SPECIAL: "This is a premium-rate, toll-free, or other special number: enter the patient's own.",
    PhoneFault.INVALID: "This is not a phone number: enter ten digits, like 603-555-0123.",
    ErrorCode.TOO_LARGE: "This file is larger than {detail}: split it, or save it as CSV, which has no limit.",
    ErrorCode.TOO_MANY_ROWS: "This file has more than {detail} rows: split it, or save it as CSV, which has no limit.",
    ErrorCode.ENCRYPTED: "This file is password-protected: save it without a password.",
    ErrorCode.NO_APPOINTMENTS: "There are no appointments in this file: check that it is the right file.",
    ErrorCode.ROW_TOO_LONG: "This row has more cells than row 1: put quotation marks around any cell with a comma.",
}
WARNING_SENTENCES: dict[str, str] = {
    "opted_out": "This patient has opted out of texts: none will be sent.",
    "same_day": "This patient has another appointment that day, in row {detail}: at most one text a day is sent.",
    "date_repeated": "This time occurs twice, because the clocks fall back that day: the first one is used.",
    "language_not_spoken": "This patient prefers {detail}.",
    "not_agreed": "This appointment is only proposed: no texts are sent until it is booked.",
    "deceased": "This patient has died: no texts are sent.",
    "batch_cancelled": "Appointments in a cancelled batch: {detail}. No texts are sent for them.",
    "strict": "Nothing was imported, because there are errors: correct them, or import without --strict.",
    "more": "{detail} more not listed here: correct these first.",
    "absent_rows": "Appointments missing from this file stay unchanged: to cancel one, list it as cancelled.",
}


@dataclass(frozen=True)
class RowError:
    """An error or a warning. row: as numbered in the spreadsheet; 1 is the header, and 0 is the whole file."""

    row: int
    column: str
    code: str
    message: str


def row_error(row: int, column: str, code: str, detail: object = "") -> RowError:
    return RowError(row, column, str(code), ERROR_SENTENCES[code].format(detail=detail))


def row_warning(row: int, column: str, code: str, detail: object = "") -> RowError:
    return RowError(row, column, code, WARNING_SENTENCES[code].format(detail=detail))
