"""The background processes: workers, which run jobs, and the clock, which enqueues them.

Processes, threads and the rate limit belong here; what a job changes in the database belongs in `ivr.reminders`.
"""
