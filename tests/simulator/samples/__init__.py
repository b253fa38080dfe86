"""Typical Twilio programs, each a small Flask app with the official library, run against the simulator."""
