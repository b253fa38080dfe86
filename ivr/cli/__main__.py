"""`python -m ivr.cli` is `infoline`."""

from ivr.cli import main

main(prog_name="infoline")
