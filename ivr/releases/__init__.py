"""Published content: releases in the database, the draft, their history, and the caches that web processes serve from.

Reading and checking content belongs to `ivr.line`; the commands belong to `ivr.cli`.
"""
