"""Validation of rows: each error has a code, a column, and a sentence, and all errors of a row are reported."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.people.phone_faults import PhoneFault
from ivr.reminders.imports.columns import (
    ENTRY_FAULT,
    EXTRA_CELLS,
    NO_STATUS,
    PATIENT_LANGUAGES,
    SITE_NAMES,
    UNKNOWN_CODES,
    WARNING_CODES,
)
from ivr.reminders.imports.datetimes import parse_datetime
from ivr.reminders.imports.errors import ERROR_SENTENCES, ErrorCode
from ivr.reminders.imports.rows import AppointmentRow, PartialRow, RowReader
from tests.support.clinic import NOW, at

GOOD = {"appointment_id": "A1", "phone": "603-555-0101", "starts_at": at(8)}
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def reader(content) -> RowReader:
    return RowReader(content.config, NOW)


ROUNDED = ("appointment_id", "appointment_rounded")
UNKNOWN_STATUS = ("participant[1].status", "code_unknown")

ERRORS = [
    ("no appointment id", {"appointment_id": "  "}, "appointment_id", "missing"),
    ("no phone", {"phone": ""}, "phone", "phone_missing"),
    ("no time", {"starts_at": ""}, "starts_at", "missing"),
    ("a long id", {"appointment_id": "A" * 101}, "appointment_id", "too_long"),
    ("a long name", {"first_name": "A" * 81}, "first_name", "too_long"),
    ("a name with a line break", {"first_name": "Ann\nB2,603-555-0102"}, "first_name", "line_break"),
    ("an id with a line break", {"appointment_id": "A1\r\nA2"}, "appointment_id", "line_break"),
    ("a number in scientific notation", {"phone": "6.03556E+09"}, "phone", "phone_excel"),
    ("two numbers", {"phone": "603-555-0101 / 603-555-0102"}, "phone", "phone_two"),
    ("two numbers with a line break", {"phone": "603-555-0101\n603-555-0102"}, "phone", "phone_two"),
    ("a foreign number", {"phone": "+44 20 7946 0958"}, "phone", "phone_foreign"),
    ("a premium-rate number", {"phone": "900-234-1234"}, "phone", "phone_special"),
    ("an impossible number", {"phone": "603-055-0101"}, "phone", "phone_invalid"),
    ("an extension", {"phone": "603-555-0101 ext 5"}, "phone", "phone_invalid"),
    ("a number that is too short", {"phone": "555-0101"}, "phone", "phone_invalid"),
    ("text as a number", {"phone": "none"}, "phone", "phone_invalid"),
    ("text as a time", {"starts_at": "soon"}, "starts_at", "date_invalid"),
    ("a date without a time", {"starts_at": "2026-12-24"}, "starts_at", "date_invalid"),
    ("a time range", {"starts_at": "2026-12-24 10:00-11:00"}, "starts_at", "date_invalid"),
    ("a spreadsheet's serial day without a time", {"starts_at": "46380"}, "starts_at", "date_invalid"),
    ("a date whose year looks like a time", {"starts_at": "Dec 24 2026"}, "starts_at", "date_invalid"),
    ("a three-digit time", {"starts_at": "12/24/2026 930"}, "starts_at", "date_invalid"),
    ("June 31", {"starts_at": "06/31/2027 10:00"}, "starts_at", "date_invalid"),
    ("the last year", {"starts_at": "9999-12-31 23:59"}, "starts_at", "date_invalid"),
    ("the last year with an offset", {"starts_at": "9999-12-31T23:59:59-12:00"}, "starts_at", "date_invalid"),
    ("the first year", {"starts_at": "0001-01-01T00:00:00+12:00"}, "starts_at", "date_invalid"),
    ("a past time", {"starts_at": at(-1)}, "starts_at", "date_past"),
    ("the current time", {"starts_at": at(0)}, "starts_at", "date_past"),
    ("a time too far ahead", {"starts_at": at(732)}, "starts_at", "date_far"),
    ("a skipped hour", {"starts_at": "2027-03-14 02:30"}, "starts_at", "date_skipped"),
    ("the hospital's number", {"phone": "603-663-2180"}, "phone", "phone_ours"),
    ("more cells than column names", {EXTRA_CELLS: "Ann"}, "", "row_too_long"),
    ("an unknown site", {"site": "moon"}, "site", "site_unknown"),
    ("an unknown time zone", {"timezone": "Middle Earth"}, "timezone", "timezone_unknown"),
    ("the time zone of the computer", {"timezone": "localtime"}, "timezone", "timezone_unknown"),
    ("an unknown channel", {"channel": "pigeon"}, "channel", "channel_unknown"),
    ("an unknown status", {"status": "maybe"}, "status", "status_unknown"),
    ("a status with two meanings", {"status": "Rescheduled"}, "status", "status_unknown"),
    ("a FHIR appointment without a status", {"status": NO_STATUS}, "status", "missing"),
    ("an unclear cancellation", {"canceled": "perhaps"}, "canceled", "yes_or_no"),
    ("an unclear no-show", {"no_show": "perhaps"}, "no_show", "yes_or_no"),
    ("an id that a spreadsheet rounded", {"appointment_id": "1.23456789012346E+17"}, *ROUNDED),
    ("an id that a program rounded", {"appointment_id": "4.687687688339434e+17"}, *ROUNDED),
    ("a code that FHIR does not have", {UNKNOWN_CODES: "participant[1].status"}, *UNKNOWN_STATUS),
    ("an entry that cannot be read", {ENTRY_FAULT: "entry_unreadable"}, "", "entry_unreadable"),
    ("a deleted appointment", {ENTRY_FAULT: "appointment_deleted"}, "", "appointment_deleted"),
    ("letters of a keypad", {"phone": "603-GOOD-CAR"}, "phone", "phone_invalid"),
    ("letters of a keypad after a space", {"phone": "603 GOOD CAR"}, "phone", "phone_invalid"),
]


@pytest.mark.parametrize(("change", "column", "code"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS])
def test_each_error_has_a_row_a_column_a_code_and_a_sentence(content, change, column, code):
    # With several sites, a row without one would have a second error.
    cells = {**GOOD, "site": content.config.sites[0].id, **change}
    (error,) = RowReader(content.config, NOW).read([(7, cells)])[0]
    assert (error.row, error.column, error.code) == (7, column, code)
    assert error.message.endswith((".", "?"))
    assert "{" not in error.message


def test_the_table_of_errors_is_complete():
    file_errors = {ErrorCode.UNREADABLE, ErrorCode.EMPTY_FILE, ErrorCode.NO_ROWS, ErrorCode.COLUMN_MISSING}
    file_errors |= {ErrorCode.ENCRYPTED, ErrorCode.TOO_LARGE, ErrorCode.TOO_MANY_ROWS, ErrorCode.NO_APPOINTMENTS}
    others = {*file_errors, ErrorCode.TOO_COMPLEX, ErrorCode.DUPLICATE_COLUMN, ErrorCode.DUPLICATE_APPOINTMENT}
    assert {case[3] for case in ERRORS} == {*ErrorCode, *PhoneFault} - others
    assert set(ERROR_SENTENCES) == {*ErrorCode, *PhoneFault}


def test_all_errors_of_a_row_are_reported_at_once(reader):
    bad = {"appointment_id": "", "phone": "x", "starts_at": "", "channel": "x", "status": "x", "canceled": "x?"}
    errors = reader.read([(3, bad)])[0]
    assert isinstance(errors, list)
    assert {error.column for error in errors} == set(bad)
    assert {error.row for error in errors} == {3}


def test_the_second_of_two_rows_with_the_same_id_is_rejected_and_the_error_names_the_first(reader):
    assert isinstance(reader.read([(2, GOOD)])[0], AppointmentRow)
    (error,) = reader.read([(5, GOOD)])[0]
    assert (error.row, error.column, error.code) == (5, "appointment_id", "appointment_double")
    assert "row 2" in error.message


def test_missing_cells_get_defaults(content, reader):
    row = reader.read([(2, GOOD)])[0]
    site = content.config.sites[0]
    assert (row.site, row.timezone, row.channel, row.status) == (site.id, site.timezone, "text", "booked")
    assert (row.language, row.first_name, row.phone) == (None, "", "+16035550101")


SYNONYMS = [
    *[({"language": value}, "language", "es") for value in ("es", "ES", "es-US", "es_MX", "spa", "Spanish", "Español")],
    *[({"language": value}, "language", "es") for value in ("espanol", "Spanish; Castilian", "español (Spanish)")],
    *[({"language": value}, "language", "en") for value in ("en-US", "eng", "English", "INGLÉS")],
    ({"status": "Canceled"}, "status", "cancelled"),
    ({"site": "ELLIOT"}, "site", "elliot"),
    ({"site": "Elliot Hospital"}, "site", "elliot"),
    ({"site": "Elliot Diagnostic Imaging"}, "site", "elliot"),
    ({"site": "99", SITE_NAMES: "Elliot Hospital"}, "site", "elliot"),
    ({"site": "e0", SITE_NAMES: "OR 9\ne1\nElliot Hospital\ne2"}, "site", "elliot"),
    ({PATIENT_LANGUAGES: "es-US,en"}, "language", "es"),
    ({PATIENT_LANGUAGES: "ne,es"}, "language", "es"),
    ({PATIENT_LANGUAGES: "ne"}, "language", None),
    ({"first_name": "Ann\nMarie"}, "first_name", "Ann Marie"),
    ({"first_name": "Ann\r\n  Marie"}, "first_name", "Ann Marie"),
    ({"appointment_id": '="00123"'}, "appointment_id", "00123"),
    ({"appointment_id": "\u200b00123\u00a0"}, "appointment_id", "00123"),
    ({"phone": '="6035550101"'}, "phone", "+16035550101"),
    ({"starts_at": "\u200b2026-12-24 10:00"}, "starts_at", datetime(2026, 12, 24, 15, tzinfo=UTC)),
    ({"starts_at": "12/24/2026, 2:30\u202fPM"}, "starts_at", datetime(2026, 12, 24, 19, 30, tzinfo=UTC)),
    ({"status": "cancelled\u00a0"}, "status", "cancelled"),
    ({"canceled": "true"}, "status", "cancelled"),
    ({"canceled": "Yes", "status": "booked"}, "status", "cancelled"),
    ({"canceled": "no", "status": "cancelled"}, "status", "cancelled"),
    ({"canceled": "false"}, "status", "booked"),
    ({"canceled": ""}, "status", "booked"),
    ({"no_show": "Yes"}, "status", "missed"),
    ({"no_show": "Yes", "canceled": "1"}, "status", "cancelled"),
    ({"permission": "1"}, "channel", "text"),
    ({"permission": "0"}, "channel", "none"),
    ({"permission": ""}, "channel", "none"),
    ({"permission": "ask first"}, "channel", "none"),
    ({"permission": "0", "channel": "call"}, "channel", "call"),
    ({"no_texts": "x"}, "channel", "none"),
    ({"no_texts": ""}, "channel", "text"),
    ({"status": "Waitlist"}, "channel", "none"),
]


@pytest.mark.parametrize(("cells", "field", "expected"), SYNONYMS)
def test_terms_of_scheduling_programs_are_recognized(content, cells, field, expected):
    row = RowReader(content.config, NOW).read([(2, {**GOOD, **cells})])[0]
    assert getattr(row, field) == expected


WARNINGS = [
    ("a patient without permission", {"permission": "no"}, "permission", "no_permission"),
    ("an empty permission", {"permission": ""}, "permission", "no_permission"),
    ("an unclear permission", {"permission": "ask"}, "permission", "permission_unclear"),
    ("a patient who wants no texts", {"no_texts": "yes"}, "no_texts", "no_permission"),
    ("a proposed appointment", {"status": "proposed"}, "status", "not_agreed"),
    ("a patient who has died", {WARNING_CODES: "deceased"}, "status", "deceased"),
    ("a patient who declined", {WARNING_CODES: "declined"}, "status", "declined"),
    ("a second patient", {WARNING_CODES: "second_patient"}, "phone", "second_patient"),
    ("a fixed offset", {"timezone": "UTC-5"}, "timezone", "fixed_offset"),
    ("a zone of no place", {"timezone": "Etc/GMT+5"}, "timezone", "fixed_offset"),
    ("a time without PM", {"starts_at": "12/24/2026 2:30"}, "starts_at", "early"),
    ("six without PM", {"starts_at": "2026-12-24 06:00"}, "starts_at", "early"),
    ("midnight", {"starts_at": "2026-12-24 00:00"}, "starts_at", "midnight"),
    ("midnight with AM", {"starts_at": "12/24/2026 12:00 AM"}, "starts_at", "midnight"),
]


@pytest.mark.parametrize(("change", "column", "code"), [case[1:] for case in WARNINGS], ids=[c[0] for c in WARNINGS])
def test_a_doubtful_row_is_accepted_with_a_warning(reader, change, column, code):
    assert isinstance(reader.read([(2, {**GOOD, **change})])[0], AppointmentRow)
    assert [(warning.row, warning.column, warning.code) for warning in reader.warnings] == [(2, column, code)]
    assert "{" not in reader.warnings[0].message


NO_WARNING = [
    *({"starts_at": text} for text in ("12/24/2026 2:30 AM", "2026-12-24 07:00", "12/24/2026 2:30 PM", "46380.4375")),
    {"starts_at": "2026-12-24 02:30", "status": "cancelled"},
    {"timezone": "America/Puerto_Rico"},
    {"permission": "yes", "no_texts": "no"},
]


@pytest.mark.parametrize("change", NO_WARNING)
def test_a_plain_row_causes_no_warning(reader, change):
    assert isinstance(reader.read([(2, {**GOOD, **change})])[0], AppointmentRow)
    assert reader.warnings == []


def test_a_suspicious_time_is_named_in_the_warning(reader):
    reader.read([(2, {**GOOD, "starts_at": "2026-12-24 02:30"})])
    assert reader.warnings[0].message.startswith("2:30 AM?")


CANCELLED = {"appointment_id": "A1", "status": "cancelled"}
CANCELLATIONS = [
    ("only an id", {}, []),
    ("a damaged phone", {"phone": "N/A", "starts_at": at(8)}, ["phone"]),
    ("a damaged time", {"phone": "603-555-0101", "starts_at": "12/10/2026"}, ["starts_at"]),
    ("an unknown site", {"phone": "603-555-0101", "starts_at": at(8), "site": "moon"}, ["site"]),
    ("too many cells", {**GOOD, EXTRA_CELLS: "x"}, [""]),
    ("a flag", {"status": "", "canceled": "yes"}, []),
]


@pytest.mark.parametrize(("cells", "ignored"), [case[1:] for case in CANCELLATIONS], ids=[c[0] for c in CANCELLATIONS])
def test_an_id_is_enough_to_cancel(reader, cells, ignored):
    assert reader.read([(2, {**CANCELLED, **cells})]) == [PartialRow(2, "A1", "status", "cancelled")]
    assert [(warning.column, warning.code) for warning in reader.warnings] == [
        (column, "cancelled_anyway") for column in ignored
    ]


def test_a_cancellation_without_an_id_is_an_error(reader):
    assert [error.code for error in reader.read([(2, {**GOOD, **CANCELLED, "appointment_id": ""})])[0]] == ["missing"]


@pytest.mark.parametrize("status", ["proposed", "waitlist"])
def test_an_appointment_that_has_no_time_yet_gets_no_texts(reader, status):
    cells = {**GOOD, "starts_at": "", "status": status}
    assert reader.read([(2, cells)]) == [PartialRow(2, "A1", "channel", "none")]
    assert [(warning.column, warning.code) for warning in reader.warnings] == [("starts_at", "no_time")]


LANGUAGE_WARNINGS = [
    ("ne", "This patient prefers Nepali (ne): the texts are in English (en)."),
    ("zh-Hans,es", "This patient prefers Chinese (zh-Hans): the texts are in Spanish (es)."),
    ("Klingon", "This patient prefers Klingon: the texts are in English (en)."),
    ("es,ne", None),
]
TABLE_LANGUAGES = [("Portuguese", "Portuguese"), ("tlh", "Klingon (tlh)"), ("Estonian", "Estonian"), ("?", "?")]


@pytest.mark.parametrize(("language", "name"), TABLE_LANGUAGES)
def test_a_patient_with_an_unsupported_language_is_imported_with_a_warning(reader, language, name):
    assert reader.read([(2, {**GOOD, "language": language})])[0].language is None
    assert [warning.message for warning in reader.warnings] == [
        f"This patient prefers {name}: the texts are in English (en)."
    ]


@pytest.mark.parametrize(("spoken", "message"), LANGUAGE_WARNINGS)
def test_a_fhir_patient_with_an_unsupported_language_is_imported_with_a_warning(reader, spoken, message):
    assert isinstance(reader.read([(2, {**GOOD, PATIENT_LANGUAGES: spoken})])[0], AppointmentRow)
    expected = [(2, "language", message)] if message else []
    assert [(warning.row, warning.column, warning.message) for warning in reader.warnings] == expected


FORMATS = [
    ("2026-12-24 10:00", "2026-12-24T15:00"),
    ("2026-12-24T10:00", "2026-12-24T15:00"),
    ("2026-12-24T10:00:00Z", "2026-12-24T10:00"),
    ("2026-12-24T10:00:00.000-05:00", "2026-12-24T15:00"),
    ("12/24/2026 10:00", "2026-12-24T15:00"),
    ("12/24/2026 2:30 PM", "2026-12-24T19:30"),
    ("12/24/2026 2:30PM", "2026-12-24T19:30"),
    ("12/24/26 14:30", "2026-12-24T19:30"),
    ("1/2/2027 9:05", "2027-01-02T14:05"),
    ("2026-12-24 2:30 PM", "2026-12-24T19:30"),
    ("07/04/2027 10:00", "2027-07-04T14:00"),
    ("11/07/2027 01:30", "2027-11-07T05:30"),
    ("12/24/2026 2:30 p.m.", "2026-12-24T19:30"),
    ("12/24/2026, 2:30 PM", "2026-12-24T19:30"),
    ("12/24/2026 at 2:30 PM", "2026-12-24T19:30"),
    ("Dec 24, 2026 2:30 PM", "2026-12-24T19:30"),
    ("December 24, 2026 14:30", "2026-12-24T19:30"),
    ("24-Dec-2026 14:30:00", "2026-12-24T19:30"),
    ("Dec 24 2026  2:30PM", "2026-12-24T19:30"),
    ("24 Dec 2026 14:30", "2026-12-24T19:30"),
    ("24-Dec-26 2:30 PM", "2026-12-24T19:30"),
    ("12-24-26 2:30 PM", "2026-12-24T19:30"),
    ("Thu 12/24/2026 2:30 PM", "2026-12-24T19:30"),
    ("Thursday, December 24, 2026 2:30 PM", "2026-12-24T19:30"),
    ("12/24/2026 2 PM", "2026-12-24T19:00"),
    ("12/24/2026 2PM", "2026-12-24T19:00"),
    ("12/24/2026 2:30p", "2026-12-24T19:30"),
    ("12/24/2026 9:30 A", "2026-12-24T14:30"),
    ("12/24/2026 1430", "2026-12-24T19:30"),
    ("12/24/2026 14:30:00.000", "2026-12-24T19:30"),
    ("46380.4375", "2026-12-24T15:30"),
    ("46380 0.604166666666667", "2026-12-24T19:30"),
    ("2026-12-24 10:00-05:00", "2026-12-24T15:00"),
    ("2026-12-24 10:00-08:00", "2026-12-24T18:00"),
    ("2026-12-24T10:00-11:00", "2026-12-24T21:00"),
]


@pytest.mark.parametrize(("text", "utc"), FORMATS, ids=[text for text, _ in FORMATS])
def test_common_date_and_time_formats_are_read_month_first(text, utc):
    assert parse_datetime(text, NEW_YORK).at == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_dates_can_be_configured_as_day_first(content):
    reminders = content.config.reminders.model_copy(update={"dates": "day-first"})
    config = content.config.model_copy(update={"reminders": reminders})
    row = RowReader(config, NOW).read([(2, {**GOOD, "starts_at": "24/12/2026 10:00"})])[0]
    assert row.starts_at == datetime(2026, 12, 24, 15, tzinfo=UTC)
    row = RowReader(config, NOW).read([(2, {**GOOD, "starts_at": "03/02/2027 10:00"})])[0]
    assert row.starts_at == datetime(2027, 2, 3, 15, tzinfo=UTC)


def test_the_countries_whose_numbers_get_texts_can_be_configured(content):
    cells = {**GOOD, "phone": "+1 416 967 1111"}
    assert [error.code for error in RowReader(content.config, NOW).read([(2, cells)])[0]] == ["phone_foreign"]
    reminders = content.config.reminders.model_copy(update={"countries": ["US", "CA"]})
    config = content.config.model_copy(update={"reminders": reminders})
    assert RowReader(config, NOW).read([(2, cells)])[0].phone == "+14169671111"


def test_an_hour_that_the_clocks_repeat_is_accepted_with_a_warning(reader):
    assert isinstance(reader.read([(2, {**GOOD, "starts_at": "2027-11-07 01:30"})])[0], AppointmentRow)
    assert isinstance(
        reader.read([(3, {**GOOD, "appointment_id": "A2", "starts_at": "2027-11-07T10:30-05:00"})])[0], AppointmentRow
    )
    assert [(warning.row, warning.column, warning.code) for warning in reader.warnings] == [
        (2, "starts_at", "date_repeated"),
        (3, "phone", "same_day"),
    ]


def test_a_second_appointment_on_the_same_day_is_accepted_with_a_warning(reader):
    for number, day in ((2, 8), (3, 8), (4, 9)):
        cells = {**GOOD, "appointment_id": f"A{number}", "starts_at": at(day)}
        assert isinstance(reader.read([(number, cells)])[0], AppointmentRow)
    cancelled = {**GOOD, "appointment_id": "A5", "starts_at": at(9), "status": "cancelled"}
    assert isinstance(reader.read([(5, cancelled)])[0], AppointmentRow)
    assert [(warning.row, warning.code) for warning in reader.warnings] == [(3, "same_day")]
    assert "row 2" in reader.warnings[0].message


def test_the_numbers_of_the_line_and_the_hospital_are_rejected(content):
    own_numbers = frozenset({"+16035550100"})
    for phone in ("603-555-0100", content.config.directory[1].number):
        errors = RowReader(content.config, NOW, own_numbers).read([(2, {**GOOD, "phone": phone})])[0]
        assert [error.code for error in errors] == ["phone_ours"]


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "site", "language", "timezone", "first_name", "channel", "status", "other"]),
        st.text(max_size=120) | st.datetimes().map(str) | st.from_regex(r"\+?[\d\-() .]{7,16}", fullmatch=True),
    )
)
def test_any_cells_yield_a_row_or_errors(content, cells):
    row = RowReader(content.config, NOW).read([(2, cells)])[0]
    assert isinstance(row, AppointmentRow | PartialRow) or (row and all(error.message for error in row))
