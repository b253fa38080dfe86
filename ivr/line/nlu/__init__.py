"""Natural-language understanding: free text to a topic or another outcome, from keyword rules and a classifier.

It decides what a message means, never how to answer: replies belong to `content`, transitions to `callflow`.
"""
