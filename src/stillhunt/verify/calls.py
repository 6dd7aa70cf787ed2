"""Every call that a bundle counts points to a leaf, and every leaf is in the tree of its day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from stillhunt.errors import SealError
from stillhunt.seal import merkle
from stillhunt.seal.bundle import Bundle, from_files
from stillhunt.seal.canonical import list_of, mapping_of, text_of
from stillhunt.seal.dossier import BUNDLE

_WRONG = "The bundle was changed, or is not of this journal."


def calls_committed(files: Mapping[str, bytes], roots: Mapping[tuple[str, str], tuple[int, str]]) -> tuple[int, int]:
    """
    Return how many calls and days were checked, given a dossier's files and the journaled (size, root) of each day.

    1. The root of each day follows from the leaves and the proof.
    2. Each call points to a leaf of its own, of the day on which it was made.

    Raises `SealError` when one does not.
    """
    bundle = bundle_of(files)
    days = [int(d) for d in bundle.column("proof-days", "day").tolist()]
    try:
        _roots(bundle, days, roots)                                                          # 1.
        calls = _pointers(bundle, days)                                                      # 2.
    except (IndexError, ValueError) as error:
        raise SealError(f"{BUNDLE}: the proofs do not hang together.\n{_WRONG}") from error
    return calls, len(days)


def bundle_of(files: Mapping[str, bytes]) -> Bundle:
    """Return the bundle among a dossier's files; raise `SealError` when there is none, or it is damaged."""
    return from_files({name.removeprefix(f"{BUNDLE}/"): c for name, c in files.items() if name.startswith(f"{BUNDLE}/")})


def _roots(bundle: Bundle, days: list[int], roots: Mapping[tuple[str, str], tuple[int, str]]) -> None:
    index = bundle.column("proof-leaves", "index").tolist()
    leaves = [bytes(row) for row in bundle.column("proof-leaves", "leaf")]
    hashes = [bytes(row) for row in bundle.column("proof-hashes", "hash")]
    at_leaf = at_hash = 0
    columns = (bundle.column("proof-days", name).tolist() for name in ("size", "leaves", "hashes"))
    for day, size, n_leaves, n_hashes in zip(days, *columns, strict=True):
        mine = slice(at_leaf, at_leaf + n_leaves)
        root = merkle.root_from_part(size, index[mine], leaves[mine], hashes[at_hash : at_hash + n_hashes])
        name = (date(1970, 1, 1) + timedelta(days=day)).isoformat()
        if roots.get(("exchanges", name)) != (size, root.hex()):
            raise SealError(f"{BUNDLE}/proof-leaves.npz: the calls of {name} are not among the records fixed that day.\n{_WRONG}")
        at_leaf, at_hash = at_leaf + n_leaves, at_hash + n_hashes
    if (at_leaf, at_hash) != (len(leaves), len(hashes)):
        raise SealError(f"{BUNDLE}/proof-leaves.npz: there are leaves of no day.\n{_WRONG}")


def _pointers(bundle: Bundle, days: list[int]) -> int:
    day_of_leaf = np.repeat(np.array(days), bundle.column("proof-days", "leaves").astype(np.int64))
    used: list[int] = []
    for number, row in enumerate(list_of(bundle.about["strands"], "strands"), 1):
        first = date.fromisoformat(text_of(mapping_of(row, "strands").get("first_day"), "strands")) - date(1970, 1, 1)
        leaf = bundle.column(f"strand-{number}", "leaf").astype(np.int64)
        day = bundle.column(f"strand-{number}", "hour").astype(np.int64) // 24 + first.days
        if len(leaf) and (leaf.min() < 0 or not np.array_equal(day_of_leaf[leaf], day)):
            raise SealError(f"{BUNDLE}/strand-{number}.npz: a call points to a record of another day.\n{_WRONG}")
        used += leaf.tolist()
    if len(set(used)) != len(used):
        raise SealError(f"{BUNDLE}: two calls point to one record.\n{_WRONG}")
    return len(used)
