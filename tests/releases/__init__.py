"""Tests of `ivr.releases`, and of the commands that publish."""
