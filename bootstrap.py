#!/usr/bin/env python3
"""Creates .venv and installs into it what `make run` or `make test` needs: python3 bootstrap.py [demo|dev].

Works without make: then start the line with `.venv/bin/infoline run`. Written for old versions of Python too, so that
it can say that they are too old. Exit status 2, with a sentence, if something is missing.
"""

import os
import subprocess
import sys

NEEDED = (3, 11)
HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
INDEX_PROBLEMS = (
    "Could not find a version",
    "No matching distribution",
    "ConnectionError",
    "ProxyError",
    "NewConnection",
    "Temporary failure",
    "Max retries",
    "SSLError",
    "ReadTimeout",
    "Connection refused",
)


def main(arguments):
    kind = arguments[0] if arguments else "demo"
    if kind not in ("demo", "dev") or len(arguments) > 1:
        return fail("Usage: python3 bootstrap.py [demo|dev]")
    problem = problem_with(sys.version_info[:2], os.name, has_module("venv") and has_module("ensurepip"))
    if problem:
        return fail(problem)
    if not os.path.exists(os.path.join(VENV, "bin", "python")):
        print("Creating .venv ...", flush=True)
        if subprocess.call([sys.executable, "-m", "venv", VENV]):
            return fail("Python could not create .venv in " + HERE + ". Is the disk full, or the folder read-only?")
    print("Installing (the first time takes about a minute) ...", flush=True)
    requirements = "requirements-" + kind + ".txt"
    for rest in (["--require-hashes", "-r", requirements], ["--no-deps", "--no-build-isolation", "-e", "."]):
        status = install(rest)
        if status:
            return status
    return 0


def problem_with(version, system, can_create):
    """Why this Python cannot run the line, as sentences; None if it can."""
    if system == "nt":
        return "Windows: use WSL (wsl --install in a terminal of an administrator), and run this inside it."
    if version < NEEDED:
        return (
            "This is Python {}.{}, but the line needs {}.{} or newer. Install one, and name it: "
            "make run PYTHON=python3.12"
        ).format(*version + NEEDED)
    if not can_create:
        return "This Python lacks the module venv. Install it (Debian, Ubuntu: sudo apt install python3-venv)."
    return None


def has_module(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def install(arguments):
    command = [os.path.join(VENV, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check"]
    pip = subprocess.Popen(command + arguments, cwd=HERE, stderr=subprocess.PIPE, universal_newlines=True)
    errors = pip.communicate()[1]
    if pip.returncode == 0:
        return 0
    return fail(sentence_about(errors))


def sentence_about(errors):
    """What to do about an error of pip."""
    if "No space left" in errors:
        return "The disk is full: free about 600 MB, and try again."
    if any(problem in errors for problem in INDEX_PROBLEMS):
        return (
            "pip cannot reach the package index. Behind a proxy, set HTTPS_PROXY=http://proxy:port; with an index of "
            "your own, set PIP_INDEX_URL. Then try again: what is installed already is kept.\n" + last_line(errors)
        )
    return "pip could not install the packages:\n" + errors.strip()


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""


def fail(sentence):
    sys.stderr.write(sentence + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
