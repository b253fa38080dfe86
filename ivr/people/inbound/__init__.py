"""Incoming texts: their outcome, their log, loop protection, and unanswered questions. Replies are in `ivr.web`."""
