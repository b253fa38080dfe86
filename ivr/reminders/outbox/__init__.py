"""Sending texts exactly once: claims, hand-over, receipts, reconciliation, and monitoring.

Deciding when a text is due belongs in `schedule`; counting what happened belongs in `reports`.
"""
