"""What is read of FHIR R4 resources, for the OpenAPI document; everything else in them is ignored.

The import reads them itself, to report each fault with its place. https://hl7.org/fhir/R4/appointment.html
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ivr.reminders.imports.files.fhir.appointments import BUNDLE_TYPES
from ivr.reminders.imports.files.fhir.resource_types import RESOURCE_TYPES

MAX_ENTRIES = 50_000
Text = Annotated[str, Field(max_length=500)]
AppointmentStatus = Literal[
    "proposed",
    "pending",
    "booked",
    "arrived",
    "checked-in",
    "fulfilled",
    "noshow",
    "waitlist",
    "cancelled",
    "entered-in-error",
]


class Element(BaseModel):
    model_config = ConfigDict(extra="allow")


class FhirMeta(Element):
    """lastUpdated: when the resource was changed."""

    lastUpdated: Text | None = Field(None, examples=["2026-12-01T09:00:00-05:00"])


class FhirIdentifier(Element):
    """The best one is the id of the appointment: official, then usual, then one without use."""

    use: Literal["official", "usual", "secondary", "temp", "old"] | None = None
    system: Text | None = None
    value: Text | None = None


class FhirReference(Element):
    """reference: `Patient/1`, the fullUrl of an entry, or `#` and the id of a contained resource."""

    reference: Text | None = Field(None, examples=["Patient/p1", "Location/elliot", "#p1"])
    type: Text | None = None
    identifier: FhirIdentifier | None = None
    display: Text | None = None


class FhirPeriod(Element):
    end: Text | None = None


class FhirContactPoint(Element):
    """A mobile number comes first, then by rank (1 is best)."""

    system: Text | None = Field(None, examples=["phone", "sms"])
    value: Text | None = Field(None, examples=["603-555-0123"])
    use: Text | None = Field(None, examples=["mobile", "home", "work", "old"])
    rank: int | None = Field(None, ge=1)
    period: FhirPeriod | None = None


class FhirHumanName(Element):
    use: Text | None = None
    given: list[Text] | None = Field(None, examples=[["Ann"]], max_length=50)


class FhirCoding(Element):
    code: Text | None = Field(None, examples=["es"])


class FhirConcept(Element):
    coding: list[FhirCoding] | None = Field(None, max_length=50)
    text: Text | None = None


class FhirCommunication(Element):
    language: FhirConcept
    preferred: bool | None = None


class FhirPatient(Element):
    resourceType: Literal["Patient"]
    id: Text | None = None
    identifier: list[FhirIdentifier] | None = Field(None, max_length=50)
    telecom: list[FhirContactPoint] | None = Field(None, max_length=50)
    name: list[FhirHumanName] | None = Field(None, max_length=50)
    communication: list[FhirCommunication] | None = Field(None, max_length=50)
    deceasedBoolean: bool | None = None
    deceasedDateTime: Text | None = None


class FhirLocation(Element):
    """A site by its id, or by its name or one of the names under `imported_as` in `line.yaml`."""

    resourceType: Literal["Location"]
    id: Text | None = None
    identifier: list[FhirIdentifier] | None = Field(None, max_length=50)
    name: Text | None = None


class FhirParticipant(Element):
    actor: FhirReference | None = None
    status: Literal["accepted", "declined", "tentative", "needs-action"]


class FhirAppointment(Element):
    """start: with its zone; required unless the status is one that needs no time. contained: Patients and Locations."""

    resourceType: Literal["Appointment"]
    id: Text | None = None
    meta: FhirMeta | None = None
    identifier: list[FhirIdentifier] | None = Field(None, max_length=50)
    status: AppointmentStatus
    start: Text | None = Field(None, examples=["2026-12-10T10:00:00-05:00"])
    participant: list[FhirParticipant] = Field(min_length=1)
    contained: list[FhirPatient | FhirLocation] | None = None


class FhirOther(Element):
    """A resource of another type, which is not read."""

    resourceType: Text = Field(
        json_schema_extra={"enum": [*sorted(RESOURCE_TYPES - {"Appointment", "Bundle", "Location", "Patient"})]}
    )


class FhirEntry(Element):
    """An entry that cannot be read is an issue of its own, and counts as an appointment that is rejected.

    So is one whose request deletes or patches an Appointment: send all of it, with the status cancelled.
    """

    fullUrl: Text | None = None
    resource: FhirAppointment | FhirPatient | FhirLocation | FhirOther


class FhirBundle(Element):
    resourceType: Literal["Bundle"]
    type: str = Field(json_schema_extra={"enum": list(BUNDLE_TYPES)})
    total: int | None = Field(None, ge=0, lt=1 << 31)
    entry: list[FhirEntry] = Field(min_length=1, max_length=MAX_ENTRIES)


MODELS = (FhirBundle, FhirAppointment)
_PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"given": ["Ann"]}],
    "telecom": [{"system": "phone", "use": "mobile", "value": "603-555-0123"}],
    "communication": [{"language": {"coding": [{"code": "es"}]}, "preferred": True}],
}
_APPOINTMENT = {
    "resourceType": "Appointment",
    "id": "F1",
    "status": "booked",
    "start": "2026-12-10T10:00:00-05:00",
    "participant": [
        {"actor": {"reference": "Patient/p1"}, "status": "accepted"},
        {"actor": {"reference": "Location/elliot"}, "status": "accepted"},
    ],
}
EXAMPLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [{"resource": _APPOINTMENT}, {"resource": _PATIENT}],
}
