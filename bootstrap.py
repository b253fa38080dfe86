#!/usr/bin/env python3
"""Creates .venv and installs into it what `make run` or `make test` needs: python3 bootstrap.py [demo|dev].

Works without make: then start the line with `.venv/bin/infoline run`. Written for old versions of Python too, so that
it can say that they are too old. Exit status 2, with a sentence, if something is missing.
"""

import os
import re
import shutil
import subprocess
import sys

NEEDED = (3, 11)
HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
INSTALL = ["install", "--quiet", "--disable-pip-version-check"]
UV = [os.path.join(VENV, "bin", "uv"), "pip", "install", "--quiet", "--python", VENV_PYTHON]
# From this version on, pip can install into another environment.
PIP_FOR_OTHERS = (22, 3)
PIP_ONLY = re.compile(r"\.(index-url|no-index|proxy)=")
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
    try:
        return install(arguments)
    finally:
        show("")


def install(arguments):
    kind = arguments[0] if arguments else "demo"
    if kind not in ("demo", "dev") or len(arguments) > 1:
        return fail("Usage: python3 bootstrap.py [demo|dev]")
    pip = pip_for_others()
    can_create = has_module("venv") and (bool(pip) or has_module("ensurepip"))
    problem = problem_with(sys.version_info[:2], os.name, can_create)
    if problem:
        return fail(problem)
    problem = None if os.path.exists(VENV_PYTHON) else create_venv(bool(pip))
    if problem:
        return fail(problem)
    if os.path.exists(os.path.join(VENV, "bin", "pip")):
        pip = [os.path.join(VENV, "bin", "pip")]
    if not pip:
        return fail("Neither .venv nor this Python has a pip that works. Delete the folder .venv, and try again.")
    show("Installing ...")
    requirements = "requirements-" + kind + ".txt"
    steps = (["--require-hashes", "-r", requirements], ["--no-deps", "--no-build-isolation", "-e", "."])
    if not (has_uv(pip) and all(run(UV + step)[0] == 0 for step in steps)):
        for step in steps:
            status, errors = run(pip + INSTALL + step)
            if status:
                return fail(sentence_about(errors))
    if kind == "demo" and "MAKELEVEL" not in os.environ:
        show("")
        print("Installed. To start the line: .venv/bin/infoline run")
    return 0


def create_venv(has_pip):
    """Create .venv, or leave nothing of it, and return why it could not be created."""
    show("Creating .venv ...")
    # Installing pip takes longer than everything else combined.
    status, errors = run([sys.executable, "-m", "venv", VENV] + (["--without-pip"] if has_pip else []))
    if not status:
        return None
    # What is there would be taken for a whole one the next time.
    shutil.rmtree(VENV, ignore_errors=True)
    return (
        "Python could not create .venv in " + HERE + ": free some space, or move the folder to a place where you may "
        "write.\n" + last_line(errors)
    )


def pip_for_others():
    """The pip of this Python, as a command that installs into .venv; empty if it has none that can."""
    try:
        import pip
    except ImportError:
        return []
    version = tuple(map(int, re.findall(r"\d+", pip.__version__)[:2]))
    return [sys.executable, "-m", "pip", "--python", VENV_PYTHON] if version >= PIP_FOR_OTHERS else []


def has_uv(pip):
    """Whether uv can install, in a tenth of pip's time. It does not read pip's own settings, so those keep pip."""
    try:
        process = subprocess.Popen(
            pip + ["config", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True
        )
    except OSError:
        return False
    settings = process.communicate()[0]
    if process.returncode or PIP_ONLY.search(settings):
        return False
    return run(pip + INSTALL + ["--require-hashes", "-r", "requirements-uv.txt"])[0] == 0


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


def run(command):
    """The exit status of a command, and what it wrote on standard error."""
    try:
        process = subprocess.Popen(command, cwd=HERE, stderr=subprocess.PIPE, universal_newlines=True)
    except OSError as error:
        return 1, str(error)
    errors = process.communicate()[1]
    return process.returncode, errors


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


def show(step):
    """Say what is done now: in one line that is rewritten, and erased by an empty step, on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" + step)
    elif step:
        sys.stderr.write(step + "\n")
    sys.stderr.flush()


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""


def fail(sentence):
    show("")
    sys.stderr.write(sentence + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
