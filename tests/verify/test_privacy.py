"""What a bundle gives away: nothing that can be guessed, nothing that can be laid beside another bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from hunted import Hunted, hunted_in

from stillhunt import worlds
from stillhunt.digest import Key
from stillhunt.digest.siphash import keyed_hash
from stillhunt.seal.bundle import load
from strategies import SECRET


def everything(folder: Path) -> bytes:
    """Return all bytes under a folder."""
    return b"\n".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def identities(world: worlds.World) -> Iterator[str]:
    """Yield every value of the columns that say who somebody is or where they are."""
    for table, names in (
        (world.exchanges, ("client_ip", "account_id", "exchange_id", "device_id", "user_agent", "tls_ja4")),
        (world.accounts, ("payment_fingerprint", "email_hash", "email_domain", "phone_hash", "signup_ip", "org_id")),
    ):
        for name in names:
            if name in table.column_names:
                yield from (v for v in table.column(name).unique().drop_null().to_pylist() if len(v) >= 6)


def test_no_identity_is_in_the_bundle_or_the_journal(hunted: Hunted, small_world: worlds.World) -> None:
    """No address, card, e-mail, device, client, account id or call id of the log is anywhere in what is handed out."""
    content = everything(hunted.out / "bundles")
    values = set(identities(small_world))
    assert len(values) > 10_000
    found = [value for value in values if value.encode() in content]
    assert not found


def test_no_keyed_hash_is_in_the_bundle(hunted: Hunted, small_world: worlds.World) -> None:
    """Not even somebody with the key can look hashes up: those of networks are not in the bundle, as any number."""
    key = Key(SECRET)
    networks = small_world.exchanges.column("client_ip").unique()
    hashes = set(keyed_hash(networks, key.words("network"), network=True).drop_null().to_pylist())
    bundle = load(hunted.bundle)
    for name, table in bundle.tables.items():
        for column, array in table.items():
            if array.dtype.kind in "iu":
                assert not hashes & set(np.unique(array).tolist()), (name, column)


def test_two_bundles_of_the_same_accounts_cannot_be_laid_side_by_side(
    hunted: Hunted, small_world: worlds.World, tmp_path: Path
) -> None:
    """A second hunt, without the log's last day, codes prompts in an unrelated order though most prompts are the same."""
    days = small_world.exchanges.column("started_at").cast(pa.int64()).to_numpy() // 86_400_000_000
    short = small_world.exchanges.filter(pa.array(days < days.max() - 1))
    world = worlds.World(**{**{f: getattr(small_world, f) for f in small_world.__dataclass_fields__}, "exchanges": short})
    other = hunted_in(tmp_path, world)
    one, two = load(hunted.bundle), load(other.out / "bundles" / _nearest(hunted, other))
    calls = [_calls(b.tables["strand-1"]) for b in (one, two)]
    both = calls[0].keys() & calls[1].keys()
    assert len(both) > 200
    ranks = np.array([[calls[0][c], calls[1][c]] for c in sorted(both)], dtype=np.float64)
    assert abs(np.corrcoef(ranks.T)[0, 1]) < 0.2


def _nearest(hunted: Hunted, other: Hunted) -> str:
    """Return the campaign of another hunt that has most accounts in common with the first one's largest."""
    mine = set(hunted.hunt.campaigns[0].accounts)
    return max(other.hunt.campaigns, key=lambda c: len(mine & set(c.accounts))).id


def _calls(table: dict[str, np.ndarray]) -> dict[tuple[int, int], int]:  # type: ignore[type-arg]
    """Return the prompt's code of each (account, hour) with a single call, accounts by their first hours."""
    first = {a: int(table["hour"][table["account"] == a].min()) for a in np.unique(table["account"]).tolist()}
    found: dict[tuple[int, int], list[int]] = {}
    for account, hour, prompt in zip(
        table["account"].tolist(), table["hour"].tolist(), table["prompt"].tolist(), strict=True
    ):
        found.setdefault((first[account], hour), []).append(prompt)
    return {call: prompts[0] for call, prompts in found.items() if len(prompts) == 1}


