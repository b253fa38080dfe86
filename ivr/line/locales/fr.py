"""French."""

from ivr.line.locales.locale import Locale

LOCALE = Locale(code="fr", hyphenation="fr", preview_voice="fr-FR")
