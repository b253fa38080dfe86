"""Everything that differs from language to language: one module per language, named by its two-letter code.

This is the lowest layer of `ivr.line`. Prompts and the choice of languages belong in prompts/.
"""
