"""Many callers at once: with outages, with a connection each, and beside connections that only wait."""
