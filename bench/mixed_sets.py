"""
What the rule leaves of sets that mix a campaign with honest customers, put to it on purpose.

    python bench/mixed_sets.py --seeds 1011 1012

The search is replaced: each proposed group is one campaign with as many honest owners, or three times as many, of one kind.
Membership, and the whole rule after it, are those of a hunt. Writes `bench/results/mixed_sets.md`.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt import pipeline, worlds
from stillhunt.search import Search

RESULTS = Path(__file__).parent / "results" / "mixed_sets.md"
KEY = b"stillhunt mixed sets, public"
KINDS = {
    "one company behind a NAT, or one course": ("nat_company", "university_course", "hackathon"),
    "users of one coding app": ("coding_app",),
    "users of one VPN": ("vpn_users",),
    "customers by themselves": ("independent",),
}
"""Whom a campaign is mixed with: a name, and the cohorts drawn from (one group of the cohort where it has groups)."""

RATIOS = (1, 3)


@dataclass(slots=True)
class Tally:
    """What became of the mixtures of one kind."""

    mixed: int = 0
    reported: int = 0
    honest_in: int = 0
    honest_accused: int = 0
    campaign_in: int = 0
    campaign_accused: int = 0
    purities: list[float] = field(default_factory=list)


def crowds(one: worlds.World, cohorts: tuple[str, ...]) -> list[list[str]]:
    """Return the accounts of each group of some cohorts; customers by themselves are one group."""
    organisation = dict(zip(one.accounts["account_id"].to_pylist(), one.accounts["org_id"].to_pylist(), strict=True))
    found: dict[str, list[str]] = defaultdict(list)
    for row in one.truth.to_pylist():
        name = row["cohort"]
        if row["campaign_id"] is None and name in cohorts:
            found[str(organisation[row["account_id"]] or name) if name == "nat_company" else name].append(row["account_id"])
    return [found[name] for name in sorted(found)]


def mix(
    searched: Search,
    owner: dict[str, int],
    campaigns: list[list[str]],
    others: list[list[str]],
    ratio: int,
    rng: np.random.Generator,
) -> Search:
    """Return the search with one group for each campaign: its owners and `ratio` times as many of one crowd, or all of it."""
    groups: list[npt.NDArray[np.int32]] = []
    for members in campaigns:
        mine = {owner[a] for a in members}
        crowd = np.array(sorted({owner[a] for a in others[int(rng.integers(len(others)))] if a in owner} - mine))
        some = rng.permutation(crowd)[: ratio * len(mine)]
        groups.append(np.array(sorted(mine | set(some.tolist())), dtype=np.int32))
    return replace(searched, groups=groups)


def hunted(one: worlds.World, cohorts: tuple[str, ...], ratio: int, seed: int, tally: Tally) -> None:
    """Hunt a world with mixed groups in place of those proposed, and count what became of them."""
    truth = {row["account_id"]: row["campaign_id"] for row in one.truth.to_pylist()}
    campaigns: dict[str, list[str]] = defaultdict(list)
    for account, name in truth.items():
        if name is not None:
            campaigns[name].append(account)
    rng = np.random.default_rng([seed, ratio, len(cohorts)])
    real = pipeline.search

    def mixed(engine: Any, *given: Any, **settings: Any) -> Search:
        rows = engine.fetch("SELECT account_id, owner FROM account")
        owner = dict(zip(rows.column("account_id").to_pylist(), rows.column("owner").to_pylist(), strict=True))
        members = [[a for a in accounts if a in owner] for _, accounts in sorted(campaigns.items())]
        found = mix(real(engine, *given, **settings), owner, members, crowds(one, cohorts), ratio, rng)
        of = {number: account for account, number in owner.items()}
        for group in found.groups:
            wrong = sum(truth[of[number]] is None for number in group.tolist())
            tally.honest_in += wrong
            tally.campaign_in += len(group) - wrong
        tally.mixed += len(found.groups)
        return found

    pipeline.search = mixed
    try:
        result = pipeline.hunt(one.exchanges, one.accounts, one.events, key=KEY)
    finally:
        pipeline.search = real
    for campaign in result.campaigns:
        wrong = sum(truth[a] is None for a in campaign.accounts)
        tally.reported += 1
        tally.honest_accused += wrong
        tally.campaign_accused += len(campaign.accounts) - wrong
        tally.purities.append(1 - wrong / len(campaign.accounts))


def main() -> None:
    """Measure every mixture and write the table."""
    parser = argparse.ArgumentParser(description="What the rule leaves of sets that mix a campaign with honest customers.")
    parser.add_argument("--world", default="demo")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1011, 1012])
    asked = parser.parse_args()
    began, rows = time.process_time(), []
    drawn = [(seed, worlds.make(asked.world, seed)) for seed in asked.seeds]
    for name, cohorts in KINDS.items():
        for ratio in RATIOS:
            tally = Tally()
            for seed, one in drawn:
                hunted(one, cohorts, ratio, seed, tally)
            rows.append(
                f"| {name} | {tally.honest_in / max(1, tally.campaign_in):.2f} | {tally.mixed} | {tally.reported}"
                f" | {tally.campaign_accused:,} of {tally.campaign_in:,} | {tally.honest_accused:,} of {tally.honest_in:,}"
                f" | {np.mean(tally.purities or [1]):.2%}, {min(tally.purities, default=1):.2%} |"
            )
            print(rows[-1], flush=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    seeds = " ".join(str(s) for s in asked.seeds)
    RESULTS.write_text(
        f"""# Sets that mix a campaign with honest customers

`python bench/mixed_sets.py --world {asked.world} --seeds {seeds}`, commit {commit}, {time.process_time() - began:.0f} CPU s.

Each proposed group was one campaign and honest owners of one kind, as many or up to three times as many; a hunt's own search does
not propose such groups. What follows is the rule of a hunt: membership owner by owner, and the three keys on who is left.

| mixed with | honest for each | mixed | reported | campaign's accounts accused | honest accused | purity: mean, worst |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}
""",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