def test_times_are_hours_and_tokens_are_sums(hunted: Hunted) -> None:
    """No column of calls is finer than an hour, and no sum is over fewer than five calls."""
    bundle = load(hunted.bundle)
    assert set(bundle.tables["strand-1"]) == {"account", "hour", "leaf", "login", "prompt"}
    assert bundle.column("days", "calls").astype(np.int64).min() >= 5
    names, calls = bundle.column("capabilities", "name"), bundle.column("capabilities", "calls")
    shown = [int(n) for name, n in zip(names.tolist(), calls.tolist(), strict=True) if name != b"rare classes"]
    assert min(shown) >= 5


def test_nobody_is_the_only_outsider(hunted: Hunted) -> None:
    """No value of the bundle is held by exactly one owner outside it, in all or in any one country."""
    bundle = load(hunted.bundle)
    owner, value = bundle.column("holdings", "owner").astype(int), bundle.column("holdings", "value").astype(int)
    country = bundle.column("owners", "country").astype(int)
    n = len(bundle.column("values", "kind"))
    inside = np.bincount(value, minlength=n)
    assert not (bundle.column("values", "holders").astype(int) - inside == 1).any()
    by = bundle.column("values", "holders_in_country").astype(int)
    np.subtract.at(by, (value, country[owner]), 1)
    assert not (by == 1).any()
    assert (by >= 0).all()


def test_the_population_behind_is_not_in_the_bundle(hunted: Hunted) -> None:
    """Only the set's own owners have rows: nobody outside is listed, with or without a number."""
    bundle = load(hunted.bundle)
    owners = len(bundle.column("owners", "number"))
    flags = [bundle.column("owners", name).astype(bool) for name in ("proposed", "core", "member")]
    assert not (bundle.column("owners", "without").astype(bool) & ~flags[2]).any()
    assert (flags[0] | flags[1] | flags[2]).all()
    assert owners < 100


def test_what_is_said_of_matched_accounts_cannot_be_put_together(hunted: Hunted) -> None:
    """
    Of honest accounts beside the set, a bundle has sorted values of one measure at a time, of three digits, and no names.

    Rows of two measures are in orders of their own, so that nobody's measures are a profile.
    """
    bundle = load(hunted.bundle)
    assert len(bundle.about["contrasts"]) >= 3
    for number in range(1, len(bundle.about["contrasts"]) + 1):
        table = bundle.tables[f"contrast-{number}"]
        assert set(table) == {"campaign", "tie", "value"}
        tie, value = table["tie"].astype(int), table["value"].astype(float)
        assert (np.diff(tie) >= 0).all() and (np.diff(value) >= 0).all()
        assert all(float(f"{v:.3g}") == v for v in value.tolist())
        assert int((~table["campaign"].astype(bool)).sum()) >= 8


def test_what_is_sealed_beside_the_tests_is_coarse(hunted: Hunted) -> None:
    """Events are whole hours and bare numbers, what was left out sentences of the program; nobody is licensed alone."""
    bundle = load(hunted.bundle)
    events = bundle.tables["events"]
    assert set(events) == {"ban", "calls", "entered", "hour", "subject"}
    first = list(dict.fromkeys(events["subject"].tolist()))
    assert first == list(range(len(first)))
    assert {str(row["reason"]) for row in bundle.about["left_out"]} <= {row.reason for row in hunted.hunt.left_out}  # type: ignore
    lines = [json.loads(line) for line in (hunted.out / "bundles" / "journal.jsonl").read_bytes().splitlines()]
    counts = next(line["body"] for line in lines if line["kind"] == "exchanges")
    assert set(counts) == {"accounts", "configuration", "days", "licensed", "lines"}
    assert counts["licensed"] != 1


def test_small_counts_of_outsiders_are_nowhere(hunted: Hunted) -> None:
    """No count of outsiders that a bundle has is one: of classes of values, around any core, and of those who moved to a model."""
    bundle = load(hunted.bundle)
    for core in ("", "members-", "without-"):
        for name in ("hits", "hits_country", "hits_volume"):
            assert not (bundle.column(f"{core}outside-classes", name).astype(int) == 1).any()
    if "pivots" in bundle.tables:
        assert not (bundle.column("pivots", "peers_moved").astype(int) == 1).any()
        assert bundle.column("pivots", "peers").astype(int).min() >= 30
    assert bundle.column("values", "shared").astype(int).max() >= 5
