"""JSON and FHIR become the same rows as a table: of a file, and of what a scheduling system posts."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.reminders.imports.files import UnreadableFile, read_rows, rows_of_json
from ivr.reminders.imports.rows import NOTE, PLACE, SPOKEN

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
def test_a_list_of_objects_gives_rows_by_their_position(tmp_path, value, encoding):
    (tmp_path / "list.txt").write_bytes(json.dumps(value, indent=1).encode(encoding))
    assert list(read_rows(tmp_path / "list.txt")) == ROWS


def test_what_some_objects_leave_out_is_empty(tmp_path):
    rows = list(rows_of_json([{**LIST[0], "language": "es"}, {"Phone Number": "1"}, {}]))
    assert [cells.get("language", "") for _, cells in rows] == ["es", "", ""]
    assert [cells.get("appointment_id", "") for _, cells in rows] == ["A1", "", ""]


def test_a_date_and_a_time_make_one_moment():
    ((_, cells),) = rows_of_json([{"appt": 1, "cell": "603-555-0101", "date": "2026-12-24", "time": "10:00"}])
    assert cells["starts_at"] == "2026-12-24 10:00"


BAD = [
    ("no list", {"visits": LIST}, "file_unreadable", "no list of appointments"),
    ("words", "appointments", "file_unreadable", "no list of appointments"),
    ("an empty list", [], "file_no_appointments", "no appointments in this file"),
    ("a list of words", [LIST[0], "A2"], "file_unreadable", "appointment 2 is no object"),
    ("a list for a cell", [{**LIST[0], "site": ["main"]}], "file_unreadable", "site of appointment 1 is neither"),
    ("a NUL", [{**LIST[0], "site": "a\0"}], "file_unreadable", "row 1 holds what is no text"),
    ("half a character", [{**LIST[0], "site": "\ud800"}], "file_unreadable", "row 1 holds what is no text"),
    ("an enormous cell", [{**LIST[0], "site": "a" * 10_001}], "file_unreadable", "row 1 is longer than 10,000"),
    ("too many", LIST * 25_001, "file_too_many_rows", "50,000 rows"),
    (
        "other names",
        [{"id": 1, "start": "x"}],
        "column_missing",
        "appointment_id and phone are missing: add them to each",
    ),
    ("a name twice", [{**LIST[0], "mobile": "1"}], "column_double", "Phone Number and mobile mean the same"),
    ("a bundle of nothing", {"resourceType": "Bundle"}, "file_no_appointments", "no appointments in this file"),
]


@pytest.mark.parametrize(("value", "code", "told"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_no_list_of_appointments_is_told_in_a_sentence(value, code, told):
    with pytest.raises(UnreadableFile) as caught:
        list(rows_of_json(value))
    fault = caught.value.fault
    assert (fault.row, fault.code) == (0, code)
    assert told in fault.message


BAD_FILES = [
    ("cut off", json.dumps(LIST, indent=1)[:60].encode(), "damaged in line"),
    ("endless brackets", b"[" * 1_000_000, "too deep"),
    ("an endless number", b"[" + b"9" * 10_000 + b"]", "number too long"),
    ("too large", b"[" + b" " * 20_000_000 + b"]", "larger than 20 MB"),
    ("a document in braces", b"{\\rtf1 x}", "it is a document"),
]


@pytest.mark.parametrize(("written", "told"), [case[1:] for case in BAD_FILES], ids=[case[0] for case in BAD_FILES])
def test_damaged_json_is_told_in_a_sentence(tmp_path, written, told):
    (tmp_path / "list.json").write_bytes(written)
    with pytest.raises(UnreadableFile, match=told):
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


def test_a_bundle_gives_appointments_with_what_their_patients_tell(tmp_path):
    known = patient(
        name=[{"use": "maiden", "given": ["Old"]}, {"use": "official", "given": ["María", "José"], "family": "García"}],
        communication=[
            {"language": {"coding": [{"code": "en"}]}},
            {"language": {"coding": [{"code": "es-MX"}]}, "preferred": True},
        ],
    )
    visit = appointment(
        {"reference": "Practitioner/3"},
        {"reference": "Patient/7"},
        {"reference": "Location/main", "display": "Elliot"},
        identifier=[{"system": "urn:x", "value": "V-1042"}],
    )
    (tmp_path / "bundle.json").write_text(json.dumps(bundle(known, {"resourceType": "Slot"}, visit, appointment())))
    first, (number, second) = read_rows(tmp_path / "bundle.json")
    assert first == (
        1,
        {
            "appointment_id": "V-1042",
            "phone": "603-555-0101",
            "starts_at": "2026-12-24T10:00:00-05:00",
            "site": "main",
            PLACE: "Elliot",
            SPOKEN: "es-MX,en",
            "first_name": "María",
            "status": "booked",
            "channel": "",
            NOTE: "",
        },
    )
    assert (number, second["appointment_id"], second["site"]) == (2, "a1", "")


STATUSES = [
    ("booked", "booked"),
    ("pending", "booked"),
    ("proposed", "booked"),
    ("arrived", "attended"),
    ("checked-in", "attended"),
    ("waitlist", "booked"),
    ("fulfilled", "attended"),
    ("noshow", "missed"),
    ("cancelled", "cancelled"),
    ("entered-in-error", "cancelled"),
    ("unheard-of", "unheard-of"),
]


@pytest.mark.parametrize(("theirs", "ours"), STATUSES)
def test_each_status_of_fhir_is_one_of_ours(theirs, ours):
    assert only_row(bundle(patient(), appointment(status=theirs)))["status"] == ours


PHONES = [
    ("the mobile one first", [("phone", "home", 1, "0101"), ("phone", "mobile", 9, "0102")], "0102"),
    ("then by rank", [("phone", "home", 2, "0101"), ("phone", "work", 1, "0102")], "0102"),
    ("of two mobile ones by rank", [("phone", "mobile", None, "0101"), ("phone", "mobile", 1, "0102")], "0102"),
    ("no address of mail", [("email", "mobile", 1, "0101"), ("phone", "home", None, "0102")], "0102"),
    ("none that is no longer used", [("phone", "old", 1, "0101"), ("phone", "home", 2, "0102")], "0102"),
    ("one for texts only", [("phone", "home", 1, "0101"), ("sms", None, None, "0102")], "0102"),
    ("as an address", [("phone", "mobile", 1, "tel:0102")], "0102"),
    ("not the one at work", [("phone", "work", None, "0101"), ("phone", "home", None, "0102")], "0102"),
    ("none", [], ""),
]


@pytest.mark.parametrize(("known", "chosen"), [case[1:] for case in PHONES], ids=[case[0] for case in PHONES])
def test_the_number_that_takes_texts_is_chosen(known, chosen):
    telecom = [dict(zip(("system", "use", "rank", "value"), one, strict=True)) for one in known]
    assert only_row(bundle(patient(telecom=telecom), appointment()))["phone"] == chosen


PERIODS = [
    ("used no longer by the visit", "2026-12-23", "0102"),
    ("used until the day itself", "2026-12-24T23:00:00-05:00", "0101"),
    ("used no longer, by the year alone", "2025", "0102"),
    ("used all that year", "2026", "0101"),
    ("used without an end", "", "0101"),
]


@pytest.mark.parametrize(("end", "chosen"), [case[1:] for case in PERIODS], ids=[case[0] for case in PERIODS])
def test_a_number_is_chosen_that_is_still_in_use(end, chosen):
    mobile = {"system": "phone", "use": "mobile", "value": "0101", "period": {"end": end}}
    telecom = [mobile, {"system": "phone", "use": "home", "value": "0102"}]
    assert only_row(bundle(patient(telecom=telecom), appointment()))["phone"] == chosen


NO_TEXTS = [
    ("who has died", {"deceasedBoolean": True}, {}, ("none", "deceased")),
    ("who died on a day", {"deceasedDateTime": "2026-11-01"}, {}, ("none", "deceased")),
    ("who lives", {"deceasedBoolean": False}, {}, ("", "")),
    ("whose visit is proposed", {}, {"status": "proposed"}, ("none", "not_agreed")),
    ("who waits for a visit", {}, {"status": "waitlist"}, ("none", "not_agreed")),
]


@pytest.mark.parametrize(("her", "visit", "told"), [case[1:] for case in NO_TEXTS], ids=[case[0] for case in NO_TEXTS])
def test_no_texts_go_to_a_patient(her, visit, told):
    cells = only_row(bundle(patient(**her), appointment(**visit)))
    assert (cells["channel"], cells[NOTE]) == told


IDS = [
    ("the official one", [("secondary", "S"), ("official", "O"), ("usual", "U")], "O"),
    ("one that says nothing, before a secondary one", [("secondary", "S"), (None, "N")], "N"),
    ("none that is no longer used", [("old", "X")], "a1"),
    ("its own when it has no other", [], "a1"),
]


@pytest.mark.parametrize(("known", "chosen"), [case[1:] for case in IDS], ids=[case[0] for case in IDS])
def test_a_visit_keeps_one_id_in_whatever_order_they_stand(known, chosen):
    named = [{"value": value, **({"use": use} if use else {})} for use, value in known]
    for identifier in (named, named[::-1]):
        assert only_row(bundle(patient(), appointment(identifier=identifier)))["appointment_id"] == chosen


LANGUAGES = [
    ("the preferred first", [("en", None), ("es-MX", True)], "es-MX,en"),
    ("in words", [("", None), ("Spanish, of Mexico", True)], "Spanish  of Mexico"),
    ("none", [], ""),
]


@pytest.mark.parametrize(("spoken", "told"), [case[1:] for case in LANGUAGES], ids=[case[0] for case in LANGUAGES])
def test_all_languages_of_a_patient_are_told(spoken, told):
    def one(words):
        return {"text": words} if " " in words else {"coding": [{"code": words}]}

    known = [{"language": one(words), "preferred": preferred} for words, preferred in spoken]
    assert only_row(bundle(patient(communication=known), appointment()))[SPOKEN] == told


URN = "urn:uuid:0f3c"
REFERENCES = [
    ("its kind and id", {"reference": "Patient/7"}, ""),
    ("a whole address", {"reference": "https://ehr.example.org/fhir/Patient/7"}, ""),
    ("an address of one version", {"reference": "Patient/7/_history/2"}, ""),
    ("the address in the bundle", {"reference": URN}, URN),
    ("a whole address in the bundle", {"reference": "https://ehr.example.org/p"}, "https://ehr.example.org/p"),
]


@pytest.mark.parametrize(("actor", "url"), [case[1:] for case in REFERENCES], ids=[case[0] for case in REFERENCES])
def test_a_patient_is_found_by(actor, url):
    value = bundle(patient(), appointment({"reference": "Location/main"}, actor))
    value["entry"][0]["fullUrl"] = url
    assert only_row(value)["phone"] == "603-555-0101"


def test_a_patient_may_stand_inside_an_appointment_that_comes_alone():
    visit = appointment({"reference": "#p"}, contained=[patient(id="p")])
    assert only_row(visit)["phone"] == "603-555-0101"


def test_a_patient_is_found_by_the_number_that_the_hospital_gave_her():
    her = {"system": "urn:mrn", "value": "M 1"}
    other = patient(id="8", telecom=[], identifier=[{"system": "urn:ssn", "value": "M 1"}])
    actor = {"type": "Patient", "identifier": her}
    assert only_row(bundle(other, patient(identifier=[her]), appointment(actor)))["phone"] == "603-555-0101"
    assert only_row(bundle(other, appointment(actor)))["phone"] == ""


def test_a_patient_who_is_not_in_the_bundle_has_no_number():
    assert only_row(bundle(patient(id="8"), appointment()))["phone"] == ""


SITES = [
    ({"reference": "Location/main", "display": "Elliot"}, "main", "Elliot"),
    ({"type": "Location", "display": "main"}, "main", "main"),
    ({"reference": "HealthcareService/1"}, "", ""),
]


@pytest.mark.parametrize(("actor", "site", "place"), SITES)
def test_the_site_is_the_id_of_the_place_or_its_name(actor, site, place):
    cells = only_row(bundle(patient(), appointment({"reference": "Patient/7"}, actor)))
    assert (cells["site"], cells[PLACE]) == (site, place)


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
    | st.builds(lambda one, other: bundle({**patient(), **one}, {**appointment(), **other}), PARTS, PARTS)
)
def test_any_json_whatever_gives_rows_or_a_sentence(value):
    with suppress(UnreadableFile):
        assert all(isinstance(cell, str) for _, cells in rows_of_json(value) for cell in cells.values())
