"""Tests of `ivr.ledger`."""
