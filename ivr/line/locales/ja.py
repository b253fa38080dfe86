"""Japanese."""

from ivr.line.locales.locale import Locale

LOCALE = Locale(code="ja", characters_per_word=2.0)
