"""Reminders: importing appointments, deciding which text is due, sending it once, and reporting the result.

Message transport is in ivr.carrier; opt-outs, replies, and other data about people are in ivr.people.
"""
