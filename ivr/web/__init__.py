"""HTTP: webhooks, receipts, recordings, health, metrics. What callers and senders mean: `ivr.line`, `ivr.people`."""
