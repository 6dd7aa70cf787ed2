"""Seeded populations of owners who have nothing to do with each other, and groups planted among them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillhunt.model import Incidence

KINDS = ("card", "network", "tls", "agent", "email_domain", "referral")
GROUPS = ("payment", "network", "client", "contact", "signup")
KIND_GROUP = np.array([0, 1, 2, 2, 3, 4], dtype=np.int8)
Ints = npt.NDArray[np.int64]


def incidence(owner: Ints, kind: Ints, value: Ints, country: Ints) -> Incidence:
    """Return the incidence of some (owner, kind, value) rows; a row that stands twice counts once."""
    rows = np.unique(np.stack([kind, value, owner]), axis=1)
    names, number = np.unique(rows[:2], axis=1, return_inverse=True)
    return Incidence(
        owner=rows[2].astype(np.int32),
        value=number.ravel().astype(np.int32),
        value_kind=names[0].astype(np.uint8),
        kinds=KINDS,
        kind_group=KIND_GROUP,
        groups=GROUPS,
        stratum=country.astype(np.int16),
        n_owners=len(country),
    )


def independent(rng: np.random.Generator, n: int) -> tuple[Ints, Ints, Ints, Ints]:
    """
    Draw owners whose values are independent given the country, as (owner, kind, value, country).

    Popularity is uneven (Zipf): a few networks, clients and mail domains are everywhere, most are rare; a card is
    seldom shared. Networks and mail domains go by country.
    """
    country = np.minimum(rng.geometric(0.45, n) - 1, 3).astype(np.int64)
    rows = []

    def hold(kind: int, value: Ints, owners: Ints) -> None:
        rows.append((owners, np.full(len(owners), kind), value))

    everybody = np.arange(n)
    popular_card = rng.random(n) < 0.15
    hold(0, np.where(popular_card, rng.zipf(1.8, n) % 50, 10_000 + everybody), everybody)
    for _ in range(2):
        some = everybody[rng.random(n) < 0.7]
        hold(1, 1000 * country[some] + rng.zipf(1.3, len(some)) % 300, some)
    hold(2, rng.zipf(1.6, n) % 60, everybody)
    hold(3, rng.zipf(1.4, n) % 90, everybody)
    mail = np.where(rng.random(n) < 0.7, rng.zipf(2.0, n) % 8, 100 * (1 + country) + rng.zipf(1.5, n) % 40)
    hold(4, mail, everybody)
    some = everybody[rng.random(n) < 0.2]
    hold(5, rng.zipf(1.5, len(some)) % 30, some)
    owner, kind, value = (np.concatenate(column) for column in zip(*rows, strict=True))
    return owner, kind, value, country


def planted(rng: np.random.Generator, n: int, size: int, k: int = 4) -> Incidence:
    """
    Return independent owners of whom the first `size` pay and connect through a shared pool instead.

    Each has one card and two networks of it; about `k` owners share a card. Two in three run one program.
    """
    owner, kind, value, country = independent(rng, n)
    hands, pool = np.arange(size), max(2, size // k)
    program = hands[rng.random(size) < 2 / 3]
    keep = (owner >= size) | (kind > 3) | ((kind > 1) & ~np.isin(owner, program))
    rows = [(owner[keep], kind[keep], value[keep]), (hands, np.full(size, 0), 50_000 + rng.integers(pool, size=size))]
    rows += [(hands, np.full(size, 1), 60_000 + rng.integers(pool, size=size)) for _ in range(2)]
    rows += [(program, np.full(len(program), one), np.full(len(program), 80_000)) for one in (2, 3)]
    return incidence(*(np.concatenate(column) for column in zip(*rows, strict=True)), country)
