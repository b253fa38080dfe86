"""`infoline call` and `infoline text`: a phone in the terminal.

Both speak only HTTP to the simulated phone network at SIMULATOR_URL. Exit status: 0 fine, 1 the line failed, 2 wrong
use or no phone network.
"""
