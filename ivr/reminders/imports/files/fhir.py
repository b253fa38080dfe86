"""A FHIR R4 Bundle of Appointment, with its Patient and Location resources (https://hl7.org/fhir/R4/appointment.html)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

from ivr.reminders.imports.errors import ErrorCode, row_error
from ivr.reminders.imports.files.unreadable import Cells, UnreadableFile, checked_cell, refuse_too_many
from ivr.reminders.imports.rows import NOTE, PLACE, SPOKEN

_Resource = dict[str, Any]
# https://hl7.org/fhir/R4/valueset-appointmentstatus.html
_STATUSES = {
    "proposed": "booked",
    "pending": "booked",
    "booked": "booked",
    "arrived": "attended",
    "checked-in": "attended",
    "waitlist": "booked",
    "fulfilled": "attended",
    "noshow": "missed",
    "cancelled": "cancelled",
    "entered-in-error": "cancelled",
}
# Nobody has agreed to a time yet: to remind of it would be wrong.
_NOT_AGREED = ("proposed", "waitlist")
_PHONES = ("phone", "sms")
# Which of a visit's ids is meant, best first; one that is no longer used never is.
_USES = ("official", "usual", None, "secondary", "temp")
_LAST_RANK = 1 << 31
_LONGEST_NAME = 40


def is_fhir(value: object) -> TypeGuard[_Resource]:
    return isinstance(value, dict) and value.get("resourceType") in ("Bundle", "Appointment")


def rows_of_fhir(value: _Resource) -> Iterator[tuple[int, Cells]]:
    """Each Appointment with its position among them, the first is 1. Raises UnreadableFile."""
    entries = _objects(value.get("entry")) if value["resourceType"] == "Bundle" else [{"resource": value}]
    resources = [(_words(entry.get("fullUrl")), _object(entry.get("resource"))) for entry in entries]
    appointments = [resource for _, resource in resources if resource.get("resourceType") == "Appointment"]
    if not appointments:
        raise UnreadableFile(row_error(0, "", ErrorCode.NO_APPOINTMENTS))
    refuse_too_many(len(appointments))
    known = _Known(resources)
    for number, appointment in enumerate(appointments, start=1):
        cells = _cells(appointment, known)
        yield number, {name: checked_cell(number, cell) for name, cell in cells.items()}


class _Known:
    """The resources of a bundle by each address that a reference may use."""

    def __init__(self, resources: list[tuple[str, _Resource]]) -> None:
        self._by_address: dict[str, _Resource] = {}
        for url, resource in resources:
            kind, own_id = _words(resource.get("resourceType")), _words(resource.get("id"))
            by_identifier = map(_identified, _objects(resource.get("identifier")))
            for address in (url, f"{kind}/{own_id}" if own_id else "", *by_identifier):
                if address:
                    self._by_address.setdefault(address, resource)

    def find(self, actor: _Resource, inside: _Resource) -> _Resource:
        """The resource that a reference means, empty if the bundle has none. inside: the resource that refers."""
        reference = _words(actor.get("reference"))
        if not reference:
            return self._by_address.get(_identified(_object(actor.get("identifier"))), {})
        if reference.startswith("#"):
            contained = _objects(inside.get("contained"))
            return next((one for one in contained if _words(one.get("id")) == reference[1:]), {})
        versionless = reference.partition("/_history/")[0]
        return self._by_address.get(versionless) or self._by_address.get(_relative(versionless), {})


def _identified(identifier: _Resource) -> str:
    """A logical identifier as an address: no other address has a space."""
    value = _words(identifier.get("value"))
    return f"{_words(identifier.get('system'))} {value}" if value else ""


def _relative(reference: str) -> str:
    """Patient/1 of https://ehr.example.org/fhir/Patient/1."""
    return "/".join(reference.rsplit("/", 2)[-2:])


