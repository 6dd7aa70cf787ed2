"""
Campaigns at the edge of what can be seen: small, covered by ordinary traffic, or sharing nothing but text and time.

Each world has the honest population and every look-alike of the demo world, and a handful of campaigns of one difficulty. What
is not named by the difficulty is drawn as for the demo world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from stillhunt.worlds.campaigns import KINDS, Plan, plan
from stillhunt.worlds.drafts import NO

Rng = np.random.Generator
CAMPAIGNS = 6
_OWN_TEMPLATE = ("hydra", "injected_prompt", "partitioned_queue", "best_of_k", "low_and_slow")


def _of_kind(kind: str, least: int, most: int, rng: Rng) -> Plan:
    size = round(float(np.exp(rng.uniform(np.log(least), np.log(most)))))
    return plan(kind, size, rng)


def _small(kind: str, rng: Rng) -> Plan:
    """Ten to twenty accounts with twenty harvested calls or more each, and cards as of five customers or more."""
    drawn = _of_kind(kind, 10, 20, rng)
    return replace(drawn, pools=1, cards_k=int(rng.integers(1, drawn.size // 5 + 1)))


def _covered(kind: str, rng: Rng) -> Plan:
    """Fifty accounts or more, of whose calls eighty to ninety per cent are ordinary."""
    return replace(_of_kind(kind, 50, 200, rng), cover=float(rng.uniform(0.8, 0.9)), pools=1)


def _nothing_shared(kind: str, rng: Rng) -> Plan:
    """
    Fifty accounts or more, each with its own card, mailbox, program and line at home: only text, queue and time are left.

    The template is the operator's own, because inside a popular application such a campaign shares nothing at all.
    """
    own = replace(_of_kind(kind, 50, 200, rng), adopt=0.0, domains_k=0, signup_burst=False, hidden_in=NO, pools=1)
    return replace(own, regulated=True)


DIFFICULTIES: Mapping[str, tuple[Callable[[str, Rng], Plan], tuple[str, ...]]] = MappingProxyType(
    {"small_campaigns": (_small, KINDS), "covered": (_covered, KINDS), "nothing_shared": (_nothing_shared, _OWN_TEMPLATE)}
)
"""By the name of the world: how a campaign is planned, and which kinds of operators there are."""


def plans(name: str, rng: Rng) -> Iterator[Plan]:
    """Yield the operators of one world: as many different kinds as there are, in random order."""
    make, kinds = DIFFICULTIES[name]
    order = [str(kind) for _ in range(2) for kind in rng.permutation(np.array(kinds))][:CAMPAIGNS]
    return (make(kind, rng) for kind in order)
