"""prompts/ as typed objects, with file and line for every error, and edits of its files.

Style rules belong in `lint`, the call graph in `callflow`.
"""
