"""The rule on sets known to be honest: what is counted, what may be claimed, and that nothing is tuned away."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

import stillhunt
from stillhunt import worlds
from stillhunt.audit import Sets, _bound
from stillhunt.contract import CONTROLS
from stillhunt.controls import Control
from stillhunt.errors import LogError
from stillhunt.model import Audit, Hunt
from strategies import SECRET

CONTROL = Control(
    label="a company", accounts=20, linked=True, linkage_log10=30.0, declared_customers=1.0, p_values={}, p_value=1.0,
    coherence=0.2, rejected=False, reason="no disguise.",
)  # fmt: skip


def hunted(world: worlds.World, controls: pa.Table, **settings: float) -> Hunt:
    """Return an audited hunt."""
    return stillhunt.hunt(
        world.exchanges, world.accounts, world.events, key=SECRET, threads=1, controls=controls, **settings
    )


def bound(controls: list[Control], campaigns: int, sets: int, level: float = 0.05, falsely: int = 0) -> Audit:
    """Return the bound for a hunt with so many campaigns and so many linked sets that nobody has verified."""
    counted = Sets(unverified=sets, verified=falsely, reported=campaigns, falsely=falsely)
    return _bound(
        tuple(controls), sets=counted, cutoff=0.01, level=level, thresholds=(), full_break=None, left_out=()
    )


@pytest.fixture(scope="module")
def audited(small_world: worlds.World) -> Hunt:
    """The small world, audited by its verified groups and by one of its campaigns as if somebody had verified that."""
    rows = small_world.truth.to_pylist()
    names = sorted({row["campaign_id"] for row in rows if row["campaign_id"]})
    members = [row["account_id"] for row in rows if row["campaign_id"] == names[0]]
    more = pa.table(
        {"set": ["mistaken"] * len(members), "account_id": members, "org_id": [None] * len(members)}, schema=CONTROLS
    )
    return hunted(small_world, pa.concat_tables([small_world.controls, more]), shuffles=1)


def of(found: Hunt) -> Audit:
    """Return the audit of a hunt."""
    assert found.audit is not None
    return found.audit


def test_an_audit_changes_no_accusation(audited: Hunt, small_hunt: Hunt) -> None:
    """Campaigns and linked sets are those of the hunt without controls; only the claim says more."""
    assert audited.campaigns == small_hunt.campaigns
    assert audited.linked == small_hunt.linked
    assert replace(audited, claim=small_hunt.claim, audit=None) == small_hunt
    assert "No bound" in small_hunt.claim.statement
    assert of(audited).statement in audited.claim.statement


def test_a_bound_may_be_claimed_end_to_end(small_world: worlds.World) -> None:
    """With enough linked controls for the level asked for, none of them rejected, the bound stands in the claim of the hunt."""
    given = set(small_world.controls["account_id"].to_pylist())
    rest = [
        (row["cohort"], row["account_id"])
        for row in small_world.truth.to_pylist()
        if row["campaign_id"] is None and row["account_id"] not in given and row["cohort"] != "independent"
    ]
    sets, accounts = zip(*rest, strict=True)
    more = pa.table({"set": sets, "account_id": accounts, "org_id": [None] * len(rest)}, schema=CONTROLS)
    found = hunted(small_world, pa.concat_tables([small_world.controls, more]), level=0.4)
    audit = of(found)
    assert audit.claimable and audit.bound is not None and audit.verified_sets and not audit.rejected
    assert f"at most {audit.bound:.2%} of the reports are honest sets" in str(found.claim)


def test_a_rejected_control_is_counted_and_named(audited: Hunt) -> None:
    """A control that the rule accuses is in x, whoever verified it; the others are honest and are not accused."""
    found = of(audited)
    assert [c.label for c in found.controls if c.rejected] == ["mistaken"]
    assert found.rejected == 1
    assert found.linked == sum(c.linked for c in found.controls)
    assert not found.claimable
    assert "insufficient controls" in found.statement
    (one,) = [c for c in found.controls if c.rejected]
    assert one.p_value is not None and one.p_value <= found.cutoff
    assert one.reason.startswith("rejected")


def test_what_is_declared_does_not_protect_a_control(audited: Hunt, small_world: worlds.World) -> None:
    """Licensed and declared groups are put to the rule as if nothing were known of them: as owners of their own."""
    by_label = {c.label: c for c in of(audited).controls}
    licensed = [c for label, c in by_label.items() if label.startswith("licensed_distillation")]
    assert licensed
    assert all(c.linked and c.p_values and not c.rejected for c in licensed)
    assert any(c.linked for label, c in by_label.items() if label.startswith("nat_company"))


def test_few_controls_give_no_threshold(audited: Hunt) -> None:
    """With a handful of controls the coherence threshold is not guessed."""
    rho0, tau = of(audited).thresholds
    assert (rho0.name, rho0.estimate) == ("rho0", None)
    assert "Nothing is guessed" in rho0.statement
    assert tau.name == "tau"
    assert (tau.estimate is None) == (tau.seen < tau.needed)


def test_a_log_dealt_out_anew_keeps_next_to_nothing(audited: Hunt) -> None:
    """After a full break, key 1 keeps only sets that make up a good part of one small country."""
    done = of(audited).full_break
    assert done is not None and done.shuffles == 1
    assert done.kept - done.of_one_country == 0


def test_organisations_stand_for_their_accounts(small_world: worlds.World) -> None:
    """A control given by its organisation is the same as one given by its accounts."""
    orgs: dict[str, list[str]] = {}
    for row in small_world.accounts.to_pylist():
        if row["org_id"] and row["account_id"] in set(small_world.controls["account_id"].to_pylist()):
            orgs.setdefault(row["org_id"], []).append(row["account_id"])
    name, accounts = max(orgs.items(), key=lambda item: len(item[1]))
    by_org = pa.table({"set": ["x"], "account_id": [None], "org_id": [name]}, schema=CONTROLS)
    listed = pa.table({"set": ["x"] * len(accounts), "account_id": accounts, "org_id": [None] * len(accounts)}, schema=CONTROLS)
    assert of(hunted(small_world, by_org)).controls == of(hunted(small_world, listed)).controls


def test_controls_of_another_log_are_an_error(small_world: worlds.World) -> None:
    """Where no control has a call in the log, the run says so and what is wanted."""
    strangers = pa.table({"set": ["x"], "account_id": ["nobody"], "org_id": [None]}, schema=CONTROLS)
    with pytest.raises(LogError, match="None of the 1 rows"):
        hunted(small_world, strangers)


def test_the_bound_is_the_arithmetic() -> None:
    """(r_u M + K) / R is claimed when it is within the level, and refused, with what it would take, when it is not."""
    enough = bound([CONTROL] * 739, campaigns=6, sets=32)
    assert enough.bound == pytest.approx(0.00405 * 32 / 6, rel=1e-2)
    assert enough.claimable and "at most 2.16% of the reports" in enough.statement
    few = bound([CONTROL] * 40, campaigns=6, sets=32)
    assert not few.claimable and few.bound is not None and few.bound > 0.05
    wanted = int(few.statement.split("It would take ")[1].split(" ")[0].replace(",", ""))
    assert bound([CONTROL] * wanted, campaigns=6, sets=32).claimable
    assert not bound([CONTROL] * (wanted - 1), campaigns=6, sets=32).claimable


def test_a_reported_control_is_a_false_report() -> None:
    """A set reported that is mostly accounts of controls counts whole, however small the rate among controls is."""
    one = bound([CONTROL] * 2000, campaigns=6, sets=12, falsely=1)
    assert one.bound is not None and one.bound > 1 / 6
    assert not one.claimable and "1 of them mostly accounts of controls" in one.statement
    assert "Rejected controls, not their number" in one.statement


def test_a_rejected_control_weighs_and_an_unlinked_one_does_not() -> None:
    """One rejected of 739 more than doubles the rate; controls that key 1 does not link count for nothing."""
    rejected = replace(CONTROL, rejected=True)
    one = bound([*[CONTROL] * 738, rejected], campaigns=6, sets=32)
    assert (one.rejected, one.linked) == (1, 739)
    assert one.rate_upper > 1.5 * bound([CONTROL] * 739, campaigns=6, sets=32).rate_upper
    assert "Rejected controls" in bound([CONTROL, rejected], campaigns=6, sets=32).statement
    loose = replace(CONTROL, linked=False)
    assert bound([*[CONTROL] * 50, *[loose] * 900], campaigns=6, sets=32).linked == 50


def test_without_reports_nothing_is_bounded() -> None:
    """A hunt that reports nothing has no share of false reports; the rate on controls is still said."""
    none = bound([CONTROL] * 300, campaigns=0, sets=32)
    assert none.bound is None and not none.claimable
    assert "Nothing was reported" in none.statement
