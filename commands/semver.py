"""Semantic versions, strictly: ``major.minor.patch`` with an optional pre-release and build (semver.org, 2.0.0)."""

from __future__ import annotations

import re

MAX_LENGTH = 128
_NUMBER = r"(?:0|[1-9][0-9]*)"
_PRE = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PRE}(?:\.{_PRE})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def is_semver(text: str) -> bool:
    """Whether the text is a semantic version; ``1.0``, ``v1.0.0`` and ``01.0.0`` are not."""
    return len(text) <= MAX_LENGTH and _SEMVER.fullmatch(text) is not None


def is_above(version: str, other: str) -> bool:
    """Whether a semantic version has precedence over another (§11); build metadata does not count."""
    return _precedence(version) > _precedence(other)


def _precedence(version: str) -> tuple[tuple[int, ...], bool, list[tuple[bool, int, str]]]:
    core, _, pre = version.partition("+")[0].partition("-")
    identifiers = [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in pre.split(".") if pre]
    return tuple(int(number) for number in core.split(".")), not pre, identifiers
