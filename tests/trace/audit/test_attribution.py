"""Attribution to accounts, and channels put together."""

from __future__ import annotations

import numpy as np
import pytest
from chance import not_more_often
from tests.trace.audit.worlds_of_coins import suspect

from stillhunt.trace.audit.attribution import attribute, e_bh, holm_log10, together
from stillhunt.trace.audit.coin import CoinScores


def mixed(seed: int, accounts: int, each: int, guilty: int, gain: float = 1.0) -> CoinScores:
    """Return a suspect that learned from the first `guilty` of the accounts only."""
    world = suspect(seed, accounts * each, accounts=accounts)
    used = np.array([int(a[1:]) < guilty for a in world.account])
    score = world.score.copy()
    score[(world.start[:-1] + world.served)[used]] += gain
    return CoinScores(**{f: getattr(world, f) for f in world.__dataclass_fields__} | {"score": score})


def test_every_guilty_account_is_named_and_no_other() -> None:
    """Five accounts mixed into one training set are all named, at forty exchanges each; thirty innocents are not."""
    rows = attribute(mixed(1, 35, 40, 5))
    assert {r.account for r in rows if r.named} == {f"a{i}" for i in range(5)}
    assert {r.account for r in rows if r.named_by_e} == {f"a{i}" for i in range(5)}


def test_any_innocent_is_named_at_most_at_the_level() -> None:
    """Over many worlds with guilty accounts among them, an innocent is named in no more of them than the level."""
    wrong = sum(any(r.named and int(r.account[1:]) >= 2 for r in attribute(mixed(s, 12, 20, 2))) for s in range(150))
    assert not_more_often(wrong, 150, 0.05)


def test_holm_and_e_bh_agree_with_their_definitions() -> None:
    """The adjusted values and the rejected sets are those of the definitions, written as loops."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        p = rng.uniform(0, 1, 9) ** 4
        order = np.argsort(p)
        slow, worst = np.empty(9), 0.0
        for rank, i in enumerate(order):
            worst = max(worst, min(1.0, p[i] * (9 - rank)))
            slow[i] = worst
        assert 10 ** holm_log10(np.log10(p)) == pytest.approx(slow)
        e = 1 / p
        best = max((k for k in range(1, 10) if np.sort(e)[-k] >= 9 / (k * 0.05)), default=0)
        assert e_bh(np.log10(e), 0.05).sum() == best


def test_product_of_channels_is_an_e_value() -> None:
    """Channels multiply: decades add."""
    assert together([1.5, -0.5, 2.0]) == 3.0
    assert together([]) == 0.0


def test_nothing_to_attribute() -> None:
    """Without exchanges there is no account, and the procedures accept empty input."""
    assert holm_log10(np.empty(0)).size == e_bh(np.empty(0), 0.05).size == 0
