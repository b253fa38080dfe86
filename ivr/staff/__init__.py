"""The people who sign in to the console: their accounts, roles, invitations and failed attempts to sign in.

No web code belongs here. What they do is recorded in ivr/people/audit.py.
"""
