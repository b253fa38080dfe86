"""Phone carriers: one package for each, which is the only code that names the carrier's fields, codes and headers.

What the line does with a call or a text belongs in `ivr.web` and `ivr.reminders`.
"""
