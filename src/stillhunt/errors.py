"""
Every error Stillhunt raises on purpose, as one tree.

    StillhuntError
    ├── ConfigError     an option or setting is wrong                        exit 2
    ├── LogError        a log cannot be read, or too much of it was left out exit 2
    ├── StoreError      the working folder cannot be read or written         exit 2
    ├── PlugError       a plug broke its contract                            exit 2
    ├── SealError       a seal, proof or journal is broken or cannot be made exit 2
    └── ClaimError      the data do not meet what a claim assumes            exit 3

One bad line is a `LeftOut`, not an error. Only `cli` exits.
"""

from __future__ import annotations


class StillhuntError(Exception):
    """A failure that has a cause, a place and a next step, all three in its message."""

    exit_code: int = 2


class ConfigError(StillhuntError):
    """An option or setting has a value that cannot be used."""


class LogError(StillhuntError):
    """A log cannot be read at all, or more of it was left out than the caller allows."""


class StoreError(StillhuntError):
    """The folder for results or intermediate files cannot be read or written."""


class PlugError(StillhuntError):
    """A plug (format, trait kind, test) broke the contract of its kind."""


class SealError(StillhuntError):
    """A seal, proof, signature or journal is broken, or cannot be made from what was given."""


class ClaimError(StillhuntError):
    """The data do not meet what a claim assumes, so the claim is not made."""

    exit_code = 3
