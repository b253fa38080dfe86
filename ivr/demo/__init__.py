"""A made-up clinic for a first look: appointments, reminders, calls and texts of two weeks, and users to sign in as.

It goes through the code of the product, at moments of the past: importing, claiming, receipts, replies. Only
`infoline run` calls it, only for an empty database of a local line. All numbers are reserved for fiction.
"""
