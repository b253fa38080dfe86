"""A FHIR R4 Bundle of Appointments, with their Patients and Locations (https://hl7.org/fhir/R4/appointment.html)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeGuard

from ivr.i18n import N_
from ivr.reminders.imports.columns import (
    ENTRY_FAULT,
    EXPRESSIONS,
    MISSING_ELEMENTS,
    NO_STATUS,
    PATIENT_LANGUAGES,
    SENT_AT,
    SITE_NAMES,
    UNKNOWN_CODES,
    WARNING_CODES,
)
from ivr.reminders.imports.errors import ErrorCode, RowError, composed, row_warning
from ivr.reminders.imports.files.cells import (
    Cells,
    Row,
    UnreadableFile,
    check_row_count,
    checked_cell,
    file_error,
)
from ivr.reminders.imports.files.fhir.patients import first_name_of, is_deceased, languages_of, phone_of
from ivr.reminders.imports.files.fhir.resources import (
    Located,
    Resource,
    ResourceIndex,
    contained_in,
    entries_of,
    list_of,
    object_of,
    objects_of,
    relative,
    text_of,
    without_version,
)
from ivr.reminders.imports.statuses import PARTICIPANT_STATUSES

# https://hl7.org/fhir/R4/valueset-bundle-type.html
BUNDLE_TYPES = (
    *("document", "message", "transaction", "transaction-response", "batch", "batch-response", "history", "searchset"),
    "collection",
)
_NO_TYPE = N_("The Bundle has no type: add one of {types}.")
_UNKNOWN_TYPE = N_("The type of the Bundle is unknown: use one of {types}.")
# Uses of an identifier, best first. An identifier with another use, such as "old", is ignored.
_USES = ("official", "usual", None, "secondary", "temp")
_MAX_TOTAL = 1 << 31
# Many appointments may have the same locations, so what is read of them is bounded.
_MAX_REPEATS = 50


def is_fhir(value: object) -> TypeGuard[Resource]:
    return isinstance(value, dict) and value.get("resourceType") in ("Bundle", "Appointment")


def rows_of_fhir(value: Resource, warnings: list[RowError], *, expressions: bool = False) -> Iterator[Row]:
    """Each Appointment, and each entry that cannot be taken, with its position among them, counted from 1.

    Adds a warning if pages are missing. expressions: add where each column comes from, under EXPRESSIONS. Raises
    UnreadableFile.
    """
    if value["resourceType"] == "Bundle":
        _check_type(value.get("type"))
    entries = entries_of(value)
    rows = [entry for entry in entries if entry.is_row]
    if not rows:
        raise file_error(ErrorCode.NO_APPOINTMENTS)
    check_row_count(len(rows))
    total, links = value.get("total"), objects_of(value.get("link"))
    if any(link.get("relation") == "next" for link in links) or isinstance(total, int) and total > len(rows):
        known = isinstance(total, int) and abs(total) < _MAX_TOTAL
        warnings.append(_more_pages(len(rows), str(total) if known else ""))
    index = ResourceIndex(entries)
    for number, (located, _, fault) in enumerate(rows, start=1):
        if fault:
            cells, places = {ENTRY_FAULT: str(fault)}, {"": located.expression}
        else:
            actors = _Actors.of(located, index)
            cells, places = _cells(located.resource, actors), _expressions(located, actors)
        if expressions:
            cells[EXPRESSIONS] = json.dumps(places)
        yield number, {name: checked_cell(number, cell) for name, cell in cells.items()}


def _check_type(kind: object) -> None:
    """Raises UnreadableFile if the type of a Bundle, which R4 requires, is missing or unknown."""
    if kind not in BUNDLE_TYPES:
        code, sentence = (ErrorCode.CODE, _UNKNOWN_TYPE) if kind else (ErrorCode.MISSING, _NO_TYPE)
        raise UnreadableFile(composed(0, "Bundle.type", code, (sentence, {"types": ", ".join(BUNDLE_TYPES)})))


def _cells(appointment: Resource, actors: _Actors) -> Cells:
    start, patient = text_of(appointment.get("start")), actors.patient.located.resource
    names = [name for location in actors.sites[:_MAX_REPEATS] for name in location.names]
    warnings = [
        *(["declined"] if actors.patient.declined else []),
        *(["deceased"] if is_deceased(patient) else []),
        *(["second_patient"] if actors.has_second_patient else []),
    ]
    sent_at = text_of(object_of(appointment.get("meta")).get("lastUpdated"))
    return {
        "appointment_id": _appointment_id(appointment),
        "phone": phone_of(patient, start),
        "starts_at": start,
        "site": names[0] if names else "",
        SITE_NAMES: "\n".join(names[1:]),
        PATIENT_LANGUAGES: ",".join(languages_of(patient)),
        "first_name": first_name_of(patient),
        "status": text_of(appointment.get("status")) or NO_STATUS,
        WARNING_CODES: ",".join(warnings),
        **({SENT_AT: sent_at} if sent_at else {}),
        **({MISSING_ELEMENTS: "\n".join(actors.missing)} if actors.missing else {}),
        **({UNKNOWN_CODES: "\n".join(actors.unknown)} if actors.unknown else {}),
    }


def _appointment_id(appointment: Resource) -> str:
    identifiers = [item for item in objects_of(appointment.get("identifier")) if item.get("use") in _USES]
    best = min(identifiers, key=lambda item: _USES.index(item.get("use")), default={})
    return text_of(best.get("value")) or text_of(appointment.get("id"))


def _expressions(appointment: Located, actors: _Actors) -> dict[str, str]:
    """Where the value of each column is, or would be. A column that is not listed comes from the appointment."""
    at, patient = appointment.expression, actors.patient
    of_patient = patient.located.expression
    site = (actors.sites or [_NOBODY])[0].expression(at)
    return {
        "": at,
        "appointment_id": f"{at}.identifier",
        "phone": f"{of_patient}.telecom" if of_patient else patient.expression(at),
        "first_name": f"{of_patient}.name",
        "language": f"{of_patient}.communication",
        "starts_at": f"{at}.start",
        "timezone": f"{at}.start",
        "status": f"{at}.status",
        "site": site,
        **{name: f"{at}.{name}" for name in (*actors.missing, *actors.unknown)},
    }


class _Participant(NamedTuple):
    """A patient or a location. names: what may name a site: the id and the name, best first.

    position: among the participants; None for nobody.
    """

    located: Located = Located()
    names: Sequence[str] = ()
    declined: bool = False
    position: int | None = None

    def expression(self, appointment: str) -> str:
        """Of the participant's actor. appointment: its expression."""
        listed = f"{appointment}.participant"
        return listed if self.position is None else f"{listed}[{self.position}].actor"


