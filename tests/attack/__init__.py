"""What an attacker would do, as tests; `python -m tests.attack URL` does the part that needs no account."""
