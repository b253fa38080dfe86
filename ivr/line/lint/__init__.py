"""The lint rules of `infoline prompts check`. Each yields the findings of a prompts folder or of one prompt.

Errors that prevent a file from loading belong in `content`.
"""
