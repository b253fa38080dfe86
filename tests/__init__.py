"""The tests. The folders mirror those of `ivr`; e2e drives whole processes, chaos kills them, support has helpers."""
