"""One prompt: its words, its recordings, and its sign-off."""
