"""Everything that differs from language to language: one module per language, named after its two-letter code.

This is the lowest layer of `ivr.line`. Prompts and the list of languages belong in prompts/.
"""
