"""From a scheduler's file to appointments in the ledger: reading, validation, staging, and the dry run.

File formats are in `files`. When an appointment's texts are due is decided in ivr.reminders.schedule.
"""
