"""The lint rules of `infoline prompts check`: functions from a prompts folder or one prompt to findings.

Errors that keep a file from loading at all belong to `content`.
"""
