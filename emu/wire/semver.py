"""The text of a semantic version, by the rules of the Rust crate `semver` 1."""

from __future__ import annotations

import re
from typing import Annotated

from emu.wire.nodes import TextNode

_NUMBER = r"(?:0|[1-9][0-9]*)"
_LABEL = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"[0-9A-Za-z-]+"

PATTERN = (
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    rf"(?:-{_LABEL}(?:\.{_LABEL})*)?"
    rf"(?:\+{_BUILD}(?:\.{_BUILD})*)?"
)
_U64_MAX = (1 << 64) - 1
_U64_DIGITS = 20
_VERSION = re.compile(PATTERN)


def parse(text: str) -> tuple[int, int, int] | None:
    """Major, minor and patch of a version; None if the text is not a version.

    >>> parse("5.0.0-rc.1+build.007")
    (5, 0, 0)
    >>> parse("5.0") is None
    True
    """
    match = _VERSION.fullmatch(text)
    if not match or max(map(len, match.groups())) > _U64_DIGITS:
        return None
    major, minor, patch = map(int, match.groups())
    return (major, minor, patch) if max(major, minor, patch) <= _U64_MAX else None


def is_semver(text: str) -> bool:
    """Whether the text is a version: three numbers below 2^64, perhaps labels and build data."""
    return parse(text) is not None


Semver = Annotated[str, TextNode("semver version", PATTERN, is_semver)]
