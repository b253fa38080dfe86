"""The telephones in the browser: one page, its JSON API, and the voice that reads what the line says.

A phone is a number; everything about it is kept on this side, so that a reload loses nothing and each tab can be
another phone. The page drives the same `Call` and `receive` as the commands; nothing here answers for the line.

handsets: which number a tab has, and what its person did. snapshot: a phone as JSON. switches: the hour, failures.
speech: the local voice. twiml_text: documents for reading. door: the routes.
"""
