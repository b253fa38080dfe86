"""Templates and rules of addresses, compiled once for all apps of a test process: each test has an app of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule
from werkzeug.routing.rules import RulePart


class _Compiled(BytecodeCache):
    """Compiled templates, kept for all tests."""

    def __init__(self) -> None:
        self._codes: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._codes.get(bucket.key + bucket.checksum):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


@pytest.fixture(autouse=True, scope="session")
def compile_once() -> Iterator[None]:
    """For the conftest.py of a folder: compile templates and rules of addresses once."""
    builders: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}
    parsed: dict[str, tuple[list[RulePart], list[tuple[bool, str]]]] = {}
    compile_builder, parse_rule = Rule._compile_builder, Rule._parse_rule

    def cached_builder(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        converters = tuple((name, type(converter)) for name, converter in rule._converters.items())
        key = (rule.rule, rule.subdomain, rule.host, repr(rule.defaults), converters, append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    def cached_parts(rule: Rule, text: str) -> Iterable[RulePart]:
        if "<" in text:
            # Its converters belong to the app.
            return parse_rule(rule, text)
        if text in parsed:
            rule._trace.extend(parsed[text][1])
        else:
            traced = len(rule._trace)
            parts = list(parse_rule(rule, text))
            parsed[text] = parts, rule._trace[traced:]
        return parsed[text][0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_parse_rule", cached_parts)
        patch.setattr(Rule, "_compile_builder", cached_builder)
        patch.setitem(Flask.jinja_options, "bytecode_cache", _Compiled())
        yield
