"""The canary test: exact over the draw of the favoured halves."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from chance import not_more_often
from scipy.stats import hypergeom

from stillhunt.errors import ConfigError
from stillhunt.trace.audit.canary import CanaryClass, canary_test, counted


def classes(seed: int, n: int = 8, m: int = 8, *, lean: float = 0.0, samples: int = 12) -> list[CanaryClass]:
    """Return classes of a suspect with strong tastes of its own, asked `samples` times each; `lean` favours the half."""
    rng = np.random.default_rng(seed)
    out = []
    for q in range(n):
        names = [f"a{j}" for j in range(m)]
        half = frozenset(rng.choice(names, m // 2, replace=False).tolist())
        taste = np.exp(rng.normal(0, 1.2, m) + lean * np.array([a in half for a in names]))
        counts = rng.multinomial(samples, taste / taste.sum())
        out.append(
            CanaryClass(name=f"q{q}", preference=dict(zip(names, counts.astype(float), strict=True)), favoured=half)
        )
    return out


def test_suspects_with_tastes_of_their_own_are_rejected_at_the_level() -> None:
    """However strongly a suspect prefers some answers, p ≤ α no more often than α."""
    p = np.array([canary_test(classes(s), draws=0).tail.p_value for s in range(300)])
    for level in (0.01, 0.05, 0.2, 0.5):
        assert not_more_often(int((p <= level).sum()), len(p), level)


def test_power() -> None:
    """A suspect that learned the favoured answers is found from a hundred samples."""
    found = [canary_test(classes(s, lean=2.5), draws=0) for s in range(20)]
    assert sum(f.tail.p_log10 < -4 for f in found) >= 18
    assert np.mean([f.favoured_share for f in found]) > 0.8


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_its_slow_twin(seed: int) -> None:
    """The tail is the share of all draws of halves that do at least as well, counted one by one."""
    world = classes(seed, n=3, m=6)
    sums = [[sum(h) for h in combinations(c.preference.values(), 3)] for c in world]
    observed = sum(c.preference[a] for c in world for a in c.favoured)
    ways = [sum(w) for w in product(*sums)]
    assert canary_test(world).tail.p_value == pytest.approx(np.mean([w >= observed - 1e-9 for w in ways]), rel=1e-6)


def test_one_class_is_the_hypergeometric_law() -> None:
    """A suspect that gives one of five answers, all favoured, has the p-value of drawing them by chance."""
    names = [f"a{j}" for j in range(16)]
    preference = {a: float(i < 5) for i, a in enumerate(names)}
    one = CanaryClass(name="q", preference=preference, favoured=frozenset(names[:8]))
    assert canary_test([one]).tail.p_value == pytest.approx(hypergeom.sf(4, 16, 5, 8), rel=1e-6)


def test_a_suspect_that_answers_nothing_proves_nothing() -> None:
    """No answer in the list gives p = 1."""
    silent = [
        CanaryClass(name="q", preference=dict.fromkeys("abcd", 0.0), favoured=frozenset("ab")),
    ]
    assert canary_test(silent).tail.p_value == 1.0
    assert canary_test([]).tail.p_value == 1.0


def test_a_sample_that_names_two_answers_counts_half_for_each() -> None:
    """An answer that lists several names is shared out among them."""
    assert counted("abc", {0: ["a"], 1: ["a", "b"], 2: []}) == {"a": 1.5, "b": 0.5, "c": 0.0}


def test_what_is_no_half_is_refused() -> None:
    """Favouring three of four answers, or a class twice, is refused."""
    with pytest.raises(ConfigError, match="half"):
        CanaryClass(name="q", preference=dict.fromkeys("abcd", 0.0), favoured=frozenset("abc"))
    one = CanaryClass(name="q", preference=dict.fromkeys("abcd", 0.0), favoured=frozenset("ab"))
    with pytest.raises(ConfigError, match="twice"):
        canary_test([one, one])
