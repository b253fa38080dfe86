"""Chinese."""

from ivr.line.locales.locale import Locale

LOCALE = Locale(code="zh", characters_per_word=1.6)
