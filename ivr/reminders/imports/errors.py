"""What can be wrong with an appointments file: one code each, and one sentence that says what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from ivr.people.phones import PhoneFault


class ErrorCode(StrEnum):
    """Codes of faults beside those of phone numbers."""

    UNREADABLE = "file_unreadable"
    EMPTY_FILE = "file_empty"
    NO_ROWS = "file_no_rows"
    COLUMN_MISSING = "column_missing"
    COLUMN_DOUBLE = "column_double"
    MISSING = "missing"
    TOO_LONG = "too_long"
    LINE_BREAK = "line_break"
    DATE = "date_invalid"
    PAST = "date_past"
    FAR = "date_far"
    SKIPPED_HOUR = "date_skipped"
    SITE = "site_unknown"
    LANGUAGE = "language_unknown"
    ZONE = "timezone_unknown"
    CHANNEL = "channel_unknown"
    STATUS = "status_unknown"
    DOUBLE = "appointment_double"
    TOO_LARGE = "file_too_large"
    TOO_MANY = "file_too_many_rows"
    LOCKED = "file_locked"
    NO_APPOINTMENTS = "file_no_appointments"
    ROW_TOO_LONG = "row_too_long"
    OURS = "phone_ours"


ERROR_SENTENCES: dict[str, str] = {
    ErrorCode.UNREADABLE: "This file cannot be read: {detail}",
    ErrorCode.EMPTY_FILE: "The file is empty: save the appointments with the column names in row 1.",
    ErrorCode.NO_ROWS: "There are column names in row 1 but no appointments below them: save the file with its rows.",
    ErrorCode.COLUMN_MISSING: "The column {detail} is missing: add it to row 1.",
    ErrorCode.COLUMN_DOUBLE: "The column {detail} is there twice: keep one.",
    ErrorCode.MISSING: "Nothing stands here: fill it in.",
    ErrorCode.TOO_LONG: "This is longer than {detail} characters: shorten it.",
    ErrorCode.LINE_BREAK: "This runs over several lines: look for a quotation mark that is not closed.",
    ErrorCode.DATE: "This is not a date with a time: write it like 2026-12-01 14:30 or 12/01/2026 2:30 PM.",
    ErrorCode.PAST: "This time is past: correct it, or set the status to attended, missed or cancelled.",
    ErrorCode.FAR: "This is more than two years ahead: check the year.",
    ErrorCode.SKIPPED_HOUR: "On this day the clocks skip this hour: correct the time.",
    ErrorCode.SITE: "This site is not known: use one of {detail}.",
    ErrorCode.LANGUAGE: "This language is not known: use one of {detail}, or leave it empty.",
    ErrorCode.ZONE: "This time zone is not known: write it like America/New_York, or leave it empty.",
    ErrorCode.CHANNEL: "This must be text, call or none.",
    ErrorCode.STATUS: "This must be booked, cancelled, attended or missed.",
    ErrorCode.DOUBLE: "This appointment stands in row {detail} already: keep one of the two.",
    ErrorCode.OURS: "This is a number of the hospital or of the line, not a patient's: correct it.",
    PhoneFault.EMPTY: "There is no phone number: fill it in.",
    PhoneFault.EXCEL: "The spreadsheet has damaged this number: format the column as text and fill it in anew.",
    PhoneFault.TWO: "There is more than one number here: keep the one that takes texts.",
    PhoneFault.FOREIGN: "This number is of another country, and the line texts numbers of this one only.",
    PhoneFault.INVALID: "This is not a phone number: write ten digits like 603-555-0123.",
    ErrorCode.TOO_LARGE: "This file is larger than {detail}: split it, or save it as CSV, which has no limit.",
    ErrorCode.TOO_MANY: "This file has more than {detail} rows: split it, or save it as CSV, which has no limit.",
    ErrorCode.LOCKED: "This file asks for a password: save it without one.",
    ErrorCode.NO_APPOINTMENTS: "There are no appointments in this file: look whether it is the right one.",
    ErrorCode.ROW_TOO_LONG: "This row has more cells than row 1 has names: put a cell with a comma in quotation marks.",
}
WARNING_SENTENCES: dict[str, str] = {
    "opted_out": "This person has asked for no texts: none will be sent.",
    "same_day": "This person has another appointment that day, in row {detail}: one text a day is the most.",
    "date_repeated": "On this day the clocks show this time twice: the first is meant.",
    "language_not_spoken": "This patient prefers {detail}.",
    "not_agreed": "This visit is only proposed: no texts go out until it is booked.",
    "deceased": "This patient has died: no texts go out.",
    "batch_cancelled": "{detail} of these appointments are in a batch that was cancelled: nothing is sent for them.",
    "strict": "Because of the errors nothing was taken in: correct them, or leave out --strict.",
    "more": "{detail} more are not listed here: correct these first.",
    "absent_rows": "Appointments that are not in this file stay as they are: to cancel one, list it as cancelled.",
}


@dataclass(frozen=True)
class RowError:
    """One fault: the row (row 1 is the header, 0 the whole file), the column, the code and the sentence."""

    row: int
    column: str
    code: str
    message: str

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def row_error(row: int, column: str, code: str, detail: object = "") -> RowError:
    return RowError(row, column, str(code), ERROR_SENTENCES[code].format(detail=detail))


def row_warning(row: int, column: str, code: str, detail: object = "") -> RowError:
    return RowError(row, column, code, WARNING_SENTENCES[code].format(detail=detail))
