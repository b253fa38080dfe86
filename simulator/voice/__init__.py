"""Calls: what runs their TwiML, how they begin and end, and what the people on them do."""
