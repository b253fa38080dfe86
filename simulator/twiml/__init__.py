"""TwiML as Twilio reads it: the grammar, and the parser that checks documents against it."""
