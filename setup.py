"""Packages prompts/, which operators edit at the top of a checkout, as `ivr._shipped_prompts`, and the commit."""

import os
import runpy
from pathlib import Path

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent


class BuildWithCommit(build_py):
    """Writes ivr/commit.txt, unless the installation is editable: then the checkout knows.

    INFOLINE_COMMIT: the commit of sources without git, such as those of `make release`.
    """

    def run(self):
        super().run()
        if not self.editable_mode:
            version = runpy.run_path(str(HERE / "ivr" / "version.py"))
            commit = os.environ.get("INFOLINE_COMMIT") or version["commit_of"](HERE)
            Path(self.build_lib, "ivr", version["COMMIT_FILE"].name).write_text(f"{commit}\n")


setup(
    packages=[*find_namespace_packages(include=["ivr*", "worker*", "simulator*"]), "ivr._shipped_prompts"],
    package_dir={"ivr._shipped_prompts": "prompts"},
    cmdclass={"build_py": BuildWithCommit},
)
