"""prompts/ read into typed objects, with file and line for every error; edits of its files; upgrades of old releases.

Rules of style belong in `lint`, the call graph in `callflow`.
"""
