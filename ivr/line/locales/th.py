"""Thai."""

from ivr.line.locales.locale import Locale

LOCALE = Locale(code="th", characters_per_word=4.0)
