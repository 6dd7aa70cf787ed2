"""Which account a call belongs to, as the gateway in front says it: in a header, by the bearer key, or in the body."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import orjson

from stillhunt.errors import ConfigError
from stillhunt.trace.serve.upstream import Headers

AccountOf = Callable[[Headers, bytes], str | None]

KEY_DIGITS = 16


def account_reader(rule: str) -> AccountOf:
    """
    Return the function that a rule names.

    `header:NAME`: the value of a header, which the gateway in front must set and take out of what customers send.
    `bearer`: the first 16 hex digits of the SHA-256 of the key in `authorization`, so that no key stands in a plan.
    `field:NAME`: a text field of the body, as `user` or `metadata.account`. Raises `ConfigError` for another rule.
    """
    kind, _, name = rule.partition(":")
    if kind == "header" and name:
        return _header(name.lower().encode())
    if rule == "bearer":
        return _bearer
    if kind == "field" and name:
        return _field(tuple(name.split(".")))
    raise ConfigError(
        f"`--account {rule}` does not say where the account of a call stands.\nGive header:NAME, bearer, or field:NAME."
    )


def _header(name: bytes) -> AccountOf:
    def read(headers: Headers, body: bytes) -> str | None:
        found = next((value for header, value in headers if header == name), None)
        return None if found is None else found.decode("latin-1")

    return read


def _bearer(headers: Headers, body: bytes) -> str | None:
    given = next((value for header, value in headers if header == b"authorization"), b"")
    scheme, _, key = given.partition(b" ")
    if scheme.lower() != b"bearer" or not key.strip():
        return None
    return hashlib.sha256(key.strip()).hexdigest()[:KEY_DIGITS]


def _field(path: tuple[str, ...]) -> AccountOf:
    def read(headers: Headers, body: bytes) -> str | None:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) else None

    return read
