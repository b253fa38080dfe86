"""The processes that run jobs, and the clock that starts them."""
