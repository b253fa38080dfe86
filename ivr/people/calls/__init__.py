"""The log of call turns and the summaries derived from it. How a call proceeds is in `ivr.line.callflow`."""
