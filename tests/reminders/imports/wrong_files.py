"""Appointment files in the shapes that scheduling systems and spreadsheets get wrong, with made-up people."""

from __future__ import annotations

import json
from datetime import datetime

from tests.support.workbooks import workbook

HEADER = "appointment_id,phone,starts_at"


def _lines(header: str, *rows: str) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


STATUS_WORDS = [
    "Booked",
    "Confirmed",
    "Unconfirmed",
    "Pending",
    "Accepted",
    "Active",
    "FUTURE",
    "Scheduled",
    "Checked-In",
    "Checked In",
    "Checked Out",
    "Fulfilled",
    "In Progress",
    "Rescheduled",
    "Canceled",
    "Cancelled by patient",
    "Late Cancel",
    "No-Show",
    "No Show",
    "Did not attend",
    "DNA",
    "Left without seen",
    "Kept",
    "Arrived",
    "Completed",
    "proposed",
    "noshow",
    "entered-in-error",
    "x Canceled",
    "- None",
    "CANCELED  ",
    "cancelled\xa0",
]
PHONES = [
    "603\xa0555\xa0{}",
    "603\u202f555\u202f{}",
    "603\u200b-555-{}",
    "\ufeff603555{}",
    "603‑555‑{}",
    "603–555–{}",
    "\u202a603-555-{}\u202c",
    "\u200e+1 603 555 {}",
    "WIDE",
    "ARABIC",
    "tel:+1-603-555-{}",
    "'603555{}",
    "603-555-{},",
    "(603) 555-{} (cell)",
    "Cell: 603-555-{}",
    "603.555.{}",
    "001 603 555 {}",
    "603-555-{} x12",
    "603-555-{} ext. 12",
    "603-555-{} or 603-555-0199",
    "603-555-{}/0199",
    "H: 603-555-{} C: 603-555-0199",
    "603555{}.0",
    "6.03555E+09",
    "6.03555{}E9",
    "603-555-O1{}",
    "555-{}",
    "603-555-013",
    "603555{}1",
    "0000000000",
    "1111111111",
    "9999999999",
    "1234567890",
    "5555555555",
    "N/A",
    "none",
    "declined",
    "+44 7700 900123",
    "1 (603) 555-{}",
    "603 555{}",
    "603-555-{};",
    "603-555-{} Rosa",
    "603–555–{}\xa0",
    "603/555-{}",
    "603_555_{}",
    "603*555*{}",
]
ZONES = [
    "America/New_York",
    "US/Eastern",
    "EST",
    "EDT",
    "ET",
    "Eastern",
    "Eastern Time (US & Canada)",
    "Eastern Standard Time",
    "UTC-5",
    "GMT-5",
    "-05:00",
    "America/Puerto_Rico",
    "US/Arizona",
    "MST",
    "Arizona",
    "EST5EDT",
    "AST",
    "Etc/GMT+5",
    "america/new_york",
]


def _phone(number: int, written: str) -> str:
    digits = f"01{number + 20}" if number < 80 else ""
    plain = f"603555{digits}"
    if written == "WIDE":
        return "".join(chr(ord(char) + 0xFEE0) for char in plain)
    if written == "ARABIC":
        return "".join(chr(ord(char) - ord("0") + 0x660) for char in plain)
    return written.format(digits)


def _time(number: int) -> str:
    return f"2026-12-{10 + number // 20} {8 + number // 2 % 10:02}:{number % 2 * 30:02}"


def _fhir(*appointments: dict, **parts: object) -> bytes:
    patient = {"resourceType": "Patient", "id": "p1", "telecom": [{"system": "phone", "value": "603-555-0151"}]}
    entries = [{"resource": {"resourceType": "Appointment", **item}} for item in appointments]
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [*entries, {"resource": patient}], **parts}
    return json.dumps(bundle).encode()


