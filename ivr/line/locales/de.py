"""German."""

from ivr.line.locales.locale import Locale

LOCALE = Locale(code="de", preview_voice="de-DE")
