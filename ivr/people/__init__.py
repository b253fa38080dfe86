"""The people on the other end: phone numbers, consent, languages, replies, and the work items that staff handle.

What the line says belongs in `ivr.line`, when it sends a reminder in `ivr.reminders`, HTTP in `ivr.web`.
"""
