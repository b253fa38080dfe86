"""Italian."""

from ivr.line.locales.locale import Locale

LOCALE = Locale(code="it", preview_voice="it-IT")
