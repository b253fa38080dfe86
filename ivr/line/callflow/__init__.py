"""The call graph: its states, the transitions between them, and what each turn says.

Pure: no TwiML, no network and no clock. Opening hours take the current time as an argument.
"""
