"""The processes behind the web: workers, which run jobs, and the clock, which enqueues them.

What a job does to the database belongs in `ivr.reminders`; here are processes, pace and threads.
"""
