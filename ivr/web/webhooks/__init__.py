"""What Twilio posts: calls, texts, and receipts. What it means belongs in `ivr.line` and `ivr.people`."""