def _cells(appointment: _Resource, known: _Known) -> Cells:
    status, start = _words(appointment.get("status")), _words(appointment.get("start"))
    patient, location = _taking_part(appointment, known, "Patient"), _taking_part(appointment, known, "Location")
    place = _words(location.get("name")) or _words(location.get("display"))
    note = "deceased" if _has_died(patient) else "not_agreed" if status in _NOT_AGREED else ""
    return {
        "appointment_id": _own_id(appointment),
        "phone": _phone(patient, start),
        "starts_at": start,
        "site": _words(location.get("id")) or place,
        PLACE: place,
        SPOKEN: ",".join(_languages(patient)),
        "first_name": _first_name(patient),
        "status": _STATUSES.get(status, status),
        "channel": "none" if note else "",
        NOTE: note,
    }


def _own_id(appointment: _Resource) -> str:
    named = [one for one in _objects(appointment.get("identifier")) if one.get("use") in _USES]
    best = min(named, key=lambda one: _USES.index(one.get("use")), default={})
    return _words(best.get("value")) or _words(appointment.get("id"))


def _has_died(patient: _Resource) -> bool:
    return patient.get("deceasedBoolean") is True or bool(_words(patient.get("deceasedDateTime")))


def _taking_part(appointment: _Resource, known: _Known, kind: str) -> _Resource:
    """The first participant of a kind: its resource, or what the reference alone tells of it."""
    for participant in _objects(appointment.get("participant")):
        actor = _object(participant.get("actor"))
        reference = _words(actor.get("reference"))
        found = known.find(actor, appointment)
        named = _relative(reference.partition("/_history/")[0]).partition("/")
        if kind in (found.get("resourceType"), actor.get("type"), named[0]):
            told = {"id": named[2], "display": _words(actor.get("display"))}
            return {**told, **found}
    return {}


def _phone(patient: _Resource, start: str) -> str:
    """The mobile number first, then by rank, of which 1 is the first; at work others may read it.

    start: of the visit; what is used no longer by then is left out.
    """
    phones = [
        contact
        for contact in _objects(patient.get("telecom"))
        if contact.get("system") in _PHONES and _words(contact.get("value")) and not _is_old(contact, start)
    ]
    chosen = min(phones, key=lambda one: (not _takes_texts(one), _rank(one), one.get("use") == "work"), default={})
    return _words(chosen.get("value")).removeprefix("tel:")


def _is_old(contact: _Resource, start: str) -> bool:
    until = _words(_object(contact.get("period")).get("end"))
    # Dates of FHIR begin with the year, and may end there.
    return contact.get("use") == "old" or bool(until) and until[:10] < start[:10][: len(until)]


def _takes_texts(contact: _Resource) -> bool:
    return contact.get("use") == "mobile" or contact.get("system") == "sms"


def _rank(contact: _Resource) -> int:
    rank = contact.get("rank")
    return rank if isinstance(rank, int) else _LAST_RANK


def _first_name(patient: _Resource) -> str:
    names = [name for name in _objects(patient.get("name")) if name.get("use") not in ("old", "maiden")]
    usual = [name for name in names if name.get("use") == "usual"]
    given = (_words(one) for name in usual + names for one in _list(name.get("given")))
    return next(filter(None, given), "")


def _languages(patient: _Resource) -> Iterator[str]:
    """The languages that a patient speaks, the preferred one first: a code, or else words."""
    spoken = sorted(_objects(patient.get("communication")), key=lambda one: one.get("preferred") is not True)
    for one in spoken:
        language = _object(one.get("language"))
        codes = [_words(coding.get("code")) for coding in _objects(language.get("coding"))]
        told = next(filter(None, [*codes, _words(language.get("text"))]), "").replace(",", " ").strip()
        if told:
            yield told[:_LONGEST_NAME]


def _objects(value: object) -> list[_Resource]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> _Resource:
    return value if isinstance(value, dict) else {}


def _words(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
