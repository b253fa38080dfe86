"""The HTTP server of the web process: whole requests are received on an event loop, then handed to a WSGI app."""
