"""A score is what one gets by counting with the definitions in hand."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import backtest
from stillhunt.backtest import Reported, score
from stillhunt.errors import LogError

Rows = list[tuple[str, str, str | None]]


def truth(rows: Rows) -> pa.Table:
    """Return a truth table of (account, cohort, campaign)."""
    names = ("account_id", "cohort", "campaign_id")
    return pa.table({n: pa.array([row[i] for row in rows], pa.string()) for i, n in enumerate(names)})


def group(prefix: str, n: int, cohort: str, campaign: str | None = None) -> Rows:
    """Return `n` accounts of one cohort."""
    return [(f"{prefix}{i}", cohort, campaign) for i in range(n)]


def reported(name: str, *accounts: str, n_exchanges: int = 0, cited: tuple[str, ...] = ()) -> Reported:
    """Return one reported campaign."""
    return Reported(id=name, accounts=frozenset(accounts), n_exchanges=n_exchanges, cited=frozenset(cited))


WORLD = truth(
    [
        *group("a", 4, "hydra", "A"),
        *group("b", 4, "queue", "B"),
        *group("h", 90, "independent"),
        *group("s", 10, "class"),
    ]
)


def test_a_campaign_covered_by_half_is_found() -> None:
    """A campaign is found when a set that is mostly its own covers half of it, and not below that."""
    half = score([reported("r", "a0", "a1")], WORLD)
    less = score([reported("r", "a0")], WORLD)
    assert [c.found for c in half.campaigns] == [True, False]
    assert [c.found for c in less.campaigns] == [False, False]
    assert (half.campaigns[0].recall, less.campaigns[0].recall) == (0.5, 0.25)


def test_sets_cover_a_campaign_together() -> None:
    """Two sets that are each mostly one campaign's find it together, but not as one."""
    split = score([reported("r", "a0"), reported("s", "a1", "a2")], WORLD)
    assert split.campaigns[0].found and split.campaigns[0].sets == 2
    assert split.found_as_one == 0.0
    assert score([reported("r", "a0", "a1", "a2")], WORLD).found_as_one == 1.0


def test_a_set_of_strangers_does_not_find_a_campaign() -> None:
    """A set that holds a whole campaign among more honest accounts finds nothing and is false."""
    drowned = score([reported("r", "a0", "a1", "a2", "a3", *(f"h{i}" for i in range(5)))], WORLD)
    assert drowned.n_found == 0
    assert drowned.n_false == 1
    assert drowned.reported[0].cohort == "independent"
    assert drowned.reported[0].purity == pytest.approx(4 / 9)


def test_half_honest_is_not_false() -> None:
    """A set is false only when more than half of it is honest."""
    even = score([reported("r", "a0", "a1", "h0", "h1")], WORLD)
    assert (even.n_false, even.n_found) == (0, 1)


def test_accounts_are_counted_once() -> None:
    """An account that two campaigns accuse is one accused account."""
    twice = score([reported("r", "a0", "a1", "h0"), reported("s", "a1", "a2", "h0")], WORLD)
    assert (twice.accused, twice.honest_accused) == (4, 1)
    assert twice.account_precision == 0.75
    assert twice.account_recall == 3 / 8
    assert twice.honest_per_100k == 1000.0


def test_honest_cohorts_are_named_when_more_than_one_percent_is_accused() -> None:
    """One of 90 independents is more than 1 %, and so is named; campaigns never are."""
    named = score([reported("r", "a0", "a1", "h0", "s0")], WORLD)
    assert named.noticed == ("class", "independent")
    assert {c.cohort: (c.accounts, c.accused) for c in named.cohorts} == {
        "class": (10, 1),
        "hydra": (4, 2),
        "independent": (90, 1),
        "queue": (4, 0),
    }
    large = truth([*group("h", 100, "independent"), *group("a", 2, "hydra", "A")])
    assert score([reported("r", "a0", "a1", "h0")], large).noticed == ()


def test_nothing_reported_has_no_precision() -> None:
    """A share of nothing is not a number that could be mistaken for a good one."""
    nothing = score([], WORLD)
    assert nothing.account_precision is None and nothing.purity_worst is None and nothing.found_as_one is None
    assert nothing.account_recall == 0.0
    null = score([], truth(group("h", 3, "independent")))
    assert null.account_recall is None and null.honest_per_100k == 0.0


def test_calls_are_compared_with_those_harvested() -> None:
    """Calls of campaigns that were found are counted beside the reported ones; a citation must be its campaign's."""
    harvested = pa.table({"exchange_id": ["x1", "x2", "y1"], "campaign_id": ["A", "A", "B"]})
    result = score([reported("r", "a0", "a1", n_exchanges=3, cited=("x1", "y1", "z"))], WORLD, harvested)
    assert result.calls is not None
    assert result.calls == backtest.CallScore(counted=3, harvested=2, harvested_in_all=3, cited=3, cited_harvested=1)


