"""How long data is kept: the nightly job that deletes what is older, and all that is stored about one person."""
