"""
Logs that are not files: `postgresql://user@host/db` and `clickhouse://user@host:8123/db/table`.

A split of one has the URL as its path, with a fragment that ends in the table's name. So the last piece of the path,
which is what messages and reports show of any log, is the table, and never a user or a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from stillhunt.errors import LogError
from stillhunt.plugs import Split, load

SOURCES: dict[str, str] = {
    "postgresql": "stillhunt.collect.postgresql:splits",
    "clickhouse": "stillhunt.collect.clickhouse:splits",
}
"""Format of a log that is no file → the function that looks at it and returns its splits."""

SCHEMES = {"postgresql": "postgresql", "postgres": "postgresql", "clickhouse": "clickhouse", "clickhouses": "clickhouse"}

OBJECTS = {
    **dict.fromkeys(("s3", "s3a", "s3n"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gs"),
    **dict.fromkeys(("abfs", "abfss", "wasb", "wasbs"), "abfss"),
    **dict.fromkeys(("hdfs", "viewfs"), "hdfs"),
}
"""Schemes of object stores and distributed file systems → Arrow's name for the same (`objects.py`)."""

URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?!/)(.*)$", re.DOTALL)
"""A URL, also one with a slash lost on its way through a path."""

SECRET = re.compile(r"(?i)pass|secret|token|key")


class Place(NamedTuple):
    """Where a table is: how to reach the server, and the table's name, None where it has still to be found."""

    scheme: str
    server: str
    """The URL of the server and the database, without table and fragment."""
    table: str | None
    span: str
    """What part of the table is meant, in words of the source; empty for all of it."""


Look = Callable[[str, int], tuple[Split, ...]]
"""Takes a URL and the number of parts wanted."""


def scheme_of(log: str | Path) -> str | None:
    """Return the scheme of a log that is a URL of a database, None for others; raise `LogError` for one nobody reads."""
    found = URL.match(str(log))
    if found is None or (isinstance(log, Path) and log.exists()):
        return None
    scheme = found.group(1).lower()
    if scheme == "file" or scheme in OBJECTS:
        return None
    if scheme not in SCHEMES and len(scheme) > 1:
        raise LogError(
            f"{shown(str(log))}: logs are not read from `{scheme}://`.\n"
            f"Give one of {', '.join(f'{name}://' for name in SCHEMES)}, or files that were fetched from there."
        )
    return scheme


def is_object(log: str | Path) -> bool:
    """Whether a log is an object in a store, or a file in a distributed file system."""
    found = URL.match(str(log))
    return found is not None and found.group(1).lower() in OBJECTS


def without_file_scheme(log: str | Path) -> str | Path:
    """Return the path in a `file:` URL; any other log as it is."""
    found = re.match(r"^file:/+", str(log), re.IGNORECASE)
    return log if found is None or Path(log).exists() else "/" + unquote(str(log)[found.end() :])


def check(url: str) -> None:
    """Raise `LogError` for what is no URL of a database."""
    if not scheme_of(url):
        raise LogError(f"{Path(url).name}: this is a file, and no table of a database.\nLeave `--format` away.")


def splits(log: str | Path, parts: int) -> tuple[Split, ...]:
    """Return the splits of a log that is a URL; raise `LogError` where it cannot be reached."""
    scheme = scheme_of(log)
    return cast(Look, load(SOURCES[SCHEMES[scheme or ""]]))(str(log), parts)


def place_of(url: str) -> Place:
    """Return what a URL, or the path of a split, says; the third piece of its path is the table."""
    found = URL.match(url)
    scheme, rest = (found.group(1).lower(), found.group(2)) if found else ("", url)
    part = urlsplit(f"{scheme}://{rest}")
    pieces = [unquote(piece) for piece in part.path.split("/") if piece]
    span, _, name = part.fragment.rpartition("/")
    table = unquote(name) or (pieces[1] if len(pieces) > 1 else None)
    path = f"/{quote(pieces[0], safe='')}" if pieces else ""
    return Place(scheme, urlunsplit((scheme, part.netloc, path, part.query, "")), table, unquote(span.strip("/")))


def path_of(place: Place, table: str, span: str = "") -> str:
    """Return the path of a split: the URL, what part of the table it is, and the table."""
    return f"{place.server}#/{quote(span, safe='')}/{quote(table, safe='')}"


def shown(url: str) -> str:
    """Return a URL as it may be shown: without password, and without values that may be secrets."""
    found = URL.match(url)
    if found is None:
        return url
    part = urlsplit(f"{found.group(1)}://{found.group(2)}")
    user, at, host = part.netloc.rpartition("@")
    user = f"{user.split(':', 1)[0]}:***" if ":" in user else user
    query = urlencode([(name, "***" if SECRET.search(name) else value) for name, value in parse_qsl(part.query)], safe="*")
    return urlunsplit((part.scheme, f"{user}{at}{host}", part.path, query, ""))


def without_secrets(message: str, url: str) -> str:
    """Return a message with the passwords of a URL struck out, however they are written in it."""
    found = URL.match(url)
    part = urlsplit(f"{found.group(1)}://{found.group(2)}") if found else urlsplit(url)
    secrets = {part.password or ""} | {value for name, value in parse_qsl(part.query) if SECRET.search(name)}
    for secret in sorted((one for one in secrets if one), key=len, reverse=True):
        for form in {secret, unquote(secret), quote(unquote(secret), safe="")}:
            message = message.replace(form, "***")
    return " ".join(message.split())[:400]
