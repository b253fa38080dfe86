"""Validation of rows: each error has a code, a column, and a sentence, and all errors of a row are reported."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.people.phones import PhoneFault
from ivr.reminders.imports.categories import PATIENT_LANGUAGES, SITE_NAME, WARNING_CODE
from ivr.reminders.imports.datetimes import parse_datetime
from ivr.reminders.imports.errors import ERROR_SENTENCES, ErrorCode
from ivr.reminders.imports.rows import EXTRA_CELLS, AppointmentRow, RowReader
from tests.support.clinic import NOW, at

GOOD = {"appointment_id": "A1", "phone": "603-555-0101", "starts_at": at(8)}
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def reader(content) -> RowReader:
    return RowReader(content.config, NOW)


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
    ("an unknown language", {"language": "tlh"}, "language", "language_unknown"),
    ("a language that starts like a supported one", {"language": "Estonian"}, "language", "language_unknown"),
    ("not a language name", {"language": "?"}, "language", "language_unknown"),
    ("an unknown time zone", {"timezone": "Eastern"}, "timezone", "timezone_unknown"),
    ("the time zone of the computer", {"timezone": "localtime"}, "timezone", "timezone_unknown"),
    ("an unknown channel", {"channel": "pigeon"}, "channel", "channel_unknown"),
    ("an unknown status", {"status": "maybe"}, "status", "status_unknown"),
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
    others = {*file_errors, ErrorCode.DUPLICATE_COLUMN, ErrorCode.DUPLICATE_APPOINTMENT}
    assert {case[3] for case in ERRORS} == {*ErrorCode, *PhoneFault} - others
    assert set(ERROR_SENTENCES) == {*ErrorCode, *PhoneFault}


def test_all_errors_of_a_row_are_reported_at_once(reader):
    bad = {"appointment_id": "", "phone": "x", "starts_at": "", "channel": "x", "status": "x", "language": "xx"}
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
    *[({"status": value}, "status", "missed") for value in ("missed", "No Show", "no-show", "NOSHOW")],
    *[({"status": value}, "status", "attended") for value in ("attended", "Arrived", "Completed")],
    *[({"status": value}, "status", "booked") for value in ("", "Booked", "Scheduled")],
    ({"status": "Canceled"}, "status", "cancelled"),
    ({"site": "ELLIOT"}, "site", "elliot"),
    ({"site": "Elliot Diagnostic Imaging"}, "site", "elliot"),
    ({"site": "99", SITE_NAME: "Elliot Diagnostic Imaging"}, "site", "elliot"),
    ({PATIENT_LANGUAGES: "es-US,en"}, "language", "es"),
    ({PATIENT_LANGUAGES: "ne,es"}, "language", "es"),
    ({PATIENT_LANGUAGES: "ne"}, "language", None),
]


@pytest.mark.parametrize(("cells", "field", "expected"), SYNONYMS)
def test_terms_of_scheduling_programs_are_recognized(content, cells, field, expected):
    row = RowReader(content.config, NOW).read([(2, {**GOOD, **cells})])[0]
    assert getattr(row, field) == expected


LANGUAGE_WARNINGS = [
    ("ne", "This patient prefers Nepali (ne): the texts are in English (en)."),
    ("zh-Hans,es", "This patient prefers Chinese (zh-Hans): the texts are in Spanish (es)."),
    ("Klingon", "This patient prefers Klingon: the texts are in English (en)."),
    ("es,ne", None),
]


@pytest.mark.parametrize(("spoken", "message"), LANGUAGE_WARNINGS)
def test_a_fhir_patient_with_an_unsupported_language_is_imported_with_a_warning(reader, spoken, message):
    assert isinstance(reader.read([(2, {**GOOD, PATIENT_LANGUAGES: spoken})])[0], AppointmentRow)
    expected = [(2, "language", message)] if message else []
    assert [(warning.row, warning.column, warning.message) for warning in reader.warnings] == expected


def test_a_fhir_warning_code_becomes_a_warning(reader):
    assert isinstance(reader.read([(2, {**GOOD, "channel": "none", WARNING_CODE: "deceased"})])[0], AppointmentRow)
    assert [(warning.column, warning.code) for warning in reader.warnings] == [("status", "deceased")]


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
        reader.read([(3, {**GOOD, "appointment_id": "A2", "starts_at": "2027-11-07T01:30-05:00"})])[0], AppointmentRow
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
    assert isinstance(row, AppointmentRow) or (row and all(error.message for error in row))
