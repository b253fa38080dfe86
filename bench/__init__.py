"""Benchmarks against a baseline in the same run: `make bench`, or `python -m bench voice`.

One module per part. Correctness belongs in tests/; a benchmark fails only on errors or on a missed target.
"""
