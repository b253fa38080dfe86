"""What the benchmarks share: requests, connections, load, and the processes that are measured."""
