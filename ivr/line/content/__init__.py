"""prompts/ as typed objects, with file and line for every error; edits of its files; upgrades of old releases.

Style rules belong in `lint`, the call graph in `callflow`.
"""
