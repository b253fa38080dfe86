"""Feeds: appointments that arrive from scheduling systems on their own. Each ends in `ivr.reminders.imports`.

What a file, a request to the API, or a page imports does not belong here.
"""
