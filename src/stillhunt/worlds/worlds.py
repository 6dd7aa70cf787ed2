"""
Which worlds there are, and how one is put together: population, look-alikes, operators, then what is
observed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from stillhunt import contract
from stillhunt.errors import ConfigError
from stillhunt.worlds import campaigns, clock, frontier, handing, joined, lookalikes, lookalikes_batch
from stillhunt.worlds.assemble import Observed, drop_banned, exchange_table, in_order, observe, only_served
from stillhunt.worlds.catalogue import MODELS, Catalogue, catalogue
from stillhunt.worlds.columns import Column, column, hex_strings, take
from stillhunt.worlds.drafts import Accounts, Block, Calls, concat_blocks, concat_calls
from stillhunt.worlds.identity import account_table
from stillhunt.worlds.ids import Hashes, Ints
from stillhunt.worlds.network import is_home
from stillhunt.worlds.population import hashes, numbers, strangers
from stillhunt.worlds.traffic import inside_window, own_calls

Rng = np.random.Generator
Maker = Callable[[int, Catalogue, Rng, int], Block]

LOOKALIKES: Mapping[str, Maker] = MappingProxyType(
    {
        maker.__name__: maker
        for maker in (
            lookalikes.coding_app,
            lookalikes.ci_fleet,
            lookalikes.nat_company,
            lookalikes.licensed_aggregator,
            lookalikes_batch.university_course,
            lookalikes_batch.eval_harness,
            lookalikes_batch.labelling_firm,
            lookalikes_batch.licensed_distillation,
            lookalikes_batch.rag_backfill,
            lookalikes.support_bot,
            lookalikes.explainability_logging,
            lookalikes.key_migration,
            lookalikes.vpn_users,
            lookalikes.red_team,
            lookalikes.overnight_agents,
            lookalikes.white_label_reseller,
            lookalikes.hackathon,
            lookalikes_batch.sharded_batch,
        )
    }
)
"""Honest groups by the name of their cohort."""
HANDING: Mapping[str, Maker] = MappingProxyType(
    {
        maker.__name__: maker
        for maker in (handing.transcript_store, handing.vendor_move, handing.spare_accounts)
    }
)
"""Honest groups that pass things on, or bring them from elsewhere, by the name of their cohort."""
COHORTS = ("independent", *LOOKALIKES, *campaigns.KINDS, *HANDING, *joined.KINDS)

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "demo": "21 days, about 9,500 accounts, every look-alike, 7 or 8 campaigns of 25 to 400 accounts",
        "null": "the same as demo without any campaign",
        "independent": "independent honest accounts only",
        "small": "about 1,500 accounts, look-alikes scaled down, two or three campaigns; for tests",
        "small_null": "the same as small without any campaign",
        "joins": "about 1,700 accounts, small's look-alikes and three more that pass things on, five campaigns seen by"
        " what they hand on, two of which share nothing else but their template",
        "joins_null": "the same as joins without any campaign",
        "small_campaigns": "the population of demo, 6 campaigns of 10 to 20 accounts",
        "covered": "the population of demo, 6 campaigns of 50 accounts or more under 80 to 90 % ordinary traffic",
        "nothing_shared": "the population of demo, 6 campaigns of 50 accounts or more that share no card, address or program",
    }
)
"""Every world with one line about it."""

_DEMO: dict[str, tuple[int, int, int]] = {
    "coding_app": (2, 220, 450),
    "ci_fleet": (5, 5, 22),
    "nat_company": (16, 12, 90),
    "licensed_aggregator": (2, 30, 60),
    "university_course": (5, 40, 120),
    "eval_harness": (12, 1, 5),
    "labelling_firm": (2, 12, 40),
    "licensed_distillation": (2, 30, 70),
    "rag_backfill": (3, 4, 14),
    "support_bot": (4, 3, 12),
    "explainability_logging": (1, 130, 200),
    "key_migration": (4, 12, 50),
    "vpn_users": (1, 400, 600),
    "red_team": (3, 5, 14),
    "overnight_agents": (1, 50, 70),
    "white_label_reseller": (3, 12, 40),
    "hackathon": (2, 60, 140),
    "sharded_batch": (6, 6, 20),
}
"""Groups, and smallest and largest size of a group, by look-alike."""
_SMALL: dict[str, tuple[int, int, int]] = {
    "coding_app": (1, 60, 90),
    "ci_fleet": (1, 5, 9),
    "nat_company": (3, 10, 25),
    "licensed_aggregator": (1, 10, 16),
    "university_course": (1, 30, 45),
    "eval_harness": (4, 1, 4),
    "labelling_firm": (1, 8, 14),
    "licensed_distillation": (1, 18, 28),
    "rag_backfill": (1, 3, 5),
    "support_bot": (1, 3, 5),
    "explainability_logging": (1, 25, 40),
    "key_migration": (1, 12, 20),
    "vpn_users": (1, 50, 80),
    "red_team": (1, 5, 8),
    "overnight_agents": (1, 8, 12),
    "white_label_reseller": (1, 8, 12),
    "hackathon": (1, 30, 45),
    "sharded_batch": (2, 6, 12),
}


_HANDING: dict[str, tuple[int, int, int]] = {
    "transcript_store": (2, 25, 45),
    "vendor_move": (2, 15, 30),
    "spare_accounts": (1, 30, 45),
}


@dataclass(frozen=True, kw_only=True)
class World:
    """
    A log in the contract's form, and what is true of it.

    `truth` has account_id, cohort, campaign_id (null for honest accounts), is_campaign, verified (a group
    that has
    been checked and found honest); `truth_exchanges` has exchange_id and campaign_id of the harvested
    exchanges. `controls` lists the accounts of the verified groups, one label a group.
    """

    name: str
    seed: int
    exchanges: pa.Table
    accounts: pa.Table
    events: pa.Table
    truth: pa.Table
    truth_exchanges: pa.Table
    controls: pa.Table


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """
    How many of each: `singles` independent accounts, groups by look-alike, sizes of the campaigns'
    accounts; `difficulty` names the campaigns of `frontier` instead. `volume` multiplies what each account
    sends.
    """

    singles: int
    groups: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    operators: tuple[int, int] = (0, 0)
    largest: int = campaigns.LARGEST
    joined: bool = False
    bans_one_in: int = 250
    difficulty: str | None = None
    volume: int = 1


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """
    One part of a world before it is written out: everybody and every call, as numbers.

    `calls` and `seen` are sorted by account, end user and time; `ids` are the hashes that account ids are
    made of.
    """

    accounts: Accounts
    ids: Hashes
    calls: Calls
    seen: Observed
    bans: list[tuple[int, int]]
    blocks: list[Block]
    things: Catalogue
    salt: int


DEMO = Recipe(singles=5000, groups=_DEMO, operators=(7, 8))
_RECIPES: Mapping[str, Recipe] = {
    "demo": DEMO,
    "null": Recipe(singles=5000, groups=_DEMO),
    "independent": Recipe(singles=6000),
    "small": Recipe(singles=900, groups=_SMALL, operators=(2, 3), largest=60),
    "small_null": Recipe(singles=900, groups=_SMALL),
    "joins": Recipe(singles=900, groups={**_SMALL, **_HANDING}, joined=True, bans_one_in=30),
    "joins_null": Recipe(singles=900, groups={**_SMALL, **_HANDING}, bans_one_in=30),
    **{name: Recipe(singles=5000, groups=_DEMO, difficulty=name) for name in frontier.DIFFICULTIES},
}


def make(name: str, seed: int, scale: float = 1.0) -> World:
    """
    Return the world of that name and seed; `scale` multiplies the number of independents and the groups'
    sizes.

    Raises `ConfigError` for an unknown name, a negative seed, or a scale that is not above zero.
    """
    recipe = _recipe(name)
    if seed < 0:
        raise ConfigError(f"A world cannot be made with seed {seed}.\nGive a whole number from 0 on.")
    if not 0 < scale < 1000:
        raise ConfigError(f"A world cannot be made at scale {scale}.\nGive a scale above 0 and below 1000.")
    return build(recipe, name, seed, scale, part=0)


def _recipe(name: str) -> Recipe:
    if name in _RECIPES:
        return _RECIPES[name]
    near = difflib.get_close_matches(name, NAMES, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = "\n".join(f"   {known}: {text}" for known, text in NAMES.items())
    raise ConfigError(f"There is no world named {name!r}.{hint}\nThe worlds are:\n{known}")


def build(recipe: Recipe, name: str, seed: int, scale: float, part: int) -> World:
    """
    Return one part of a world; parts of one seed share the catalogue and nothing else.

    1. Draw the accounts and what their groups do.  2. Add what each account does by itself.
    3. Apply the bans.  4. Observe.  5. Order everything by time and forget which block it came from.
    """
    rng = np.random.default_rng([seed, part, 20260302])
    one = _drawn(recipe, seed, scale, rng)
    account_ids = ids_of(one)
    table = exchange_table(one.accounts, account_ids, one.calls, one.seen, one.things, one.salt, rng)
    by_time = np.argsort(one.calls.at, kind="stable")  # 5.
    table, harvest = take(table, by_time), one.calls.harvest[by_time]
    campaign_ids = hex_strings(numbers(rng, 4096), "cmp_", 2, 8)
    return World(
        name=name,
        seed=seed,
        exchanges=table,
        accounts=_ordered_accounts(one.accounts, account_ids),
        events=_events(account_ids, one.bans, one.things),
        truth=_truth(one.accounts, account_ids, campaign_ids),
        truth_exchanges=_harvested(table, harvest, campaign_ids),
        controls=_controls(one.accounts, account_ids, one.blocks),
    )


def drawn(recipe: Recipe, seed: int, part: int) -> tuple[Drawn, dict[str, pa.Table]]:
    """Return one part of a world that is not written out, and its tables `accounts`, `events` and `truth`."""
    rng = np.random.default_rng([seed, part, 20260302])
    one = _drawn(recipe, seed, 1.0, rng)
    account_ids = ids_of(one)
    return one, {
        "accounts": _ordered_accounts(one.accounts, account_ids),
        "events": _events(account_ids, one.bans, one.things),
        "truth": _truth(one.accounts, account_ids, hex_strings(numbers(rng, 4096), "cmp_", 2, 8)),
    }


def ids_of(one: Drawn) -> Column:
    """Return the ids of the accounts."""
    return hex_strings(one.ids, "acc_", 1, 16)


def _drawn(recipe: Recipe, seed: int, scale: float, rng: Rng) -> Drawn:
    """Take steps 1 to 4 of `build`."""
    things = catalogue(seed)._replace(volume=recipe.volume)
    blocks = _blocks(recipe, scale, things, rng)  # 1.
    accounts, special, bans = concat_blocks(blocks)
    calls = concat_calls(
        [own_calls(accounts, things, rng), *(inside_window(c, accounts) for c in special)]
    )  # 2.
    bans += _other_bans(accounts, recipe.bans_one_in, rng)  # 3.
    calls, blocked = drop_banned(calls, bans, rng)
    order = np.lexsort((calls.at, calls.end_user, calls.account))
    calls, blocked = in_order(calls, order), blocked[order]
    seen = observe(accounts, calls, blocked, things, rng)  # 4.
    return Drawn(
        accounts=accounts,
        calls=only_served(calls, seen),
        seen=seen,
        ids=hashes(rng, len(accounts)),
        salt=int(rng.integers(1 << 30)),
        bans=bans,
        blocks=blocks,
        things=things,
    )


def _blocks(recipe: Recipe, scale: float, things: Catalogue, rng: Rng) -> list[Block]:
    singles = strangers(rng, max(round(recipe.singles * scale), 1), 0, things)
    singles.calls *= recipe.volume
    homes = singles.ips[is_home(singles.ips[:, 0]), 0]
    blocks = [Block(singles)]
    for name, (count, least, most) in recipe.groups.items():
        for _ in range(count):
            size = max(round(int(rng.integers(least, most + 1)) * scale), 1)
            maker = LOOKALIKES[name] if name in LOOKALIKES else HANDING[name]
            block = maker(size, things, rng, COHORTS.index(name))
            block.accounts.verified[:] = rng.random() < 0.7
            block.accounts.calls *= recipe.volume
            blocks.append(block)
    # Plans are drawn one by one, each before its campaign: the worlds of earlier versions stay the same to the byte.
    plans: Iterator[campaigns.Plan] = (
        frontier.plans(recipe.difficulty, rng)
        if recipe.difficulty is not None
        else (campaigns.plan(kind, max(round(size * scale), 5), rng) for kind, size in _operators(recipe, rng))
    )
    for number, drawn_plan in enumerate(plans):
        plan = replace(drawn_plan, calls=drawn_plan.calls * recipe.volume)
        blocks.append(campaigns.campaign(plan, number, COHORTS.index(plan.kind), things, homes, rng))
    for number, kind in enumerate(joined.KINDS if recipe.joined else ()):
        size = max(round(int(rng.integers(40, 61)) * scale), 12)
        blocks.append(joined.campaign(kind, size, number, COHORTS.index(kind), things, homes, rng))
    return blocks


def _operators(recipe: Recipe, rng: Rng) -> list[tuple[str, int]]:
    """Return kind and size of each campaign: every kind before any kind twice, sizes log-uniform."""
    least, most = recipe.operators
    count = int(rng.integers(least, most + 1))
    kinds = [*rng.permutation(campaigns.KINDS), *rng.permutation(campaigns.KINDS)][:count]
    low, high = np.log(campaigns.SMALLEST), np.log(recipe.largest)
    return [(str(kind), round(float(np.exp(rng.uniform(low, high))))) for kind in kinds]


def _other_bans(accounts: Accounts, one_in: int, rng: Rng) -> list[tuple[int, int]]:
    """Return bans for other reasons, of accounts that belong to no campaign."""
    honest = np.flatnonzero(accounts.cohort == 0)
    chosen = rng.choice(honest, max(len(honest) // one_in, 1), replace=False)
    return [
        (int(a), clock.START + int(rng.integers(24, clock.DAYS * 24)) * clock.HOUR) for a in np.sort(chosen)
    ]


def _events(ids: Column, bans: list[tuple[int, int]], things: Catalogue) -> pa.Table:
    hours = [*things.released_h.tolist(), things.outage_h]
    at = [clock.START + h * clock.HOUR for h in hours] + [at for _, at in bans]
    kind = ["model_release"] * 2 + ["outage"] + ["ban"] * len(bans)
    subject = [MODELS[3], MODELS[4], None] + [ids[account].as_py() for account, _ in bans]
    table = pa.table(
        [column(at, contract.TIMESTAMP), column(kind), column(subject, pa.string())], schema=contract.EVENTS
    )
    return table.sort_by([("at", "ascending"), ("subject", "ascending")])


def _ordered_accounts(accounts: Accounts, ids: Column) -> pa.Table:
    return account_table(accounts, ids).sort_by([("created_at", "ascending"), ("account_id", "ascending")])


def _truth(accounts: Accounts, ids: Column, campaign_ids: Column) -> pa.Table:
    accused = accounts.campaign >= 0
    return pa.table(
        {
            "account_id": ids,
            "cohort": take(column(COHORTS), accounts.cohort),
            "campaign_id": take(campaign_ids, accounts.campaign, mask=~accused),
            "is_campaign": column(accused),
            "verified": column(accounts.verified),
        }
    ).sort_by("account_id")


def _controls(accounts: Accounts, ids: Column, blocks: list[Block]) -> pa.Table:
    group = np.repeat(np.arange(len(blocks)), [len(block.accounts) for block in blocks])
    rows = np.flatnonzero(accounts.verified)
    labels = [f"{COHORTS[accounts.cohort[row]]}-{group[row]}" for row in rows]
    return pa.table(
        {
            "set": pa.array(labels, pa.string()),
            "account_id": take(ids, rows),
            "org_id": pa.nulls(len(rows), pa.string()),
        },
        schema=contract.CONTROLS,
    )


def _harvested(exchanges: pa.Table, harvest: Ints, campaign_ids: Column) -> pa.Table:
    rows = np.flatnonzero(harvest >= 0)
    return pa.table(
        {
            "exchange_id": take(exchanges["exchange_id"], rows),
            "campaign_id": take(campaign_ids, harvest[rows]),
        }
    )
