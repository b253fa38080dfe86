"""The information line as pure data and functions: prompts, call graph, free-text matching, TwiML, lint.

Nothing here uses Flask, SQL, Redis, the network, or the clock; the current time is an argument.
"""
