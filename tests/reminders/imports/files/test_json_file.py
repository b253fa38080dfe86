"""JSON and FHIR produce the same rows as a table."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.reminders.imports.columns import NO_STATUS, PATIENT_LANGUAGES, SITE_NAMES, WARNING_CODES
from ivr.reminders.imports.files import ReadOptions, UnreadableFile, json_file
from ivr.reminders.imports.files import read_rows as read_with_warnings


def read_rows(path):
    return read_with_warnings(path, ReadOptions(), [])


def rows_of_json(value):
    return json_file.rows_of_json(value, [])


ONE = {"appointment_id": "A1", "phone": "603-555-0101", "starts_at": "2026-12-24T10:00:00-05:00", "site": ""}
TWO = {"appointment_id": "1042", "phone": "6035550102", "starts_at": "2026-12-24T11:00:00-05:00", "site": "main"}
LIST = [
    {
        "appointmentId": "A1",
        "Phone Number": "603-555-0101",
        "start": ONE["starts_at"],
        "site": None,
        "doctor": {"a": 1},
    },
    {"appointmentId": 1042, "Phone Number": 6035550102.0, "start": TWO["starts_at"], "site": "main"},
]
ROWS = [(1, ONE), (2, TWO)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("value", [LIST, {"appointments": LIST, "total": 2}], ids=["a list", "an object"])
def test_a_list_of_objects_yields_rows_numbered_by_position(tmp_path, value, encoding):
    (tmp_path / "list.txt").write_bytes(json.dumps(value, indent=1).encode(encoding))
    assert list(read_rows(tmp_path / "list.txt")) == ROWS


def test_keys_missing_from_some_objects_are_empty_cells(tmp_path):
    rows = list(rows_of_json([{**LIST[0], "language": "es"}, {"Phone Number": "1"}, {}]))
    assert [cells.get("language", "") for _, cells in rows] == ["es", "", ""]
    assert [cells.get("appointment_id", "") for _, cells in rows] == ["A1", "", ""]


def test_a_date_and_a_time_are_joined():
    ((_, cells),) = rows_of_json([{"appt": 1, "cell": "603-555-0101", "date": "2026-12-24", "time": "10:00"}])
    assert cells["starts_at"] == "2026-12-24 10:00"


WRONG_SHAPES = [
    ("an object without a list", {"visits": LIST}, "file_unreadable", "not a list of appointments"),
    ("a string", "appointments", "file_unreadable", "not a list of appointments"),
    ("an empty list", [], "file_no_appointments", "no appointments in this file"),
    ("a string in the list", [LIST[0], "A2"], "file_unreadable", "appointment 2 is not an object"),
    ("a list in a cell", [{**LIST[0], "site": ["main"]}], "file_unreadable", "site of appointment 1 is neither"),
    ("a NUL", [{**LIST[0], "site": "a\0"}], "file_unreadable", "row 1 contains invalid characters"),
    ("half a surrogate pair", [{**LIST[0], "site": "\ud800"}], "file_unreadable", "row 1 contains invalid characters"),
    ("an enormous cell", [{**LIST[0], "site": "a" * 10_001}], "file_unreadable", "row 1 is longer than 10,000"),
    ("too many appointments", LIST * 25_001, "file_too_many_rows", "50,000 rows"),
    (
        "other keys",
        [{"id": 1, "start": "x"}],
        "column_missing",
        "appointment_id and phone are missing: add them to each",
    ),
    (
        "two keys for a column",
        [{**LIST[0], "mobile": "1"}],
        "column_double",
        "Phone Number and mobile mean the same thing",
    ),
    (
        "an empty bundle",
        {"resourceType": "Bundle", "type": "searchset"},
        "file_no_appointments",
        "no appointments in this file",
    ),
]


@pytest.mark.parametrize(
    ("value", "code", "part"), [case[1:] for case in WRONG_SHAPES], ids=[case[0] for case in WRONG_SHAPES]
)
def test_json_that_is_not_a_list_of_appointments_is_reported(value, code, part):
    with pytest.raises(UnreadableFile) as caught:
        list(rows_of_json(value))
    error = caught.value.error
    assert (error.row, error.code) == (0, code)
    assert part in error.message


DAMAGED = [
    ("cut off", json.dumps(LIST, indent=1)[:60].encode(), "damaged on line"),
    ("endless brackets", b"[" * 1_000_000, "nested too deeply"),
    ("an endless number", b"[" + b"9" * 10_000 + b"]", "number that is too long"),
    ("too large", b"[" + b" " * 20_000_000 + b"]", "larger than 20 MB"),
    ("NDJSON", b'{"appointment_id": 1}\n{"appointment_id": 2}\n', "it is NDJSON"),
    ("NDJSON of FHIR", b'{"resourceType": "Appointment"}\r\n{"resourceType": "Patient"}', "it is NDJSON"),
    ("an RTF document", b"{\\rtf1 x}", "it is a document"),
]


@pytest.mark.parametrize(("content", "sentence"), [case[1:] for case in DAMAGED], ids=[case[0] for case in DAMAGED])
def test_damaged_json_is_reported(tmp_path, content, sentence):
    (tmp_path / "list.json").write_bytes(content)
    with pytest.raises(UnreadableFile, match=sentence):
        list(read_rows(tmp_path / "list.json"))


def patient(**parts) -> dict:
    return {"resourceType": "Patient", "id": "7", "telecom": [{"system": "phone", "value": "603-555-0101"}], **parts}


def appointment(*actors: dict, **parts) -> dict:
    return {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "booked",
        "start": "2026-12-24T10:00:00-05:00",
        "participant": [{"actor": actor, "status": "accepted"} for actor in actors or ({"reference": "Patient/7"},)],
        **parts,
    }


def bundle(*resources: dict) -> dict:
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


def only_row(value: object) -> dict[str, str]:
    ((number, cells),) = rows_of_json(value)
    assert number == 1
    return cells


def test_a_row_of_a_bundle_combines_the_appointment_the_patient_and_the_location(tmp_path):
    maria = patient(
        name=[{"use": "maiden", "given": ["Old"]}, {"use": "official", "given": ["María", "José"], "family": "García"}],
        communication=[
            {"language": {"coding": [{"code": "en"}]}},
            {"language": {"coding": [{"code": "es-MX"}]}, "preferred": True},
        ],
    )
    full = appointment(
        {"reference": "Practitioner/3"},
        {"reference": "Patient/7"},
        {"reference": "Location/main", "display": "Elliot"},
        identifier=[{"system": "urn:x", "value": "V-1042"}],
    )
    (tmp_path / "bundle.json").write_text(json.dumps(bundle(maria, {"resourceType": "Slot"}, full, appointment())))
    first, (number, second) = read_rows(tmp_path / "bundle.json")
    assert first == (
        1,
        {
            "appointment_id": "V-1042",
            "phone": "603-555-0101",
            "starts_at": "2026-12-24T10:00:00-05:00",
            "site": "main",
            SITE_NAMES: "Elliot",
            PATIENT_LANGUAGES: "es-MX,en",
            "first_name": "María",
            "status": "booked",
            WARNING_CODES: "",
        },
    )
    assert (number, second["appointment_id"], second["site"]) == (2, "a1", "")


@pytest.mark.parametrize(("parts", "status"), [({}, "booked"), ({"status": ""}, NO_STATUS), ({"status": 1}, NO_STATUS)])
def test_the_status_is_passed_on_and_a_missing_one_is_not_booked(parts, status):
    assert only_row(bundle(patient(), appointment(**parts)))["status"] == status


PHONES = [
    ("a mobile number before a better rank", [("phone", "home", 1, "0101"), ("phone", "mobile", 9, "0102")], "0102"),
    ("a better rank", [("phone", "home", 2, "0101"), ("phone", "work", 1, "0102")], "0102"),
    ("two mobile numbers by rank", [("phone", "mobile", None, "0101"), ("phone", "mobile", 1, "0102")], "0102"),
    ("an email address is ignored", [("email", "mobile", 1, "0101"), ("phone", "home", None, "0102")], "0102"),
    ("an old number is ignored", [("phone", "old", 1, "0101"), ("phone", "home", 2, "0102")], "0102"),
    ("a text-only number", [("phone", "home", 1, "0101"), ("sms", None, None, "0102")], "0102"),
    ("a tel: address", [("phone", "mobile", 1, "tel:0102")], "0102"),
    ("home before work", [("phone", "work", None, "0101"), ("phone", "home", None, "0102")], "0102"),
    ("no number", [], ""),
]


@pytest.mark.parametrize(("contacts", "chosen"), [case[1:] for case in PHONES], ids=[case[0] for case in PHONES])
def test_the_best_number_for_texts_is_chosen(contacts, chosen):
    telecom = [dict(zip(("system", "use", "rank", "value"), contact, strict=True)) for contact in contacts]
    assert only_row(bundle(patient(telecom=telecom), appointment()))["phone"] == chosen


PERIODS = [
    ("expires before the appointment", "2026-12-23", "0102"),
    ("expires on the day of the appointment", "2026-12-24T23:00:00-05:00", "0101"),
    ("expires in an earlier year", "2025", "0102"),
    ("expires in the year of the appointment", "2026", "0101"),
    ("never expires", "", "0101"),
]


@pytest.mark.parametrize(("end", "chosen"), [case[1:] for case in PERIODS], ids=[case[0] for case in PERIODS])
def test_a_number_that_expires_before_the_appointment_is_not_chosen(end, chosen):
    mobile = {"system": "phone", "use": "mobile", "value": "0101", "period": {"end": end}}
    telecom = [mobile, {"system": "phone", "use": "home", "value": "0102"}]
    assert only_row(bundle(patient(telecom=telecom), appointment()))["phone"] == chosen


DECLINED = {"status": "declined", "actor": {"reference": "Patient/7"}}
OTHER = {"status": "accepted", "actor": {"reference": "Patient/8"}}
ACCEPTED = {**DECLINED, "status": "accepted"}
WARNINGS = [
    ("deceased", {"deceasedBoolean": True}, {}, "deceased"),
    ("deceased on a date", {"deceasedDateTime": "2026-11-01"}, {}, "deceased"),
    ("living", {"deceasedBoolean": False}, {}, ""),
    ("the patient declined", {}, {"participant": [DECLINED]}, "declined"),
    ("one of two patients declined", {}, {"participant": [OTHER, DECLINED]}, ""),
    ("two patients", {}, {"participant": [ACCEPTED, OTHER]}, "second_patient"),
    ("the same patient twice", {}, {"participant": [ACCEPTED, ACCEPTED]}, ""),
]


@pytest.mark.parametrize(
    ("patient_parts", "parts", "codes"), [case[1:] for case in WARNINGS], ids=[case[0] for case in WARNINGS]
)
def test_what_is_unusual_about_the_patient_is_passed_on(patient_parts, parts, codes):
    assert only_row(bundle(patient(**patient_parts), appointment(**parts)))[WARNING_CODES] == codes


def test_a_patient_who_did_not_decline_is_chosen():
    other = patient(id="8", telecom=[{"system": "phone", "value": "603-555-0108"}])
    cells = only_row(bundle(patient(), other, appointment(participant=[DECLINED, OTHER])))
    assert cells["phone"] == "603-555-0108"


PAGES = [
    ({"link": [{"relation": "next", "url": "https://x"}]}, ["it has 1 appointments"]),
    ({"total": 250}, ["it has 1 of 250 appointments"]),
    ({"total": 1, "link": [{"relation": "self", "url": "https://x"}]}, []),
]


@pytest.mark.parametrize(("parts", "details"), PAGES)
def test_a_bundle_with_more_pages_causes_a_warning(parts, details):
    warnings = []
    list(json_file.rows_of_json({**bundle(patient(), appointment()), **parts}, warnings))
    assert [(warning.row, warning.code) for warning in warnings] == [(0, "more_pages") for _ in details]
    assert all(detail in warning.message for detail, warning in zip(details, warnings, strict=True))


IDS = [
    ("an official id", [("secondary", "S"), ("official", "O"), ("usual", "U")], "O"),
    ("an id without a use before a secondary one", [("secondary", "S"), (None, "N")], "N"),
    ("an old id is ignored", [("old", "X")], "a1"),
    ("the resource id if there are no others", [], "a1"),
]


@pytest.mark.parametrize(("pairs", "chosen"), [case[1:] for case in IDS], ids=[case[0] for case in IDS])
def test_the_appointment_id_does_not_depend_on_the_order_of_identifiers(pairs, chosen):
    identifiers = [{"value": value, **({"use": use} if use else {})} for use, value in pairs]
    for identifier in (identifiers, identifiers[::-1]):
        assert only_row(bundle(patient(), appointment(identifier=identifier)))["appointment_id"] == chosen


LANGUAGES = [
    ("the preferred language first", [("en", None), ("es-MX", True)], "es-MX,en"),
    ("a language name", [("", None), ("Spanish, of Mexico", True)], "Spanish  of Mexico"),
    ("none", [], ""),
]


@pytest.mark.parametrize(("spoken", "expected"), [case[1:] for case in LANGUAGES], ids=[case[0] for case in LANGUAGES])
def test_all_languages_of_the_patient_are_listed(spoken, expected):
    def concept(name):
        return {"text": name} if " " in name else {"coding": [{"code": name}]}

    communication = [{"language": concept(name), "preferred": preferred} for name, preferred in spoken]
    assert only_row(bundle(patient(communication=communication), appointment()))[PATIENT_LANGUAGES] == expected


URN = "urn:uuid:0f3c"
REFERENCES = [
    ("type and id", {"reference": "Patient/7"}, ""),
    ("absolute URL", {"reference": "https://ehr.example.org/fhir/Patient/7"}, ""),
    ("versioned reference", {"reference": "Patient/7/_history/2"}, ""),
    ("URN in the bundle", {"reference": URN}, URN),
    ("absolute URL in the bundle", {"reference": "https://ehr.example.org/p"}, "https://ehr.example.org/p"),
]


@pytest.mark.parametrize(("actor", "url"), [case[1:] for case in REFERENCES], ids=[case[0] for case in REFERENCES])
def test_every_kind_of_reference_finds_the_patient(actor, url):
    value = bundle(patient(), appointment({"reference": "Location/main"}, actor))
    value["entry"][0]["fullUrl"] = url
    assert only_row(value)["phone"] == "603-555-0101"


def test_a_single_appointment_may_contain_its_patient():
    alone = appointment({"reference": "#p"}, contained=[patient(id="p")])
    assert only_row(alone)["phone"] == "603-555-0101"


def test_a_patient_is_found_by_medical_record_number():
    record_number = {"system": "urn:mrn", "value": "M 1"}
    other = patient(id="8", telecom=[], identifier=[{"system": "urn:ssn", "value": "M 1"}])
    actor = {"type": "Patient", "identifier": record_number}
    assert only_row(bundle(other, patient(identifier=[record_number]), appointment(actor)))["phone"] == "603-555-0101"
    assert only_row(bundle(other, appointment(actor)))["phone"] == ""


def test_a_patient_missing_from_the_bundle_has_no_phone():
    assert only_row(bundle(patient(id="8"), appointment()))["phone"] == ""


SITES = [
    ({"reference": "Location/main", "display": "Elliot"}, "main", "Elliot"),
    ({"type": "Location", "display": "main"}, "main", ""),
    ({"reference": "HealthcareService/1"}, "", ""),
]


def test_all_locations_are_passed_on_except_those_that_declined():
    names = [("e0", "OR", "accepted"), ("main", "Elliot", "accepted"), ("e2", "Closed", "declined")]
    locations = [
        {"actor": {"reference": f"Location/{name}", "display": display}, "status": status}
        for name, display, status in names
    ]
    cells = only_row(bundle(patient(), appointment(participant=[ACCEPTED, *locations])))
    assert (cells["site"], cells[SITE_NAMES]) == ("e0", "OR\nmain\nElliot")


@pytest.mark.parametrize(("actor", "site", "place"), SITES)
def test_the_site_is_the_id_or_the_name_of_the_location(actor, site, place):
    cells = only_row(bundle(patient(), appointment({"reference": "Patient/7"}, actor)))
    assert (cells["site"], cells[SITE_NAMES]) == (site, place)


KEYS = sorted({*appointment(), *patient(), *ONE, "name", "given", "communication", "language", "coding", "code"})
KEYS += ["identifier", "value", "actor", "reference", "system", "use", "rank", "contained"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.sampled_from(["Patient/7", "7"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=12,
)
PARTS = st.dictionaries(st.sampled_from([key for key in KEYS if key != "resourceType"]), VALUES, max_size=5)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(VALUES | PARTS.map(lambda parts: {**ONE, **parts}), max_size=3)
    | st.builds(lambda *parts: bundle({**patient(), **parts[0]}, {**appointment(), **parts[1]}), PARTS, PARTS)
)
def test_any_json_yields_rows_or_an_error(value):
    with suppress(UnreadableFile):
        assert all(isinstance(cell, str) for _, cells in rows_of_json(value) for cell in cells.values())
