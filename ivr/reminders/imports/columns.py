"""The columns of an appointment. The readers of files yield cells by these names; `rows` gives them their meaning."""

from __future__ import annotations

REQUIRED = ("appointment_id", "phone", "starts_at")
OPTIONAL = ("site", "language", "timezone", "first_name", "channel", "status")
# Columns that answer yes or no, as scheduling systems export them next to a status or instead of one.
CANCELED, NO_SHOW, PERMISSION, NO_TEXTS = "canceled", "no_show", "permission", "no_texts"
FLAGS = (CANCELED, NO_SHOW, PERMISSION, NO_TEXTS)
# The key of the cells beyond the last column name.
EXTRA_CELLS = ""
# Columns that only FHIR fills; no header can have these names. Site names are separated by line feeds, languages by
# commas; the preferred ones come first.
SITE_NAMES, PATIENT_LANGUAGES, WARNING_CODES = "(site names)", "(patient languages)", "(warning codes)"
# The elements that R4 requires and that are absent, separated by line feeds, and JSON: {column: FHIRPath expression of
# its value}.
MISSING_ELEMENTS, EXPRESSIONS = "(missing elements)", "(expressions)"
# The statuses of participants with unknown codes, separated by line feeds, and the fault of an entry that cannot be
# taken, whose row has no other cells.
UNKNOWN_CODES, ENTRY_FAULT = "(unknown codes)", "(entry fault)"
# With ReadOptions.originals: the names and cells of the file as written, as a JSON list of pairs.
ORIGINALS = "(originals)"
# When the sender made the change, in ISO 8601 with a zone. Only feeds fill it.
SENT_AT = "(sent at)"
# The status of a FHIR appointment that has none, which R4 forbids. In a table, an empty cell means booked.
NO_STATUS = "(no status)"
