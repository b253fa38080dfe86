"""Turns and texts rendered as TwiML, once per release.

What is said and where a key leads belongs in `callflow`; HTTP belongs in `ivr.web`.
"""
