"""The information line as pure data and functions: prompts, call graph, understanding of free text, TwiML, lint.

Nothing here imports Flask, SQL, Redis, the network or the clock; the current time is an argument.
"""
