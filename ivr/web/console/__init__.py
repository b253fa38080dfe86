"""The console: pages in which schedulers and operators do their work, served at /console.

A package per area, with its views, its queries and its templates. Nothing here decides what a caller hears or when a
text goes out: the pages call the same code as the commands do.
"""
