"""Hypothesis strategies: texts in every script, string columns as Arrow lays them out, small populations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from stillhunt.model import Incidence

SECRET = b"a key for tests only"

SCRIPTS = (
    "abcXYZ_",
    "0123456789",
    " \t\n\x00\x7f",
    ".,:;!?-'\"(){}[]/\\@#=+*",
    "éßñÅøŁ",
    "дБщЮ",
    "αΩς",
    "עברית",
    "عربي٣٤",
    "हिन्दी",
    "ไทย",
    "ქართ",
    "የአማ",
    "—“”…•→∑",
    "漢字中文",
    "かなカナ",
    "한국어",
    "１２Ａ",
    "😀🚀𝔘",
)
"""Characters of one script each; together they reach every class of bytes that the kernel knows."""

POOL = ("the", "Queue", "of", "answers", "is", "12", "3.5", "naïve", "разум", "数据", "def", "judge", "→", "x_1", "ok?")
"""Words that come back, so that texts share shingles."""


def texts(max_pieces: int = 30) -> st.SearchStrategy[str]:
    """Return texts of mixed scripts in which words come back."""
    piece = st.one_of(
        st.sampled_from(POOL).map(lambda word: word + " "),
        st.sampled_from(SCRIPTS).flatmap(lambda script: st.text(script, max_size=6)),
    )
    return st.lists(piece, max_size=max_pieces).map("".join)


def raw_texts() -> st.SearchStrategy[bytes]:
    """Return byte strings, most of them not UTF-8: pieces of characters, lone continuations, bytes no text has."""
    cut = st.tuples(texts(8), st.integers(0, 3), st.integers(0, 3))
    return st.one_of(
        st.binary(max_size=40), cut.map(lambda c: c[0].encode()[c[1] : max(c[1], len(c[0].encode()) - c[2])])
    )


@st.composite
def string_columns(
    draw: st.DrawFn, values: st.SearchStrategy[str] | None = None, max_size: int = 6
) -> tuple[pa.Array, list[str | None]]:
    """Draw a string column as a slice of a longer one, and its values in plain Python."""
    one = st.none() | (texts() if values is None else values)
    before, wanted, after = (draw(st.lists(one, max_size=size)) for size in (3, max_size, 3))
    whole = pa.array([*before, *wanted, *after], pa.string())
    return whole.slice(len(before), len(wanted)), wanted


def raw_column(values: Sequence[bytes]) -> pa.Array:
    """Return a string column of bytes that Arrow has not been asked to check."""
    offsets = np.cumsum([0, *map(len, values)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(b"".join(values)))


@dataclass(frozen=True)
class Holdings:
    """Who holds what, in plain Python: for each owner a set of (kind, value), and the owner's country."""

    held: list[set[tuple[int, int]]]
    country: list[int]
    kinds: tuple[str, ...] = ("card", "network", "tls", "agent", "email_domain")
    kind_group: tuple[int, ...] = (0, 1, 2, 2, 3)
    groups: tuple[str, ...] = ("payment", "network", "client", "contact")

    def incidence(self) -> Incidence:
        """Return the same as the table that linking reads."""
        values = sorted({v for mine in self.held for v in mine})
        number = {v: i for i, v in enumerate(values)}
        rows = sorted((number[v], owner) for owner, mine in enumerate(self.held) for v in mine)
        return Incidence(
            owner=np.array([owner for _, owner in rows], dtype=np.int32),
            value=np.array([value for value, _ in rows], dtype=np.int32),
            value_kind=np.array([kind for kind, _ in values], dtype=np.uint8),
            kinds=self.kinds,
            kind_group=np.array(self.kind_group, dtype=np.int8),
            groups=self.groups,
            stratum=np.array(self.country, dtype=np.int16),
            n_owners=len(self.held),
        )


@st.composite
def holdings(draw: st.DrawFn, min_owners: int = 6, max_owners: int = 25) -> Holdings:
    """Draw a small population in which values are shared often."""
    n = draw(st.integers(min_owners, max_owners))
    kinds = len(Holdings.kinds)
    value = st.tuples(st.integers(0, kinds - 1), st.integers(0, 5))
    held = draw(st.lists(st.sets(value, max_size=6), min_size=n, max_size=n))
    country = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    return Holdings(held=held, country=country)
