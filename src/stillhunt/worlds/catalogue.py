"""
What all customers choose from: client stacks, popular apps, models.

A catalogue depends on the seed alone, so all parts of a large world share it.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np

from stillhunt.worlds.ids import Ints

STACKS = 240
APPS = 40
_SDKS = (
    "atlas-python/1",
    "atlas-node/2",
    "python-requests/2",
    "httpx/0",
    "axios/1",
    "node-fetch/3",
    "aiohttp/3",
    "Go-http-client/2",
    "langchain/0",
    "litellm/1",
    "okhttp/4",
    "curl/8",
)
_HEADERS = (
    "host",
    "accept",
    "accept-encoding",
    "authorization",
    "content-type",
    "content-length",
    "user-agent",
    "connection",
    "x-request-id",
    "x-sdk-lang",
    "x-sdk-runtime",
    "x-retry-count",
)
MODELS = ("atlas-2", "atlas-2-mini", "atlas-2-reason", "atlas-3", "atlas-3-reason")
REASONS = np.array([False, False, True, True, True])
"""Whether a model returns protected reasoning blocks."""


class Catalogue(NamedTuple):
    """
    Stacks as three parallel tuples of strings, most popular first; apps by template key and stack.

    `model_released` holds (day, hour) of the two models that come out during the window. `volume` multiplies
    the lists that some customers work off.
    """

    user_agents: tuple[str, ...]
    ja4: tuple[str, ...]
    header_orders: tuple[str, ...]
    app_template: Ints
    app_stack: Ints
    app_class: Ints
    app_model_hour: Ints
    """Hours after a release at which an app moves all its users to the new model."""
    released_h: Ints
    outage_h: int
    volume: int = 1


def _ja4(draw: random.Random) -> str:
    suites, extensions = draw.choice((15, 16, 17, 31)), draw.choice((9, 10, 11, 12, 16))
    ciphers, signatures = draw.getrandbits(48), draw.getrandbits(48)
    return f"t13d{suites}{extensions:02d}h{draw.choice('12')}_{ciphers:012x}_{signatures:012x}"


def catalogue(seed: int) -> Catalogue:
    """Return the catalogue of a seed."""
    draw = random.Random(f"stillhunt catalogue {seed}")
    tls = [_ja4(draw) for _ in range(36)]
    orders = [",".join(draw.sample(_HEADERS, draw.randint(7, 10))) for _ in range(30)]
    agents, ja4, headers = [], [], []
    for number in range(STACKS):
        sdk = draw.choice(_SDKS)
        agents.append(
            f"{sdk}.{draw.randint(0, 40)}.{draw.randint(0, 9)} ({draw.choice(('linux', 'darwin', 'win32'))})"
        )
        ja4.append(tls[min(int(draw.expovariate(0.12)), 35)] if number % 3 else draw.choice(tls))
        headers.append(orders[_header_order(sdk, draw, len(orders))])
    keys = [draw.getrandbits(62) for _ in range(APPS)]
    stacks = draw.sample(range(20, STACKS), APPS)
    classes = [draw.choice((0, 0, 1, 4, 6, 7, 7)) for _ in range(APPS)]
    release = [
        draw.randint(6, 9) * 24 + draw.randint(12, 19),
        draw.randint(13, 16) * 24 + draw.randint(12, 19),
    ]
    outage = draw.randint(48, 480)
    return Catalogue(
        tuple(agents),
        tuple(ja4),
        tuple(headers),
        np.array(keys, dtype=np.int64),
        np.array(stacks, dtype=np.int64),
        np.array(classes, dtype=np.int64),
        np.array([draw.randint(2, 400) for _ in range(APPS)], dtype=np.int64),
        np.array(release, dtype=np.int64),
        outage,
    )


def _header_order(sdk: str, draw: random.Random, bound: int) -> int:
    """Return the header order of an SDK: mostly its own, sometimes another one after an update."""
    own = sum(map(ord, sdk)) % bound
    return own if draw.random() < 0.8 else draw.randrange(bound)


def draw_stacks(rng: np.random.Generator, n: int) -> Ints:
    """Return client stacks with Zipf popularity."""
    weight = 1.0 / (np.arange(STACKS) + 2.0) ** 0.9
    return rng.choice(STACKS, n, p=weight / weight.sum()).astype(np.int64)
