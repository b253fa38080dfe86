"""FHIR R4: from Appointments with their Patients and Locations to the rows that all imports have in common.

`rows_of_fhir` reads a parsed Bundle or Appointment, wherever it came from: a file, the API, or a FHIR server.
"""

from __future__ import annotations

from ivr.reminders.imports.files.fhir.appointments import is_fhir, rows_of_fhir

__all__ = ["is_fhir", "rows_of_fhir"]
