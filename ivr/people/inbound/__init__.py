"""Incoming texts: what each asks for, the log of them, loop protection, and questions that nothing matched.

The replies and the writes that they need are in `ivr.web`.
"""
