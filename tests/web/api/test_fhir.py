"""FHIR R4 through the API: the shapes of the official examples, and an issue for each fault.

https://hl7.org/fhir/R4/appointment-example.json.html, appointment-example-request.json.html
"""

from __future__ import annotations

import pytest

from ivr.people.persons import opt_out
from ivr.reminders.imports.files.fhir.appointments import BUNDLE_TYPES
from tests.support.clinic import NOW, at
from tests.web.api.conftest import problem

FHIR = "application/fhir+json"


def patient(number=1, **parts):
    """In the shape of the official example Patient/example."""
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">…</div>'},
        "identifier": [{"use": "usual", "system": "urn:oid:1.2.36.146.595.217.0.1", "value": f"1234{number}"}],
        "active": True,
        "name": [{"use": "official", "family": "Example", "given": ["Rosa", "Maria"]}],
        "telecom": [
            {"use": "home"},
            {"system": "phone", "value": f"603-555-01{number:02}", "use": "mobile", "rank": 1},
        ],
        "gender": "female",
        "birthDate": "1974-12-25",
        **parts,
    }


LOCATION = {"resourceType": "Location", "id": "elliot", "status": "active", "name": "Elliot", "mode": "instance"}


def appointment(number=1, **parts):
    """In the shape of the official example Appointment/example; a part that is None is left out."""
    resource = {
        "resourceType": "Appointment",
        "id": f"a{number}",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">…</div>'},
        "status": "booked",
        "serviceType": [{"coding": [{"code": "52", "display": "General Discussion"}]}],
        "priority": 5,
        "start": at(7),
        "end": at(7, 0.5),
        "created": "2026-10-10",
        "participant": [
            {
                "actor": {"reference": f"Patient/p{number}", "display": "Rosa"},
                "required": "required",
                "status": "accepted",
            },
            {
                "type": [{"coding": [{"code": "ATND"}]}],
                "actor": {"reference": "Practitioner/example"},
                "required": "required",
                "status": "accepted",
            },
            {"actor": {"reference": "Location/elliot"}, "required": "required", "status": "accepted"},
        ],
        **parts,
    }
    return {name: value for name, value in resource.items() if value is not None}


