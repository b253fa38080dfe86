"""Twilio: its REST client, webhook signatures, form fields, error codes and statuses.

No database, no prompts, and no decision about a call or a text: those get typed values from here.
"""
