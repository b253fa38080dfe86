"""Programs for maintainers: what `make release` and `make audit` run."""
