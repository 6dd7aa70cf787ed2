"""Linked sets: two witnesses, disjoint, with what they present themselves as."""

from __future__ import annotations

import numpy as np
from judge.populations import incidence, independent, planted

from stillhunt.judge.linkage import Population, linkage
from stillhunt.judge.sets import linked_sets
from stillhunt.model import Incidence

GROUP = np.arange(30, dtype=np.int32)


def sharing(seed: int, *kinds: int, cards: int = 8) -> Incidence:
    """Return 400 independent owners of whom the first 30 share values of some kinds, each among about four."""
    rng = np.random.default_rng(seed)
    owner, kind, value, country = independent(rng, 400)
    keep = (owner >= 30) | ~np.isin(kind, kinds)
    rows = [(owner[keep], kind[keep], value[keep])]
    for one in kinds:
        rows.append((np.arange(30), np.full(30, one), 70_000 + rng.integers(cards if one == 0 else 8, size=30)))
    return incidence(*(np.concatenate(c) for c in zip(*rows, strict=True)), country)


def test_two_witnesses_make_a_set() -> None:
    """Owners who share cards and networks are a linked set with nobody else in it."""
    for seed in range(5):
        (one,) = linked_sets(Population(sharing(seed, 0, 1)), [GROUP], membership_level=0.05)
        assert set(one.owners.tolist()) <= set(GROUP.tolist())
        assert len(one.owners) >= 15
        assert one.linkage.weighted_log10 >= 2
        assert len(one.owners) == len(one.log_e) == len(one.means)


def test_one_witness_does_not() -> None:
    """Owners who share networks, however surely, and nothing else are no linked set."""
    for seed in range(5):
        population = Population(sharing(seed, 1, cards=3))
        assert linkage(population, GROUP).groups_log10[1] > 10
        assert linked_sets(population, [GROUP], membership_level=0.05) == []


def test_kinds_of_one_group_are_one_witness() -> None:
    """TLS fingerprints and user agents together are one witness: one program sets both."""
    for seed in range(5):
        assert linked_sets(Population(sharing(seed, 2, 3)), [GROUP], membership_level=0.05) == []


def test_unlinked_groups_are_no_sets() -> None:
    """Groups of unrelated owners are dropped; no groups are no sets."""
    population = Population(planted(np.random.default_rng(1), 400, 30))
    strangers = [np.arange(start, start + 20, dtype=np.int32) for start in range(40, 400, 40)]
    assert linked_sets(population, strangers, membership_level=0.05) == []
    assert linked_sets(population, [], membership_level=0.05) == []


def test_who_has_a_licence_is_in_no_set() -> None:
    """A licensed owner that shares as much as the others is no member, and the others still are."""
    population = Population(sharing(0, 0, 1))
    (every,) = linked_sets(population, [GROUP], membership_level=0.05)
    licensed = every.owners[:3]
    (rest,) = linked_sets(population, [GROUP], membership_level=0.05, licensed=licensed)
    assert rest.owners.tolist() == every.owners[3:].tolist()
    assert rest.log_e.tolist() == every.log_e[3:].tolist()


def test_an_owner_is_in_one_set() -> None:
    """Of two proposals that overlap each owner stays with one, and the sets share nobody."""
    population = Population(sharing(2, 0, 1, cards=3))
    found = linked_sets(population, [GROUP[:20], GROUP[10:]], membership_level=0.05)
    together = np.concatenate([one.owners for one in found])
    assert len(together) == len(np.unique(together))
    assert len(together) >= 10


def test_sets_say_how_many_customers_they_look_like() -> None:
    """Thirty owners with two cards between them look like two customers; with twelve like several."""
    (few,) = linked_sets(Population(sharing(1, 0, 1, cards=2)), [GROUP], membership_level=0.05)
    (many,) = linked_sets(Population(sharing(1, 0, 1, cards=12)), [GROUP], membership_level=0.05)
    assert few.concealment.by_card is not None and few.concealment.by_card <= 2
    assert many.concealment.customers is not None and many.concealment.customers >= 4


def test_without_identity_nothing_is_known_of_customers() -> None:
    """A log without the kinds `card` and `email_domain` leaves concealment open."""
    whole = sharing(1, 0, 1)
    names = tuple("x" + name if name in ("card", "email_domain") else name for name in whole.kinds)
    blind = Incidence(**{f: getattr(whole, f) for f in Incidence.__slots__} | {"kinds": names})
    (one,) = linked_sets(Population(blind), [GROUP], membership_level=0.05)
    assert (one.concealment.customers, one.concealment.by_card, one.concealment.by_domain) == (None, None, None)
