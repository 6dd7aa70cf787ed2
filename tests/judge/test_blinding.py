"""Blinding: the tests read codes that keep what they look at and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judge.traffic import Subjects

from stillhunt.judge.blinding import STEPS, recoded, rounded, turned
from stillhunt.judge.interchangeable import InterchangeTest, interchange_test

SALTS = (b"one salt of sixteen bytes", b"another")


def test_equal_prompts_have_equal_codes_and_only_those() -> None:
    """Coding keeps equality, keeps 0 for no prompt, and depends on the salt."""
    values = np.array([5, 0, 5, 7, 2**64 - 1], dtype=np.uint64)
    one, two = (recoded(values, salt) for salt in SALTS)
    assert one[0] == one[2] and len(set(one.tolist())) == 4 and one[1] == 0
    assert not set(one.tolist()) & (set(two.tolist()) - {0})
    assert len(recoded(values[:0], SALTS[0])) == 0


def test_the_order_of_codes_says_nothing_about_the_hashes() -> None:
    """Ranks under two salts are uncorrelated: two bundles cannot be laid side by side by rank."""
    values = np.sort(np.random.default_rng(1).integers(1, 2**63, 4000).astype(np.uint64))
    ranks = [np.argsort(np.argsort(recoded(values, salt))) for salt in SALTS]
    for a, b in ((ranks[0], ranks[1]), (ranks[0], np.arange(4000))):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.1


def test_turning_keeps_inner_products_of_each_half() -> None:
    """Sums, differences and angles of whole-number sketches come out exactly as they went in, half by half."""
    sketch = np.random.default_rng(2).integers(-9, 10, (50, 128)).astype(np.float64)
    found = turned(sketch, SALTS[0])
    for half in (slice(0, 64), slice(64, 128)):
        np.testing.assert_allclose(found[:, half] @ found[:, half].T, sketch[:, half] @ sketch[:, half].T, atol=1e-9)
    assert np.abs(found - sketch).max() > 1


def test_turned_sketches_of_one_text_do_not_look_alike_under_two_salts() -> None:
    """Neither coordinates nor their sizes in order tell that two sketches are of one text."""
    rng = np.random.default_rng(3)
    sketch = np.where(rng.random((300, 128)) < 0.3, rng.integers(-4, 5, (300, 128)), 0).astype(np.float64)
    one, two = (turned(sketch, salt) for salt in SALTS)
    length = np.linalg.norm(sketch, axis=1)[:, None]
    one, two = one / length, two / length
    assert abs(np.mean(np.sum(one * two, axis=1))) < 0.05
    sizes = [np.sort(np.abs(x[:, :64]), axis=1) for x in (one, two)]
    nearest = np.argmin(((sizes[0][:, None] - sizes[1][None]) ** 2).sum(axis=2), axis=1)
    assert (nearest == np.arange(300)).mean() < 0.1


def test_rounding_costs_little() -> None:
    """Inner products of unit vectors move by less than a hundredth."""
    rng = np.random.default_rng(4)
    unit = rng.normal(size=(200, 128))
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    near = rounded(unit) / STEPS
    assert np.abs(near @ near.T - unit @ unit.T).max() < 0.01


@pytest.mark.parametrize("mixed", [True, False])
def test_a_salt_changes_no_verdict(mixed: bool) -> None:
    """Workers and honest accounts are told apart alike under any salt; ρ moves by rounding alone."""
    world = Subjects(np.random.default_rng(5))
    account = np.repeat(np.arange(30), 12)
    rng = np.random.default_rng(6)
    subject = rng.integers(0, world.count, len(account)) if mixed else account % 10
    strand = world.ask(account, subject, 30)
    tests = [interchange_test(replace(strand, salt=salt), rho0=0.05, seed=1) for salt in SALTS]
    rho = [t.rho for t in tests if isinstance(t, InterchangeTest)]
    assert len(rho) == 2
    assert abs(rho[0] - rho[1]) < 0.03
    assert (rho[0] < 0.3) == mixed
