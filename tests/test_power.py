"""Campaigns planted into a copy of a log: made of honest accounts, and found when they share enough."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from digest.logs import call, digest

from stillhunt import contract, worlds
from stillhunt.config import Config
from stillhunt.controls import Power, PowerCell, Smallest
from stillhunt.digest import CALLS
from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.errors import ClaimError
from stillhunt.planting import Cell, Donors, Planted, donors, lay_out, plant
from stillhunt.power import LARGEST_PART, _cell, _is_found, _rounds, power, smallest
from stillhunt.report import power_html, power_json
from strategies import SECRET

CELL = Cell(size=12, sharing="much", calls=10, scheduler="one queue")


@pytest.fixture
def found(engine: DuckDBEngine) -> Donors:
    """Sixty honest accounts with ten calls each, two of them of one organisation, one licensed."""
    calls = [call(f"a{n % 60:02}", n * 0.5, prompt=f"what is thing {n}", country="SE") for n in range(600)]
    records = [{"account_id": "a00", "org_id": "o"}, {"account_id": "a01", "org_id": "o"}, {"account_id": "a02", "licence": "x"}]
    digest(engine, calls, records)
    engine.create("base_call", f"SELECT {', '.join(CALLS.names)} FROM distinct_call")
    return donors(engine, ["a03"])


def sown(cell: Cell, found: Donors, seed: int = 1) -> Planted:
    """Plant one campaign without account records."""
    return plant(cell, 0, found, contract.ACCOUNTS.empty_table(), np.random.default_rng(seed))


def test_only_honest_accounts_of_their_own_are_copied(found: Donors) -> None:
    """Accounts of an organisation, licensed ones and those that are linked to anybody are never copied."""
    assert set(found.accounts) == {f"a{n:02}" for n in range(4, 60)}
    assert len(found.at_us) == len(found.work) == 560


def test_a_campaign_has_its_size_and_its_calls(found: Donors) -> None:
    """Each planted account makes as many calls as its kind says; cards, networks and a template are shared as it says."""
    one = sown(CELL, found)
    assert len(one.account_ids) == 12 and one.calls.num_rows == 120
    assert set(np.unique(one.calls["account_id"].to_numpy(zero_copy_only=False), return_counts=True)[1]) == {10}
    assert len(one.calls["template"].unique()) == len(one.calls["program"].unique()) == 1
    assert len(one.calls["network"].unique()) <= 4
    assert len(one.calls["source"].unique()) == 120
    little = sown(replace(CELL, sharing="little"), found)
    assert little.calls["program"].null_count == 120


def test_one_queue_is_steadier_than_clocks_of_their_own(found: Donors) -> None:
    """Calls of one queue lie evenly over the days; those by own clocks lie where honest accounts' calls lie."""
    queue = np.sort(sown(CELL, found).calls["at_us"].to_numpy())
    own = np.sort(sown(replace(CELL, scheduler="own clocks"), found).calls["at_us"].to_numpy())
    assert np.diff(queue).std() < 0.7 * np.diff(own).std()
    assert found.first_us <= own[0] and own[-1] <= found.last_us


def test_the_copy_has_the_log_and_what_was_planted(engine: DuckDBEngine, found: Donors) -> None:
    """The log's own calls stay as they are; planted calls have fingerprints of honest prompts, changed as one template would."""
    one = sown(CELL, found)
    engine.drop("raw_call")
    lay_out(engine, [one])
    counts = engine.fetch("SELECT account_id LIKE 'planted-%' AS planted, count(*) AS n FROM raw_call GROUP BY 1 ORDER BY 1")
    assert counts.column("n").to_pylist() == [600, 120]
    copied = engine.fetch("SELECT * FROM raw_call WHERE account_id LIKE 'planted-%'")
    assert copied.schema.names == CALLS.names
    assert set(copied["country"].to_pylist()) == {"SE"}
    assert len(copied["system_h"].unique()) == 1
    prompts = set(engine.fetch("SELECT prompt_h FROM base_call")["prompt_h"].to_pylist())
    assert not prompts & set(copied["prompt_h"].to_pylist())


def test_records_name_nobody(found: Donors) -> None:
    """Planted records keep the donor's mail domain and sign-up and nothing that identifies the donor."""
    rows = [
        {"account_id": a, "email_domain": "mail.example", "phone_hash": f"p{a}", "payment_fingerprint": f"c{a}", "org_id": None}
        for a in found.accounts
    ]
    table = pa.Table.from_pylist([{n: r.get(n) for n in contract.ACCOUNTS.names} for r in rows], schema=contract.ACCOUNTS)
    one = plant(CELL, 0, found, table, np.random.default_rng(2))
    assert one.records.schema == contract.ACCOUNTS
    assert set(one.records["email_domain"].to_pylist()) == {"mail.example"}
    assert one.records["phone_hash"].null_count == 12
    assert len(one.records["payment_fingerprint"].unique()) == 4
    assert one.records["account_id"].to_pylist() == list(one.account_ids)


