"""Which reminder of an appointment is due, when, and with what text. No texts are claimed or sent here."""
