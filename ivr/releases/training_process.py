"""Trains a model in a process of its own, so that prompts can be checked meanwhile.

`python -m ivr.releases.training_process`: reads examples as JSON, and writes the bytes of the model.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from ivr.line.nlu.training import Example, train_model

NICENESS = 10


class TrainingProcess:
    """A model that is being trained."""

    def __init__(self, examples: Sequence[Example]) -> None:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            json.dump(examples, file)
            file.seek(0)
            command = [sys.executable, "-m", "ivr.releases.training_process"]
            # If it fails, this process trains, and has more to say about it.
            self._process = subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def result(self) -> bytes:
        """The bytes of the model, once it is trained; empty if the process died."""
        data, _ = self._process.communicate()
        return b"" if self._process.returncode else data

    def cancel(self) -> None:
        """End the process, if it still runs."""
        with self._process as process:
            process.kill()


def main() -> None:
    # Ctrl-C also ends the parent, which has something to say about it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Calls and texts go first.
    os.nice(NICENESS)
    gc.disable()
    examples = [Example(*example) for example in json.load(sys.stdin)]
    # Compressing it would keep the parent waiting.
    sys.stdout.buffer.write(train_model(examples).to_bytes(compressed=False))


if __name__ == "__main__":
    main()
