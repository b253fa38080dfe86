"""Callers, senders and patients: numbers, consent, languages, replies, work items. Reminders: `ivr.reminders`."""