def bundle(*resources, **parts):
    entries = [{"resource": each, "search": {"mode": "match"}} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": entries, **parts}


def participants(*statuses, first="Patient/p1"):
    """The first patient, perhaps a second one, and the location."""
    patients = zip((first, "Patient/p2"), statuses, strict=False)
    actors = [*patients, ("Location/elliot", "accepted")]
    return [{"actor": {"reference": actor}, "status": status} for actor, status in actors]


def send(client, resource, path="/fhir"):
    return client.post(path, resource, headers={"Content-Type": FHIR})


def issues(response, severity="error"):
    """(code, expression) of each issue of a severity."""
    assert response.content_type == FHIR
    assert response.json["resourceType"] == "OperationOutcome"
    return [
        (issue["details"]["coding"][0]["code"], *issue.get("expression", []))
        for issue in response.json["issue"]
        if issue["severity"] == severity
    ]


def test_a_bundle_is_imported_with_its_patients_and_locations(api_on_each_database):
    client = api_on_each_database.client()
    answer = send(client, bundle(appointment(1), patient(1), LOCATION, appointment(2), patient(2)))
    assert (answer.status_code, issues(answer)) == (200, [])
    assert "2 appointments: 2 new" in answer.json["issue"][0]["diagnostics"]
    assert client.get(answer.headers["Location"].removeprefix("/api/v1")).json["appointments"] == 2
    assert client.get("/appointments/a1").json["site"] == "elliot"
    assert send(client, bundle(appointment(1), patient(1), LOCATION)).headers.get("Location") is None


def test_a_batch_may_be_a_bundle(api_on_each_database):
    client = api_on_each_database.client()
    answer = send(client, bundle(appointment(1), patient(1), LOCATION, appointment(2), patient(2)), "/batches")
    assert (answer.status_code, answer.json["accepted"], answer.json["errors"]) == (201, 2, [])
    assert client.get(answer.headers["Location"].removeprefix("/api/v1")).json["appointments"] == 2
    assert client.get("/appointments/a2").json["site"] == "elliot"


def test_a_single_appointment_may_contain_its_patient_and_location(client):
    contained = [patient(1, id="who"), {**LOCATION, "id": "elliot"}]
    listed = [
        {"actor": {"reference": "#who"}, "status": "accepted"},
        {"actor": {"reference": "#elliot"}, "status": "accepted"},
    ]
    answer = send(client, appointment(contained=contained, participant=listed))
    assert (answer.status_code, issues(answer)) == (200, [])
    assert client.get("/appointments/a1").json["site"] == "elliot"


@pytest.mark.parametrize(
    ("change", "issue"),
    [
        ({"status": None}, ("missing", "Bundle.entry[0].resource.status")),
        ({"participant": None}, ("missing", "Bundle.entry[0].resource.participant")),
        ({"participant": participants(None)}, ("missing", "Bundle.entry[0].resource.participant[0].status")),
        ({"participant": participants("Accepted")},
         ("code_unknown", "Bundle.entry[0].resource.participant[0].status")),
        ({"start": None}, ("missing", "Bundle.entry[0].resource.start")),
        ({"start": "tomorrow"}, ("date_invalid", "Bundle.entry[0].resource.start")),
        ({"start": at(-1)}, ("date_past", "Bundle.entry[0].resource.start")),
        ({"status": "perhaps"}, ("status_unknown", "Bundle.entry[0].resource.status")),
        ({"id": None}, ("missing", "Bundle.entry[0].resource.identifier")),
        ({"participant": participants("accepted", first="Patient/unknown")},
         ("phone_missing", "Bundle.entry[0].resource.participant[0].actor")),
    ],
)  # fmt: skip
def test_a_fault_of_an_appointment_names_its_element(client, change, issue):
    answer = send(client, bundle(appointment(1, **change), patient(1), LOCATION))
    assert answer.status_code == 422
    assert issue in issues(answer)


def test_each_participant_without_a_status_is_an_issue_of_its_own(client):
    listed = participants(None, "accepted", None)[:2] + [{"actor": {"reference": "Location/elliot"}}]
    answer = send(client, bundle(appointment(1, participant=listed), patient(1), patient(2), LOCATION))
    assert answer.status_code == 422
    at_participant = "Bundle.entry[0].resource.participant"
    assert issues(answer) == [("missing", f"{at_participant}[{position}].status") for position in (0, 2)]


@pytest.mark.parametrize("status", ["accepted", "tentative", "needs-action"])
def test_a_patient_who_has_not_declined_gets_texts(client, status):
    answer = send(client, bundle(appointment(1, participant=participants(status)), patient(1), LOCATION))
    assert (answer.status_code, issues(answer), issues(answer, "warning")) == (200, [], [])
    assert client.get("/appointments/a1").json["channel"] == "text"


@pytest.mark.parametrize("status", ["cancel", "DECLINED", "no", "unknown"])
def test_an_unknown_status_of_a_participant_is_an_error_and_not_a_yes(client, status):
    listed = participants("accepted", status) + [{"status": status}]
    answer = send(client, bundle(appointment(1, participant=listed), patient(1), patient(2), LOCATION))
    at_participant = "Bundle.entry[0].resource.participant"
    assert issues(answer) == [("code_unknown", f"{at_participant}[{position}].status") for position in (1, 3)]
    issue = answer.json["issue"][1]
    assert (answer.status_code, issue["code"]) == (422, "code-invalid")
    assert "accepted, declined, tentative, needs-action" in issue["details"]["text"]
    assert client.get("/appointments/a1").status_code == 404


@pytest.mark.parametrize(("kind", "code", "fhir_code"), [
    (None, "missing", "required"), ("", "missing", "required"), ("Searchset", "code_unknown", "code-invalid"),
    (["searchset"], "code_unknown", "code-invalid"),
])  # fmt: skip
def test_a_bundle_without_a_known_type_is_not_read(client, kind, code, fhir_code):
    value = {name: part for name, part in bundle(appointment(1), patient(1), LOCATION, type=kind).items() if part}
    answer = send(client, value)
    assert (answer.status_code, issues(answer)) == (422, [(code, "Bundle.type")])
    assert answer.json["issue"][1]["code"] == fhir_code
    assert "searchset, collection" in answer.json["issue"][1]["details"]["text"]


@pytest.mark.parametrize("kind", BUNDLE_TYPES)
def test_each_type_of_a_bundle_is_read(client, kind):
    answer = send(client, bundle(appointment(1), patient(1), LOCATION, type=kind))
    assert (answer.status_code, issues(answer)) == (200, [])


DELETED = {"request": {"method": "DELETE", "url": "Appointment/a7"}}


@pytest.mark.parametrize(
    ("entry", "issue"),
    [
        (7, ("entry_unreadable", "Bundle.entry[3]")),
        (None, ("entry_unreadable", "Bundle.entry[3]")),
        ({}, ("entry_unreadable", "Bundle.entry[3].resource")),
        ({"resource": "Appointment/7"}, ("entry_unreadable", "Bundle.entry[3].resource")),
        ({"resource": {"id": "a7"}}, ("entry_unreadable", "Bundle.entry[3].resource")),
        ({"resource": {**appointment(7), "resourceType": "appointment"}},
         ("entry_unreadable", "Bundle.entry[3].resource")),
        ({"resource": {**appointment(7), "resourceType": ["Appointment"]}},
         ("entry_unreadable", "Bundle.entry[3].resource")),
        ({"resource": bundle(appointment(7))}, ("entry_unreadable", "Bundle.entry[3].resource")),
        ({"request": {"method": "GET", "url": "Appointment/a7"}}, ("entry_unreadable", "Bundle.entry[3].resource")),
        ({"request": {"method": "PATCH", "url": "Appointment/a7"}, "resource": {"resourceType": "Binary"}},
         ("entry_unreadable", "Bundle.entry[3].request")),
        ({"request": {"method": "DELETE"}}, ("entry_unreadable", "Bundle.entry[3].request")),
        (DELETED, ("appointment_deleted", "Bundle.entry[3].request")),
        ({**DELETED, "resource": appointment(7)}, ("appointment_deleted", "Bundle.entry[3].request")),
        ({"request": {"method": "DELETE", "url": "https://ehr.example.org/fhir/Appointment?identifier=7"}},
         ("appointment_deleted", "Bundle.entry[3].request")),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_taken_is_an_issue_beside_a_good_appointment(client, entry, issue):
    value = bundle(appointment(1), patient(1), LOCATION, type="transaction")
    value["entry"].append(entry)
    answer = send(client, value)
    assert (answer.status_code, issues(answer)) == (200, [issue])
    assert "2 appointments: 1 new, 0 updated, 0 unchanged, 1 rejected." in answer.json["issue"][0]["diagnostics"]
    # Alone, it is refused, and so is all of it if the import is strict.
    assert send(client, {**value, "entry": value["entry"][3:]}).status_code == 422
    assert send(client, value, "/fhir?strict=true").status_code == 422


def test_a_deleted_appointment_says_what_to_send_and_stays_as_it_is(client):
    send(client, bundle(appointment(7), patient(7), LOCATION))
    answer = send(client, {"resourceType": "Bundle", "type": "transaction", "entry": [DELETED | {"url": "x"}]})
    assert answer.json["issue"][1]["code"] == "not-supported"
    assert "send this one with the status cancelled" in answer.json["issue"][1]["details"]["text"]
    assert client.get("/appointments/a7").json["status"] == "booked"


@pytest.mark.parametrize(
    "entry",
    [
        {"resource": {"resourceType": "Practitioner", "id": "lee"}},
        {"resource": {"resourceType": "OperationOutcome", "issue": []}, "search": {"mode": "outcome"}},
        {"resource": {"resourceType": "MessageHeader"}},
        {"resource": {"resourceType": "Slot"}},
        {"resource": patient(2), "request": {"method": "PUT", "url": "Patient/p2"}},
        {"request": {"method": "DELETE", "url": "Patient/p9"}},
        {"request": {"method": "PATCH", "url": "Patient/p9"}, "resource": {"resourceType": "Parameters"}},
    ],
)
def test_an_entry_that_is_no_appointment_is_no_issue(client, entry):
    value = bundle(appointment(1), patient(1), LOCATION, type="transaction")
    value["entry"].append(entry)
    answer = send(client, value)
    assert (answer.status_code, issues(answer), issues(answer, "warning")) == (200, [], [])


def test_a_fault_of_a_patient_names_the_element_of_the_patient(client):
    bad = patient(1, telecom=[{"system": "phone", "value": "555"}])
    answer = send(client, bundle(LOCATION, appointment(1), bad))
    assert issues(answer) == [("phone_invalid", "Bundle.entry[2].resource.telecom")]
    alone = appointment(contained=[LOCATION, bad], participant=participants("accepted", first="#p1"))
    assert issues(send(client, alone)) == [("phone_invalid", "Appointment.contained[1].telecom")]


def test_good_appointments_are_taken_beside_bad_ones(client):
    answer = send(client, bundle(appointment(1), patient(1), LOCATION, appointment(2), patient(2, telecom=[])))
    assert answer.status_code == 200
    assert issues(answer) == [("phone_missing", "Bundle.entry[4].resource.telecom")]
    answer = send(client, bundle(appointment(3), patient(3), LOCATION, appointment(2)), "/fhir?strict=true")
    assert answer.status_code == 422
    assert client.get("/appointments/a3").status_code == 404


@pytest.mark.parametrize(
    ("status", "stored"),
    [
        ("booked", "booked"),
        ("arrived", "attended"),
        ("checked-in", "attended"),
        ("fulfilled", "attended"),
        ("cancelled", "cancelled"),
        ("entered-in-error", "cancelled"),
        ("noshow", "missed"),
    ],
)
def test_each_status_of_fhir_is_read(client, status, stored):
    send(client, bundle(appointment(1), patient(1), LOCATION))
    answer = send(client, bundle(appointment(1, status=status), patient(1), LOCATION))
    assert (answer.status_code, issues(answer)) == (200, [])
    assert client.get("/appointments/a1").json["status"] == stored


@pytest.mark.parametrize("status", ["proposed", "pending", "waitlist"])
def test_a_time_that_is_not_agreed_on_gets_no_texts(client, status):
    answer = send(client, bundle(appointment(1, status=status), patient(1), LOCATION))
    channel = "text" if status == "pending" else "none"
    assert client.get("/appointments/a1").json["channel"] == channel
    expected = [] if status == "pending" else [("not_agreed", "Bundle.entry[0].resource.status")]
    assert issues(answer, "warning") == expected


def test_an_appointment_that_goes_back_to_the_waitlist_without_a_time_gets_no_more_texts(client):
    send(client, bundle(appointment(1), patient(1), LOCATION))
    answer = send(client, bundle(appointment(1, status="waitlist", start=None, end=None), patient(1), LOCATION))
    assert issues(answer, "warning") == [("no_time", "Bundle.entry[0].resource.start")]
    assert client.get("/appointments/a1").json["channel"] == "none"


def test_a_patient_who_declined_gets_no_texts_and_of_several_the_first_who_comes_does(api, client):
    answer = send(client, bundle(appointment(1, participant=participants("declined")), patient(1), LOCATION))
    assert issues(answer, "warning") == [("declined", "Bundle.entry[0].resource.status")]
    assert client.get("/appointments/a1").json["channel"] == "none"
    with api.services.ledger.write() as connection:
        opt_out(connection, api.services.vault, "+16035550102", NOW, "staff", "Asked")
    both = appointment(2, participant=participants("declined", "accepted"))
    answer = send(client, bundle(both, patient(1), patient(2), LOCATION))
    # The second patient is the one who comes: theirs is the number that opted out.
    assert issues(answer, "warning") == [("opted_out", "Bundle.entry[2].resource.telecom")]
    answer = send(
        client,
        bundle(appointment(3, participant=participants("accepted", "accepted")), patient(1), patient(2), LOCATION),
    )
    assert ("second_patient", "Bundle.entry[1].resource.telecom") in issues(answer, "warning")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "file_unreadable"),
        (b"{", "file_unreadable"),
        (b"appointment_id,phone,starts_at\n1,2,3\n", "file_unreadable"),
        (b'{"appointments": [{"appointment_id": "1"}]}', "file_unreadable"),
        (b'{"resourceType": "Patient"}', "file_unreadable"),
        (b'{"resourceType": "Bundle", "type": "searchset"}', "file_no_appointments"),
        (b'{"resourceType": "Bundle", "type": "searchset", "entry": {}}', "file_no_appointments"),
        (b'{"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {"resourceType": "Patient"}}]}',
         "file_no_appointments"),
    ],
)  # fmt: skip
def test_what_is_not_fhir_gets_one_issue(client, body, code):
    answer = client.post("/fhir", data=body, headers={"Content-Type": FHIR})
    assert (answer.status_code, issues(answer)) == (422, [(code,)])


def test_xml_is_refused_with_a_problem(client):
    assert problem(client.post("/fhir", data=b"<x/>", headers={"Content-Type": "application/fhir+xml"})) == (
        415,
        "media_type",
    )


def test_a_dry_run_writes_nothing(client):
    assert send(client, bundle(appointment(1), patient(1), LOCATION), "/fhir?dry_run=true").status_code == 200
    assert client.get("/appointments/a1").status_code == 404
