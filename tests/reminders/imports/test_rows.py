"""One row of a scheduler's file: each fault has its code, its place and a sentence, and all of a row are told."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.people.phones import PhoneFault
from ivr.reminders.imports.datetimes import parse_datetime
from ivr.reminders.imports.errors import ERROR_SENTENCES, ErrorCode
from ivr.reminders.imports.rows import EXTRA_CELLS, NOTE, PLACE, SPOKEN, AppointmentRow, RowReader
from tests.support.clinic import NOW, at

GOOD = {"appointment_id": "A1", "phone": "603-555-0101", "starts_at": at(8)}
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def reader(content) -> RowReader:
    return RowReader(content.config, NOW)


FAULTS = [
    ("no id", {"appointment_id": "  "}, "appointment_id", "missing"),
    ("no phone", {"phone": ""}, "phone", "phone_missing"),
    ("no time", {"starts_at": ""}, "starts_at", "missing"),
    ("a long id", {"appointment_id": "A" * 101}, "appointment_id", "too_long"),
    ("a long name", {"first_name": "A" * 81}, "first_name", "too_long"),
    ("a name over two lines", {"first_name": "Ann\nB2,603-555-0102"}, "first_name", "line_break"),
    ("an id over two lines", {"appointment_id": "A1\r\nA2"}, "appointment_id", "line_break"),
    ("a spreadsheet's number", {"phone": "6.03556E+09"}, "phone", "phone_excel"),
    ("two numbers", {"phone": "603-555-0101 / 603-555-0102"}, "phone", "phone_two"),
    ("two numbers over two lines", {"phone": "603-555-0101\n603-555-0102"}, "phone", "phone_two"),
    ("a foreign number", {"phone": "+44 20 7946 0958"}, "phone", "phone_foreign"),
    ("an impossible number", {"phone": "603-055-0101"}, "phone", "phone_invalid"),
    ("an extension", {"phone": "603-555-0101 ext 5"}, "phone", "phone_invalid"),
    ("too short a number", {"phone": "555-0101"}, "phone", "phone_invalid"),
    ("words for a number", {"phone": "none"}, "phone", "phone_invalid"),
    ("words for a time", {"starts_at": "soon"}, "starts_at", "date_invalid"),
    ("a date without a time", {"starts_at": "2026-12-24"}, "starts_at", "date_invalid"),
    ("from when until when", {"starts_at": "2026-12-24 10:00-11:00"}, "starts_at", "date_invalid"),
    ("a day as a spreadsheet counts it", {"starts_at": "46380"}, "starts_at", "date_invalid"),
    ("a year for a time", {"starts_at": "Dec 24 2026"}, "starts_at", "date_invalid"),
    ("a time of three digits", {"starts_at": "12/24/2026 930"}, "starts_at", "date_invalid"),
    ("a 31st of June", {"starts_at": "06/31/2027 10:00"}, "starts_at", "date_invalid"),
    ("the end of time", {"starts_at": "9999-12-31 23:59"}, "starts_at", "date_invalid"),
    ("the end of time with a zone", {"starts_at": "9999-12-31T23:59:59-12:00"}, "starts_at", "date_invalid"),
    ("its beginning", {"starts_at": "0001-01-01T00:00:00+12:00"}, "starts_at", "date_invalid"),
    ("a past time", {"starts_at": at(-1)}, "starts_at", "date_past"),
    ("this very moment", {"starts_at": at(0)}, "starts_at", "date_past"),
    ("a far time", {"starts_at": at(732)}, "starts_at", "date_far"),
    ("an hour that is skipped", {"starts_at": "2027-03-14 02:30"}, "starts_at", "date_skipped"),
    ("the hospital's number", {"phone": "603-663-2180"}, "phone", "phone_ours"),
    ("more cells than names", {EXTRA_CELLS: "Ann"}, "", "row_too_long"),
    ("an unknown site", {"site": "moon"}, "site", "site_unknown"),
    ("an unknown language", {"language": "tlh"}, "language", "language_unknown"),
    ("a language that begins like one of ours", {"language": "Estonian"}, "language", "language_unknown"),
    ("no name of a language", {"language": "?"}, "language", "language_unknown"),
    ("an unknown zone", {"timezone": "Eastern"}, "timezone", "timezone_unknown"),
    ("the zone of a machine", {"timezone": "localtime"}, "timezone", "timezone_unknown"),
    ("an unknown channel", {"channel": "pigeon"}, "channel", "channel_unknown"),
    ("an unknown status", {"status": "maybe"}, "status", "status_unknown"),
]


@pytest.mark.parametrize(("change", "column", "code"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_each_fault_has_its_place_its_code_and_a_sentence(content, change, column, code):
    # Where there are several sites, a row must name one; these are about something else.
    cells = {**GOOD, "site": content.config.sites[0].id, **change}
    told = RowReader(content.config, NOW).read(7, cells)
    assert [(fault.row, fault.column, fault.code) for fault in told] == [(7, column, code)]
    assert told[0].message.endswith((".", "?"))
    assert "{" not in told[0].message


def test_the_table_above_has_every_fault_that_a_row_can_have():
    of_files = {ErrorCode.UNREADABLE, ErrorCode.EMPTY_FILE, ErrorCode.NO_ROWS, ErrorCode.COLUMN_MISSING}
    of_files |= {ErrorCode.LOCKED, ErrorCode.TOO_LARGE, ErrorCode.TOO_MANY, ErrorCode.NO_APPOINTMENTS}
    of_others = {*of_files, ErrorCode.COLUMN_DOUBLE, ErrorCode.DOUBLE}
    assert {case[3] for case in FAULTS} == {*ErrorCode, *PhoneFault} - of_others
    assert set(ERROR_SENTENCES) == {*ErrorCode, *PhoneFault}


def test_all_faults_of_a_row_are_told_at_once(reader):
    bad = {"appointment_id": "", "phone": "x", "starts_at": "", "channel": "x", "status": "x", "language": "xx"}
    told = reader.read(3, bad)
    assert isinstance(told, list)
    assert {fault.column for fault in told} == set(bad)
    assert {fault.row for fault in told} == {3}


def test_the_later_of_two_rows_with_one_id_is_rejected_and_the_first_is_named(reader):
    assert isinstance(reader.read(2, GOOD), AppointmentRow)
    told = reader.read(5, GOOD)
    assert [(fault.row, fault.column, fault.code) for fault in told] == [(5, "appointment_id", "appointment_double")]
    assert "row 2" in told[0].message


def test_what_a_row_leaves_out_is_filled_in(content, reader):
    read = reader.read(2, GOOD)
    site = content.config.sites[0]
    assert (read.site, read.timezone, read.channel, read.status) == (site.id, site.timezone, "text", "booked")
    assert (read.language, read.first_name, read.phone) == (None, "", "+16035550101")


SAID = [
    *[({"language": words}, "language", "es") for words in ("es", "ES", "es-US", "es_MX", "spa", "Spanish", "Español")],
    *[({"language": words}, "language", "es") for words in ("espanol", "Spanish; Castilian", "español (Spanish)")],
    *[({"language": words}, "language", "en") for words in ("en-US", "eng", "English", "INGLÉS")],
    *[({"status": words}, "status", "missed") for words in ("missed", "No Show", "no-show", "NOSHOW")],
    *[({"status": words}, "status", "attended") for words in ("attended", "Arrived", "Completed")],
    *[({"status": words}, "status", "booked") for words in ("", "Booked", "Scheduled")],
    ({"status": "Canceled"}, "status", "cancelled"),
    ({"site": "ELLIOT"}, "site", "elliot"),
    ({"site": "Elliot Diagnostic Imaging"}, "site", "elliot"),
    ({"site": "99", PLACE: "Elliot Diagnostic Imaging"}, "site", "elliot"),
    ({SPOKEN: "es-US,en"}, "language", "es"),
    ({SPOKEN: "ne,es"}, "language", "es"),
    ({SPOKEN: "ne"}, "language", None),
]


@pytest.mark.parametrize(("cells", "field", "meant"), SAID)
def test_what_programs_say_is_what_we_call_it(content, cells, field, meant):
    read = RowReader(content.config, NOW).read(2, {**GOOD, **cells})
    assert getattr(read, field) == meant


NOTES = [
    ("ne", "This patient prefers Nepali (ne): the texts are in English (en)."),
    ("zh-Hans,es", "This patient prefers Chinese (zh-Hans): the texts are in Spanish (es)."),
    ("Klingon", "This patient prefers Klingon: the texts are in English (en)."),
    ("es,ne", None),
]


@pytest.mark.parametrize(("spoken", "told"), NOTES)
def test_a_language_that_the_line_does_not_speak_keeps_no_patient_of_fhir_out(reader, spoken, told):
    assert isinstance(reader.read(2, {**GOOD, SPOKEN: spoken}), AppointmentRow)
    assert [(one.row, one.column, one.message) for one in reader.warnings] == ([(2, "language", told)] if told else [])


def test_what_fhir_says_of_a_row_is_passed_on(reader):
    assert isinstance(reader.read(2, {**GOOD, "channel": "none", NOTE: "deceased"}), AppointmentRow)
    assert [(one.column, one.code) for one in reader.warnings] == [("status", "deceased")]


MOMENTS = [
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


@pytest.mark.parametrize(("words", "moment"), MOMENTS, ids=[words for words, _ in MOMENTS])
def test_times_are_read_as_offices_write_them_month_first(words, moment):
    assert parse_datetime(words, NEW_YORK).at == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_a_setting_says_that_the_day_comes_first(content):
    reminders = content.config.reminders.model_copy(update={"dates": "day-first"})
    config = content.config.model_copy(update={"reminders": reminders})
    read = RowReader(config, NOW).read(2, {**GOOD, "starts_at": "24/12/2026 10:00"})
    assert read.starts_at == datetime(2026, 12, 24, 15, tzinfo=UTC)
    read = RowReader(config, NOW).read(2, {**GOOD, "starts_at": "03/02/2027 10:00"})
    assert read.starts_at == datetime(2027, 2, 3, 15, tzinfo=UTC)


def test_a_setting_says_which_countries_numbers_are_texted(content):
    cells = {**GOOD, "phone": "+1 416 967 1111"}
    assert [told.code for told in RowReader(content.config, NOW).read(2, cells)] == ["phone_foreign"]
    reminders = content.config.reminders.model_copy(update={"countries": ["US", "CA"]})
    config = content.config.model_copy(update={"reminders": reminders})
    assert RowReader(config, NOW).read(2, cells).phone == "+14169671111"


def test_an_hour_that_the_clocks_repeat_is_taken_with_a_warning(reader):
    assert isinstance(reader.read(2, {**GOOD, "starts_at": "2027-11-07 01:30"}), AppointmentRow)
    assert isinstance(
        reader.read(3, {**GOOD, "appointment_id": "A2", "starts_at": "2027-11-07T01:30-05:00"}), AppointmentRow
    )
    assert [(told.row, told.column, told.code) for told in reader.warnings] == [
        (2, "starts_at", "date_repeated"),
        (3, "phone", "same_day"),
    ]


def test_one_person_twice_on_a_day_is_taken_with_a_warning_that_names_the_other_row(reader):
    for number, day in ((2, 8), (3, 8), (4, 9)):
        assert isinstance(
            reader.read(number, {**GOOD, "appointment_id": f"A{number}", "starts_at": at(day)}), AppointmentRow
        )
    cancelled = {**GOOD, "appointment_id": "A5", "starts_at": at(9), "status": "cancelled"}
    assert isinstance(reader.read(5, cancelled), AppointmentRow)
    assert [(told.row, told.code) for told in reader.warnings] == [(3, "same_day")]
    assert "row 2" in reader.warnings[0].message


def test_the_lines_own_number_and_the_hospitals_are_no_patients(content):
    ours = frozenset({"+16035550100"})
    for words in ("603-555-0100", content.config.directory[1].number):
        told = RowReader(content.config, NOW, ours).read(2, {**GOOD, "phone": words})
        assert [fault.code for fault in told] == ["phone_ours"]


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "site", "language", "timezone", "first_name", "channel", "status", "other"]),
        st.text(max_size=120) | st.datetimes().map(str) | st.from_regex(r"\+?[\d\-() .]{7,16}", fullmatch=True),
    )
)
def test_any_cells_give_a_row_or_faults_and_never_break(content, cells):
    read = RowReader(content.config, NOW).read(2, cells)
    assert isinstance(read, AppointmentRow) or (read and all(fault.message for fault in read))
