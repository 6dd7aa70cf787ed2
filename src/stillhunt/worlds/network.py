"""
Addresses and the networks they belong to.

All addresses lie in 240.0.0.0/4 and all autonomous systems in the private range (RFC 6996), which nobody
holds, so that no world accuses a real network. One /16 belongs to one network in one country.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stillhunt.worlds.ids import Bools, Hashes, Ints, below, mix, unit

COUNTRIES = tuple(
    [
        "US",
        "DE",
        "GB",
        "IN",
        "JP",
        "FR",
        "BR",
        "ES",
        "NL",
        "PL",
        "KR",
        "SG",
        "HK",
        "CA",
        "AU",
        "IT",
        "MX",
        "ID",
        "VN",
        "NG",
        "TR",
        "UA",
        "SE",
        "TW",
    ]
)
SHARES = np.array([30, 7, 6, 9, 6, 5, 5, 3, 3, 3, 3, 4, 3, 4, 3, 3, 2, 2, 2, 2, 2, 1, 2, 2], dtype=float)
SHARES /= SHARES.sum()
UTC_OFFSET_H = np.array(
    [-6, 1, 0, 5, 9, 1, -3, 1, 1, 1, 9, 8, 8, -5, 10, 1, -6, 7, 7, 1, 3, 2, 1, 8], dtype=np.int64
)
MAIN_LANGUAGE = np.array(
    [0, 1, 0, 0, 5, 3, 6, 2, 8, 9, 11, 0, 4, 0, 0, 7, 2, 0, 0, 0, 10, 0, 0, 4], dtype=np.int64
)
"""Index into `LANGUAGES` of the language most people of a country write in to a model."""

HOME, MOBILE, VPN, CLOUD, EGRESS, OFFICE, HOSTING = range(7)
_BASE = 240 << 24
_FIRST_AS = 4_200_000_000


class Networks(NamedTuple):
    """First /16 and number of /16s by `[kind, country]`; autonomous system and country of each /16."""

    first: Ints
    blocks: Ints
    asn: Ints
    country: Ints


@lru_cache(maxsize=1)
def networks() -> Networks:
    """Return the address plan; the same in every world."""
    kinds = 7
    first = np.zeros((kinds, len(COUNTRIES)), dtype=np.int64)
    count = np.ones((kinds, len(COUNTRIES)), dtype=np.int64)
    count[HOME] = np.maximum(2, np.round(SHARES * 160))
    count[CLOUD] = np.maximum(1, np.round(SHARES * 30))
    count[OFFICE] = np.maximum(1, np.round(SHARES * 40))
    asn: list[int] = []
    country: list[int] = []
    for kind in range(kinds):
        for where in range(len(COUNTRIES)):
            first[kind, where] = len(asn)
            blocks = int(count[kind, where])
            asn += [_FIRST_AS + kind * 10_000 + where * 10 + b * 4 // blocks for b in range(blocks)]
            country += [where] * blocks
    return Networks(first, count, np.array(asn, dtype=np.int64), np.array(country, dtype=np.int64))


_SPREAD = {HOME: (1.5, 256, 250), CLOUD: (1.3, 256, 250), OFFICE: (1.0, 256, 8), HOSTING: (1.0, 40, 250)}
_SHARED = {MOBILE: (4, 40), VPN: (2, 3), EGRESS: (2, 12)}


def address(kind: int, country: Ints, key: Hashes) -> Ints:
    """
    Return one address of that kind for each key, as a 32-bit integer.

    Homes, servers and offices spread over a country's /24s with a few crowded ones; mobile carriers, VPN
    exits
    and serverless egress have only a handful of addresses, which thousands share.
    """
    plan = networks()
    first, blocks = plan.first[kind, country], plan.blocks[kind, country]
    if kind in _SHARED:
        nets, hosts = _SHARED[kind]
        third = below(mix(key, 21), nets) * 16
        host = 1 + (unit(mix(key, 22)) ** 1.5 * hosts).astype(np.int64)
        shared: Ints = _BASE + (first << 16) + (third << 8) + host
        return shared
    power, nets, hosts = _SPREAD[kind]
    place = (unit(mix(key, 23)) ** power * blocks * nets).astype(np.int64)
    block, third = np.divmod(place, nets)
    found: Ints = _BASE + ((first + block) << 16) + (third << 8) + 1 + below(mix(key, 24), hosts)
    return found


def is_home(ip: Ints) -> Bools:
    """Return whether each address belongs to a household."""
    private: Bools = (asn_of(ip) - _FIRST_AS) // 10_000 == HOME
    return private


def neighbour(ip: Ints, key: Hashes) -> Ints:
    """Return another address in the same /24."""
    near: Ints = (ip & ~np.int64(255)) + 1 + below(mix(key, 25), 250)
    return near


def asn_of(ip: Ints) -> Ints:
    """Return the autonomous system of each address."""
    found: Ints = networks().asn[(ip - _BASE) >> 16]
    return found


def country_of(ip: Ints) -> Ints:
    """Return the index into `COUNTRIES` of each address."""
    found: Ints = networks().country[(ip - _BASE) >> 16]
    return found


def draw_countries(rng: np.random.Generator, n: int) -> npt.NDArray[np.int64]:
    """Return countries in proportion to their share of customers."""
    return rng.choice(len(COUNTRIES), n, p=SHARES).astype(np.int64)


def draw_regions(rng: np.random.Generator, home: Ints) -> Ints:
    """
    Return where servers and exits of customers from `home` stand: at home for some, where they are
    cheap for most.
    """
    share = np.where(np.isin(np.arange(len(COUNTRIES)), (0, 1, 2, 4, 9, 11, 12)), SHARES + 0.08, SHARES / 4)
    away = rng.choice(len(COUNTRIES), len(home), p=share / share.sum())
    return np.where(rng.random(len(home)) < 0.35, home, away)
