"""Natural-language understanding: keyword rules and a classifier resolve free text to a topic or another outcome.

It decides what a message means, never how to answer: replies belong to `content`, transitions to `callflow`.
"""
