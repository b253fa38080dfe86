"""Twilio as typed values: REST client, signatures, forms, error codes, statuses. No database, no call logic."""
