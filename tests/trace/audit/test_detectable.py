"""What a negative could have missed."""

from __future__ import annotations

import re

import numpy as np
from tests.trace.audit.worlds_of_coins import suspect

from stillhunt.trace.audit.attribution import attribute
from stillhunt.trace.audit.coin import coin_test
from stillhunt.trace.audit.detectable import account_sentence, coin_share, scaled_share


def test_the_stated_share_is_seen_as_often_as_stated() -> None:
    """When the share that is printed was used, with the gain that is assumed, about the stated part of audits sees it."""
    n, gain = 400, 0.35
    share = next(s for name, s in coin_share(n, alpha=1e-3).share.items() if "0.35" in name)
    seen = 0
    for seed in range(40):
        null, used = suspect(seed, n), suspect(seed, n, gain=gain * 0.75**0.5 / 0.75)
        pick = np.random.default_rng(seed).random(n) < share
        rows = np.repeat(pick, 4)
        mixed = type(null)(
            **{f: getattr(null, f) for f in null.__dataclass_fields__}
            | {"score": np.where(rows, used.score, null.score)}
        )
        seen += coin_test(mixed, draws=0).tail.p_value < 1e-3
    assert 24 <= seen <= 39


def test_a_hopeless_audit_says_so() -> None:
    """With ten exchanges and nothing assumed strong enough, the sentence says that the negative says nothing."""
    assert "says nothing" in coin_share(10, alpha=1e-5).sentence()
    assert "says nothing" in scaled_share(0.0, of="the mark", alpha=1e-5).sentence()
    assert "%" in coin_share(5000, alpha=1e-5).sentence()


def test_accounts_are_named_from_the_stated_number_on() -> None:
    """One guilty account of the size that the sentence gives is named in about the stated part of worlds, at that gain."""
    told = account_sentence(5, level=0.05)
    n = int(re.search(r"from (\d+) \(gain 1\)", told)[1])  # type: ignore[index]
    named = 0
    for seed in range(60):
        world = suspect(seed, 5 * n, accounts=5)
        score = world.score.copy()
        guilty = np.array([a == "a0" for a in world.account])
        score[(world.start[:-1] + world.served)[guilty]] += 1.0
        found = attribute(type(world)(**{f: getattr(world, f) for f in world.__dataclass_fields__} | {"score": score}))
        named += next(r.named for r in found if r.account == "a0")
    assert 30 <= named <= 60 and "not cleared" in told