_NOBODY = _Participant()


@dataclass
class _Actors:
    """Who takes part. sites: the locations that did not decline. missing, unknown: the required elements that are
    absent, like participant[1].status, and those with an unknown code."""

    patient: _Participant = _NOBODY
    has_second_patient: bool = False
    sites: list[_Participant] = field(default_factory=list)
    missing: Sequence[str] = ()
    unknown: Sequence[str] = ()

    @classmethod
    def of(cls, appointment: Located, index: ResourceIndex) -> _Actors:
        patients, locations = _participants(appointment, index)
        present = [patient for patient in patients if not patient.declined]
        listed = list_of(appointment.resource.get("participant"))
        statuses = {
            f"participant[{position}].status": text_of(object_of(item).get("status"))
            for position, item in enumerate(listed)
        }
        missing = [name for name, status in statuses.items() if not status][:_MAX_REPEATS]
        unknown = [name for name, status in statuses.items() if status and status not in PARTICIPANT_STATUSES]
        return cls(
            (present or patients or [_NOBODY])[0],
            len(present) > 1,
            [location for location in locations if not location.declined],
            missing if listed else ["participant"],
            unknown[:_MAX_REPEATS],
        )


def _participants(appointment: Located, index: ResourceIndex) -> tuple[list[_Participant], list[_Participant]]:
    """The patients and the locations of an appointment, each once."""
    contained = contained_in(appointment)
    found: dict[str, dict[str, _Participant]] = {"Patient": {}, "Location": {}}
    for position, participant in enumerate(list_of(appointment.resource.get("participant"))):
        participant = object_of(participant)
        actor = object_of(participant.get("actor"))
        located = index.find(actor, contained)
        reference_kind, _, reference_id = relative(without_version(text_of(actor.get("reference")))).partition("/")
        resource = located.resource
        kinds = (resource.get("resourceType"), actor.get("type"), reference_kind)
        kind = next((kind for kind in found if kind in kinds), None)
        if kind:
            all_names = (
                text_of(resource.get("id")) or reference_id,
                text_of(resource.get("name")) or text_of(actor.get("display")),
            )
            names = [name for name in all_names if name]
            item = _Participant(located, names, participant.get("status") == "declined", position)
            found[kind].setdefault(" ".join(names), item)
    return list(found["Patient"].values()), list(found["Location"].values())


def _more_pages(count: int, total: str) -> RowError:
    if not total:
        return row_warning(0, "", "more_pages", {"count": str(count)})
    sentence = N_(
        "This bundle is one page of a longer result (it has {count} of {total} appointments): import the other pages"
        " too."
    )
    return composed(0, "", "more_pages", (sentence, {"count": str(count), "total": total}))