def test_found_means_mostly_its_own_and_half_of_it(found: Donors) -> None:
    """Half of a campaign in sets that are mostly its own is found; less, or in a crowd of others, is not."""
    one = sown(CELL, found)
    half, crowd = frozenset(one.account_ids[:6]), frozenset(str(n) for n in range(20))
    assert _is_found(one, [half])
    assert not _is_found(one, [frozenset(one.account_ids[:5])])
    assert not _is_found(one, [half | crowd])
    assert _is_found(one, [frozenset(one.account_ids[:3]), frozenset(one.account_ids[3:6])])


def test_rounds_keep_to_their_room_and_take_turns() -> None:
    """No round plants more accounts than there is room for, and no kind is planted twice before all are once."""
    cells = [replace(CELL, size=s, calls=c) for s in (10, 20, 40) for c in (10, 30)]
    rounds = _rounds(cells, 70, 9, seed=3)
    assert len(rounds) == 9
    assert all(0 < sum(c.size for c in batch) <= 70 for batch in rounds)
    order = [c for batch in rounds for c in batch]
    assert len(set(order[: len(cells)])) == len(cells)
    assert rounds == _rounds(cells, 70, 12, seed=3)[:9]


def test_the_smallest_size_holds_for_all_larger_ones() -> None:
    """A size counts when it and every larger one is found often enough."""
    def table(*hits: int) -> list[PowerCell]:
        return [_cell(replace(CELL, size=s), 10, h) for s, h in zip((10, 20, 40, 80), hits, strict=True)]

    assert smallest(table(2, 8, 9, 10), "much", 10, "one queue") == 20
    assert smallest(table(9, 7, 8, 10), "much", 10, "one queue") == 40
    assert smallest(table(9, 9, 9, 7), "much", 10, "one queue") is None
    few = [replace(c, planted=4, found=4) for c in table(9, 9, 9, 9)]
    assert smallest(few, "much", 10, "one queue") is None
    cell = table(0, 8, 10, 10)[1]
    assert cell.low == pytest.approx(0.444, abs=1e-3) and cell.high == pytest.approx(0.975, abs=1e-3)


def study() -> Power:
    """A small study, made by hand."""
    kinds = [(s, c, t) for s in ("much", "little") for c in (10, 30) for t in ("one queue", "own clocks")]
    cells = [
        _cell(Cell(size=n, sharing=s, calls=c, scheduler=t), 8, hit)
        for s, c, t in kinds
        for n, hit in ((10, 1 if s == "much" else 0), (40, 8 if s == "much" else 3))
    ]
    ends = [Smallest(sharing=s, calls=c, scheduler=t, size=40 if s == "much" else None) for s, c, t in kinds]
    return Power(
        wanted=0.8, cells=tuple(cells), smallest=tuple(ends), too_large=(160,), rounds=24, owners=9000, days=21, falsely=0,
        meaning={"much": "cards and networks"}, settings={"seed": 1},
    )  # fmt: skip


def test_the_page_and_the_numbers_say_the_same() -> None:
    """The page has a picture for each scheduler and volume, and says what was not planted; the JSON has every kind."""
    page, document = power_html(study()), json.loads(power_json(study()))
    assert page.count("<svg") == 4
    assert "from 40 accounts on" in page and "160" in page
    assert "http://" not in page and "https://" not in page
    assert document["schema"] == "stillhunt/power/v1"
    assert len(document["cells"]) == 16 and len(document["smallest"]) == 8
    assert power_html(study()) == page


@pytest.mark.slow
def test_large_careless_campaigns_are_found_in_a_real_run() -> None:
    """Of campaigns of forty that share much, in a log of a small world, most are found, twice the same."""
    world = worlds.make("small", 2)
    given = {"key": SECRET, "sizes": (40,), "calls": (30,), "rounds": 4, "config": Config.of(threads=1)}
    one = power(world.exchanges, world.accounts, world.events, **given)  # type: ignore[arg-type]
    much = [c for c in one.cells if c.sharing == "much" and c.scheduler == "one queue"]
    assert sum(c.found for c in much) >= 0.5 * sum(c.planted for c in much)
    assert sum(c.size * c.planted for c in one.cells) <= one.rounds * LARGEST_PART * one.owners


def test_a_log_too_small_is_refused() -> None:
    """Where hardly anybody could be copied the study says so, and what would help."""
    world = worlds.make("independent", 1, 0.02)
    with pytest.raises(ClaimError, match="too few for campaigns of 20"):
        power(world.exchanges, world.accounts, key=SECRET, sizes=(20,), config=Config.of(threads=1))
