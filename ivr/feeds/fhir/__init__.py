"""Pulls appointments from a FHIR R4 server. What their elements mean is in `ivr.reminders.imports.files.fhir`."""
