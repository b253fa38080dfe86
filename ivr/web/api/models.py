"""What clients send and get. The field names of imports and of the status are those of the command's JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ivr.people.webhooks import EventKind
from ivr.reminders.imports.files.cells import MAX_ROWS
from ivr.web.api.context import MAX_ID

PAGE, MAX_PAGE = 50, 200
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Count = Annotated[int, Field(ge=0)]
Cell = Annotated[str, Field(max_length=10_000)]
Phone = Annotated[str, Field(min_length=1, max_length=100, examples=["603-555-0123"])]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Fault(Model):
    """A fault of a row (row 0: all of it) or of a field of the request."""

    row: int | None = None
    column: str | None = None
    field: str | None = None
    code: str
    message: str


class Problem(BaseModel):
    """RFC 9457. code: never changes, for programs. detail: what to do, for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[Fault] = []


class RowFinding(Model):
    """row: from 1 in JSON; in a table, the header is row 1. 0 is the whole file."""

    row: int
    column: str
    code: str
    message: str


class Preview(Model):
    row: int
    step: str
    at: str
    language: str
    words: str
    segments: int


class ImportResult(Model):
    """The last four counts add up to rows. batch: null if nothing was new or changed."""

    batch: int | None
    rows: Count
    accepted: Count
    updated: Count
    unchanged: Count
    rejected: Count
    warnings: list[RowFinding]
    errors: list[RowFinding]
    preview: list[Preview] | None = None


class ImportQuery(Model):
    strict: bool = Field(False, description="Import nothing if any row is rejected.")
    dry_run: bool = Field(False, description="Write nothing; the answer shows the first texts.")


class BatchStatus(Model):
    """Each text is in exactly one state; planned counts appointments that have a text still to come."""

    batch: int
    paused: bool
    live: bool
    appointments: Count
    texts: dict[str, int]
    reasons: dict[str, int]


class BatchPath(Model):
    batch_id: Id


class PageQuery(Model):
    limit: int = Field(PAGE, ge=1, le=MAX_PAGE)
    cursor: str = Field("", max_length=100, description="`next` of the page before.")


class BatchPage(Model):
    batches: list[BatchStatus]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class AppointmentPath(Model):
    appointment_id: str = Field(min_length=1, max_length=100)


class OptionalFields(BaseModel):
    """The columns of a file, by any name that a file may use for them. Values are text, as in a file."""

    model_config = ConfigDict(extra="allow")

    site: Cell | None = Field(None, examples=["elliot"], description="May be left out if the line has only one.")
    language: Cell | None = Field(None, examples=["en", "es"])
    timezone: Cell | None = Field(None, examples=["America/New_York"], description="If not that of the site.")
    first_name: Cell | None = Field(None, examples=["Ann"])
    channel: Cell | None = Field(None, examples=["text", "call", "none"])
    status: Cell | None = Field(None, examples=["booked", "cancelled", "attended", "missed"])


class AppointmentFields(OptionalFields):
    """The columns of a file, by any name that a file may use for them. Values are text, as in a file."""

    phone: Cell = Field(examples=["603-555-0123"])
    starts_at: Cell = Field(examples=["2026-12-08T10:00:00-05:00", "2026-12-08 10:00"])


class AppointmentRow(OptionalFields):
    """A row of a file. To cancel, appointment_id and status are enough."""

    appointment_id: str = Field(min_length=1, max_length=100, examples=["A1"])
    phone: Cell | None = Field(None, examples=["603-555-0123"])
    starts_at: Cell | None = Field(None, examples=["2026-12-08T10:00:00-05:00", "2026-12-08 10:00"])


class BatchBody(BaseModel):
    """Appointments, each with its id once."""

    appointments: list[AppointmentRow] = Field(min_length=1, max_length=MAX_ROWS)


class Appointment(Model):
    """Times are in the zone of the appointment. answer: the patient's last reply to a reminder."""

    appointment_id: str
    batch: int
    starts_at: str
    timezone: str
    site: str
    language: str | None
    channel: Literal["text", "call", "none"]
    status: Literal["booked", "cancelled", "attended", "missed"]
    answer: str | None
    answered_at: str | None


class AppointmentResult(Model):
    appointment: Appointment
    result: Literal["accepted", "updated", "unchanged"]
    warnings: list[RowFinding]


class AppointmentText(Model):
    """A past or upcoming text. Times are in the zone of the appointment."""

    step: str
    state: str
    reason: str | None
    starts_at: str | None
    due_at: str | None
    handed_over_at: str | None
    changed_at: str | None


class AppointmentTexts(Model):
    appointment_id: str
    texts: list[AppointmentText]


class PhoneBody(Model):
    phone: Phone


class OptOutBody(Model):
    phone: Phone
    state: Literal["out", "in"]
    reason: str = Field(min_length=1, max_length=500, description="The words of the patient, kept as evidence.")


class OptOut(Model):
    state: Literal["out", "in"]
    since: str | None = Field(description="Since when the number is opted out.")
    source: str | None = Field(description="Where the opt-out came from.")


class OptOutResult(Model):
    state: Literal["out", "in"]
    changed: bool


class ItemPath(Model):
    item_id: Id


class ClaimBody(Model):
    user: str = Field(min_length=3, max_length=254, description="The email address of a user of the console.")


class Callback(Model):
    """A patient who waits for a call."""

    id: int
    asked_at: str
    phone: str
    entry: str
    name: str
    topic: str | None
    language: str
    wished: str


class CallbackPage(Model):
    callbacks: list[Callback]
    next: str | None


class WorkItem(Model):
    """kind: change, cancel, or wrong-number."""

    id: int
    kind: str
    at: str
    phone: str
    appointment_id: str | None
    starts_at: str | None


class WorkItemPage(Model):
    items: list[WorkItem]
    next: str | None


class UnreadMessage(Model):
    """An HL7 message that the line could not read, without what it says of the patient.

    code, message: what is wrong, and what to do. place: the segment and field, such as PID-13. event: of the message.
    """

    id: int
    kind: Literal["message"]
    at: str
    appointment_id: str | None
    sender: str
    event: str
    place: str
    code: str
    message: str


class UnreadMessagePage(Model):
    items: list[UnreadMessage]
    next: str | None


class Done(Model):
    id: int
    done: bool


class Claimed(Model):
    id: int
    claimed_by: str


class Health(Model):
    ledger: bool
    queue: bool
    release: str | None


class IssueCoding(Model):
    system: str
    code: str


class IssueDetails(Model):
    """coding: the code of the import. text: what to do."""

    coding: list[IssueCoding]
    text: str


class Issue(Model):
    """https://hl7.org/fhir/R4/operationoutcome.html. expression: FHIRPath."""

    severity: Literal["fatal", "error", "warning", "information"]
    code: str
    details: IssueDetails | None = None
    diagnostics: str | None = None
    expression: list[str] | None = None


class OperationOutcome(Model):
    resourceType: Literal["OperationOutcome"]
    issue: list[Issue]


class WebhookPath(Model):
    webhook_id: Id


class WebhookBody(Model):
    url: str = Field(min_length=1, max_length=500, examples=["https://ehr.example.org/events"])
    events: list[EventKind] = Field(min_length=1, max_length=20)


class WebhookInfo(Model):
    id: int
    url: str
    events: list[EventKind]
    created_at: str


class NewWebhook(WebhookInfo):
    """secret: signs the events; it is not shown again."""

    secret: str


class WebhookList(Model):
    webhooks: list[WebhookInfo]