def test_truth_of_another_log_is_refused() -> None:
    """An accused account that the truth does not know means that the truth is of another log."""
    with pytest.raises(LogError, match="does not know 1 of the 2 accused"):
        score([reported("r", "a0", "nobody")], WORLD)


def test_truth_with_an_account_twice_is_refused() -> None:
    """An account cannot be in the truth twice."""
    with pytest.raises(LogError, match="more than once"):
        score([], pa.concat_tables([WORLD, WORLD.slice(0, 1)]))


def test_truth_without_a_column_is_refused() -> None:
    """The message names the column that is missing."""
    with pytest.raises(LogError, match="no column `cohort`"):
        score([], WORLD.drop_columns(["cohort"]))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Rows, list[Reported]]:
    """Draw a small truth and some reported campaigns of its accounts."""
    rows: Rows = []
    for i in range(draw(st.integers(1, 12))):
        campaign = draw(st.sampled_from([None, "A", "B"]))
        rows.append((f"n{i}", draw(st.sampled_from(["x", "y"])), campaign))
    ids = st.sampled_from([row[0] for row in rows])
    sets = draw(st.lists(st.frozensets(ids, min_size=1), max_size=4))
    return rows, [Reported(id=str(i), accounts=accounts) for i, accounts in enumerate(sets)]


@settings(max_examples=200, deadline=None)
@given(cases())
def test_score_agrees_with_counting_by_hand(case: tuple[Rows, list[Reported]]) -> None:
    """Every figure is what one gets by going through all accounts with the definitions in hand."""
    rows, sets = case
    result = score(sets, truth(rows))
    true = {c: [a for a, _, other in rows if other == c] for c in ("A", "B")}
    for campaign in result.campaigns:
        members = true[campaign.campaign_id]
        own = [r for r in sets if sum(a in members for a in r.accounts) >= len(r.accounts) / 2]
        covered = [a for a in members if any(a in r.accounts for r in own)]
        assert campaign.found == (len(covered) >= len(members) / 2 and own != [])
        assert campaign.accused == sum(any(a in r.accounts for r in sets) for a in members)
    accused = [row for row in rows if any(row[0] in r.accounts for r in sets)]
    wrong = [row for row in accused if row[2] is None]
    assert len(result.campaigns) == sum(bool(members) for members in true.values())
    assert (result.accused, result.honest_accused) == (len(accused), len(wrong))
    assert result.n_false == sum(
        sum(row[0] in r.accounts and row[2] is None for row in rows) > len(r.accounts) / 2 for r in sets
    )
    purities = [max(sum(a in true[c] for a in r.accounts) for c in "AB") / len(r.accounts) for r in sets]
    assert [r.purity for r in result.reported] == pytest.approx(purities)
    for cohort in result.cohorts:
        here = [r for r in rows if r[1] == cohort.cohort and (r[2] is not None) == cohort.campaign]
        assert (cohort.accounts, cohort.accused) == (len(here), sum(r in accused for r in here))


def write_run(folder: Path, accounts: list[str], listed: list[str]) -> None:
    """Write the two files of a run that a backtest reads."""
    campaign = {"id": "c", "accounts": accounts, "n_exchanges": 9, "evidence": [{"exchange_ids": ["x1"]}]}
    (folder / "campaigns.json").write_text(json.dumps({"campaigns": [campaign]}))
    pq.write_table(pa.table({"account_id": pa.array(listed, pa.string())}), folder / "accounts.parquet")


def test_files_of_a_run_are_scored(tmp_path: Path) -> None:
    """The score of a run's files is the score of what they report."""
    write_run(tmp_path, ["a0", "a1"], ["a0", "a1"])
    pq.write_table(WORLD, tmp_path / "truth.parquet")
    wanted = score([reported("c", "a0", "a1", n_exchanges=9, cited=("x1",))], WORLD)
    assert backtest.score_files(tmp_path, tmp_path / "truth.parquet") == wanted


def test_files_of_two_runs_are_refused(tmp_path: Path) -> None:
    """Two files that accuse different accounts are not of one run."""
    write_run(tmp_path, ["a0", "a1"], ["a0"])
    pq.write_table(WORLD, tmp_path / "truth.parquet")
    with pytest.raises(LogError, match="accuse different accounts"):
        backtest.score_files(tmp_path, tmp_path / "truth.parquet")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"campaigns": [{}]}', '{"campaigns": 3}', "\xff"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    """Whatever stands in place of `campaigns.json`, the message says what was expected."""
    (tmp_path / "campaigns.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(LogError, match=r"--out.*stillhunt hunt"):
        backtest.read_reported(tmp_path / "campaigns.json")
