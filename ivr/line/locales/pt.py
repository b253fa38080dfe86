"""Portuguese."""

from ivr.line.locales.locale import Locale

LOCALE = Locale(code="pt", hyphenation="pt_BR")