def _visit(name: str, status: str | None = "booked", *actors: str, start: str = "") -> dict:
    participants = [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors or ("Patient/p1",)]
    start = {"start": f"2026-12-{start}T14:30:00-05:00"} if start else {}
    return {"id": name, **({} if status is None else {"status": status}), **start, "participant": participants}


FILES: dict[str, bytes] = {
    "cancelled-column.csv": _lines(
        "User Name,Team,Invitee First Name,Phone,Start Date & Time,End Date & Time,Canceled,Canceled By,"
        "Marked as No-Show,Appointment ID",
        "Room 2,,May,603-555-0151,2026-12-10 02:30 pm,2026-12-10 03:00 pm,false,,No,aaaa-1",
        "Room 2,,Joy,603-555-0152,2026-12-11 09:00 am,2026-12-11 09:30 am,true,Joy,No,aaaa-2",
    ),
    "permission-column.csv": _lines(
        "Appointment ID,Mobile,PermissionToSendSMS,FirstName,LastName,Home,AppointmentDate,AppointmentTime",
        "A1,16035550151,1,May,Hill,,12/10/2026,14:30",
        "A2,16035550152,0,Joy,Moss,,12/10/2026,15:30",
    ),
    "status-words.csv": _lines(
        f"{HEADER},status",
        *(f"S{n:02},603-555-01{n:02},{_time(n)},{word}" for n, word in enumerate(STATUS_WORDS)),
    ),
    "phones.csv": _lines(HEADER, *(f'P{n:02},"{_phone(n, word)}",{_time(n)}' for n, word in enumerate(PHONES))),
    "zones-july.csv": _lines(
        f"{HEADER},timezone", *(f"Z{n:02},603-555-01{n:02},7/14/2027 10:00 AM,{zone}" for n, zone in enumerate(ZONES))
    ),
    "hidden-rows.xlsx": workbook(
        {
            "S": [
                HEADER.split(","),
                *((str(n), f"603-555-015{n}", datetime.fromisoformat(f"2026-12-1{n} 09:00")) for n in (1, 2, 3)),
            ]
        },
        hidden_rows=(3, 4),
    ),
    "long-ids.xlsx": workbook(
        {
            "S": [
                HEADER.split(","),
                (123456789012345684.0, "603-555-0151", "2026-12-10 09:00"),
                (123456789012345685.0, "603-555-0152", "2026-12-10 09:30"),
            ]
        }
    ),
    "ids-zeros.csv": _lines(HEADER, "0012345,603-555-0151,2026-12-10 09:00"),
    "ids-zeros-lost.csv": _lines(HEADER, "12345,603-555-0151,2026-12-10 09:00"),
    "book.csv": _lines(f"{HEADER},status", *(f"C{n},603-555-015{n},2026-12-1{n} 09:30,booked" for n in (1, 2, 3, 4))),
    "cancel-gaps.csv": _lines(
        f"{HEADER},status",
        *("C1,,2026-12-11 09:30,cancelled", "C2,603-555-0152,,cancelled", "C3,,,cancelled"),
        "C4,unknown,12/14/2026,cancelled",
    ),
    "fhir-book.json": _fhir(_visit("f1", start="10"), _visit("f2", start="11"), _visit("f3", start="14")),
    "fhir-cancel-gaps.json": _fhir(
        _visit("f1", "cancelled"),
        _visit("f2", "cancelled", "Patient/gone", start="11"),
        _visit("f3", "entered-in-error"),
    ),
    "fhir-status-missing.json": _fhir(
        _visit("m1", None, start="10"), _visit("m2", "", start="11"), _visit("m3", "Cancelled", start="12")
    ),
    "fhir-next-page.json": _fhir(
        _visit("q1", start="10"), link=[{"relation": "next", "url": "https://x?page=2"}], total=250
    ),
    "excel-text-guard.csv": _lines(HEADER, '="00123",="6035550151",2026-12-10 09:30'),
}
