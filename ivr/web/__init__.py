"""The HTTP side of the line: webhooks of calls and texts, receipts, recordings, health and metrics.

What a call or a text means is decided in `ivr.line` and `ivr.people`; jobs are in `worker`.
"""
