"""The API of other systems, at /api/v1, on the code that the commands call.

`resources` has a module for each resource, `app` joins them, `gate` decides who may call what, and `problems` has all
errors. docs/api.md explains it to clients.
"""
