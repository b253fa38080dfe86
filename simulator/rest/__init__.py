"""Twilio's REST API: the resources of the account, their fields, errors and lists."""
