"""Packages prompts/, which operators edit at the top of a checkout, as `ivr._shipped_prompts`."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["ivr*", "worker*", "simulator*"]), "ivr._shipped_prompts"],
    package_dir={"ivr._shipped_prompts": "prompts"},
)
