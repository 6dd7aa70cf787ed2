"""What a negative could have missed."""

from __future__ import annotations

import numpy as np
from tests.trace.audit.worlds_of_coins import suspect

from stillhunt.trace.audit.coin import coin_test
from stillhunt.trace.audit.detectable import coin_share, scaled_share


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
