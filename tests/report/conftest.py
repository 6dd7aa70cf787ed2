"""Hand-made hunts: three campaigns among honest look-alikes, none at all, and more than a page can hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from stillhunt.contract import ACCOUNTS, EXCHANGES
from stillhunt.model import (
    Ablation,
    AccountId,
    Alternative,
    Campaign,
    Claim,
    Coverage,
    Evidence,
    ExchangeId,
    Hunt,
    LeftOut,
    Link,
    LinkedSet,
    Membership,
    NullDistribution,
    Profile,
    Tokens,
    Unavailable,
)

FIRST = datetime(2026, 4, 22, 0, 4, 11, tzinfo=UTC)
LAST = datetime(2026, 6, 5, 23, 51, 2, 250_000, tzinfo=UTC)
DAYS = [date(2026, 4, 22) + timedelta(days=i) for i in range(45)]

CLAIM = Claim(
    statement="Of the campaigns reported in this way, at most 10 % are expected to be honest groups.",
    level=0.1,
    method="an intersection of three keys, with Benjamini–Hochberg over all sets judged",
    assumptions=(
        "Traits of different groups are independent among honest accounts of the same country.",
        "Honest sets that nobody has verified are no more alike than those that somebody has.",
    ),
    seed=7,
)


def members(n: int, prefix: str, calls: int, rng: np.random.Generator) -> tuple[Membership, ...]:
    """Accounts of a campaign, the surest first."""
    odds = np.sort(rng.gamma(9, 2.2, n))[::-1] + 4
    shared = (("payment_fingerprint", "client_ip"), ("client_ip", "text"), ("payment_fingerprint",))
    return tuple(
        Membership(
            account_id=AccountId(f"acct_{prefix}{i:05d}"),
            confidence=1 - 10 ** -float(odds[i] / 2),
            e_value_log10=float(odds[i]),
            n_exchanges=int(rng.poisson(calls)),
            n_other=int(rng.poisson(3)) if i % 4 == 0 else 0,
            shared=shared[i % 3],
        )
        for i in range(n)
    )


def links(accounts: tuple[Membership, ...], rng: np.random.Generator, per_account: float = 2.4) -> tuple[Link, ...]:
    """Links as a rotation of cards and addresses leaves them: sparse and long-range."""
    n = len(accounts)
    pairs = {tuple(sorted(rng.choice(n, 2, replace=False).tolist())) for _ in range(int(n * per_account / 2))}
    pairs |= {(i, i + 1) for i in range(0, n - 1, 3)}
    groups = (("payment",), ("network",), ("payment", "network"), ("text", "client"))
    return tuple(
        Link(
            a=accounts[a].account_id,
            b=accounts[b].account_id,
            surprise=float(11 + rng.gamma(2, 3)),
            groups=groups[(a + b) % 4],
        )
        for a, b in sorted(pairs)
    )


def null(label: str, centre: float, width: float, observed: float, rng: np.random.Generator) -> NullDistribution:
    """Two thousand draws of a statistic under its null."""
    counts, edges = np.histogram(rng.normal(centre, width, 2000), bins=28)
    return NullDistribution(
        label=label,
        edges=tuple(float(e) for e in edges),
        counts=tuple(int(c) for c in counts),
        observed=observed,
    )


def evidence(n: int, rng: np.random.Generator) -> tuple[Evidence, ...]:
    """One finding or more for each key, and an indicator."""
    pointers = tuple(ExchangeId(f"x_{rng.integers(1 << 40):010x}") for _ in range(40))
    return (
        Evidence(
            kind="linkage",
            test="urn_betting",
            statement=f"The {n} accounts share 61 payment instruments that few others use.",
            e_value_log10=0.9 * n,
            effect={"shared_values": 105, "median_popularity": 4, "lift": 2310.0},
        ),
        Evidence(
            kind="operation",
            test="interchangeable_workers",
            statement="Calls of one account are no more alike in topic than calls of two.",
            statistic=0.004,
            p_value=0.0005,
            effect={"honest_reference": 0.05, "calls": n * 190},
            null=null("topic correlation within accounts that act for themselves", 0.09, 0.018, 0.004, rng),
        ),
        Evidence(
            kind="operation",
            test="regulated_clock",
            statement="Calls of the set are steadier than those of accounts with hours of their own.",
            statistic=0.31,
            p_value=0.0005,
            effect={"bin": "1 hour"},
            null=null("variance ratio after shifting each account by whole days", 1.02, 0.11, 0.31, rng),
        ),
        Evidence(
            kind="operation",
            test="reasoning_replay",
            statement="212 reasoning blocks were presented by an account they were not issued to.",
            statistic=212.0,
            exchange_ids=pointers,
        ),
        Evidence(
            kind="concealment",
            test="declared_customers",
            statement=f"The set presents itself as {round(n * 0.4)} unrelated customers.",
            statistic=n * 0.4,
            effect={"threshold": 4},
        ),
        Evidence(
            kind="indicator",
            test="output_hunger",
            statement="Calls ask for 3.1 times as many tokens as others of the same application.",
            effect={"ratio": 3.1},
            exchange_ids=pointers[:3],
        ),
    )


ALTERNATIVES = (
    Alternative(
        explanation="One customer spreads a batch over several accounts",
        predicts="One owner, one payment instrument, one organisation",
        seen="57 unrelated payment instruments, no organisation in common",
        verdict="ruled out",
    ),
    Alternative(
        explanation="A reseller with many clients",
        predicts="Clients differ in topic, so accounts differ in topic",
        seen="Accounts do not differ in topic (0.004; honest resellers 0.17 to 0.24)",
        verdict="unlikely",
    ),
    Alternative(
        explanation="A benchmark or evaluation harness",
        predicts="Every account asks the same questions",
        seen="No two accounts ask the same question",
        verdict="ruled out",
    ),
    Alternative(
        explanation="A course or a hackathon with shared cards",
        predicts="Sign-ups and calls within days, human hours",
        seen="Sign-ups over five weeks; hours could not be compared",
        verdict="open",
    ),
)


def campaign(id: str, n: int, capabilities: dict[str, float], *, seed: int, first: int = 0, last: int = 44) -> Campaign:
    """A campaign of `n` accounts that is active from day `first` to day `last` of the window."""
    rng = np.random.default_rng(seed)
    accounts = members(n, f"{seed}_", 190, rng)
    calls = sum(m.n_exchanges for m in accounts)
    weight = np.array([first <= i <= last for i in range(45)]) * rng.uniform(0.6, 1.0, 45)
    weight *= np.where(np.arange(45) >= first + (last - first) * 0.6, 1.7, 1.0)
    daily = rng.multinomial(calls, weight / weight.sum())
    return Campaign(
        id=id,
        claim=replace(
            CLAIM,
            statement=f"These {n} accounts are linked, jointly operated and disguised.",
        ),
        members=accounts,
        profile=Profile(
            n_accounts=n,
            n_exchanges=calls,
            first_seen=FIRST + timedelta(days=first),
            last_seen=LAST - timedelta(days=44 - last),
            capabilities=capabilities,
            capability_method="rules over prompt text, checked on 500 calls by hand",
            models={"m-4-large": int(calls * 0.8), "m-4-small": calls - int(calls * 0.8)},
            tokens=Tokens(tokens_in=calls * 820, tokens_out=calls * 2900),
            per_day={d.isoformat(): int(c) for d, c in zip(DAYS, daily, strict=True)},
            status={"ok": calls - 90, "rate_limited": 80, "error": 10},
        ),
        evidence=evidence(n, rng),
        alternatives=ALTERNATIVES,
        not_seen=(
            "Whether answers of one account were fed back by another: the log holds no earlier turns.",
            "Accounts that share nothing with the set and ask for little.",
        ),
        links=links(accounts, rng),
        linkage_log10=0.9 * n - 12.0,
        p_value=0.0015,
        q_value=0.0045,
        declared_customers=n * 0.4,
        strand="calls that share the family of templates most accounts of the set have in common",
        ablations=ablations(accounts),
    )


def ablations(members: tuple[Membership, ...]) -> tuple[Ablation, ...]:
    """Without payment most accounts stay; without the strongest test none does."""
    stays = tuple(m.account_id for m in members[: len(members) * 4 // 5])
    return (
        Ablation(kind="linkage", without="payment", linkage_log10=21.3, p_value=0.0015, q_value=0.0045, accounts=stays),
        Ablation(
            kind="operation", without="interchangeable workers", linkage_log10=90.0, p_value=0.2, q_value=0.2, accounts=()
        ),
    )


def linked_set(i: int, list_name: str, reason: str, n: int = 30) -> LinkedSet:
    """A set of accounts that is linked and not accused."""
    return LinkedSet(
        id=f"S-{i:04d}",
        account_ids=tuple(AccountId(f"acct_h{i:04d}_{j:03d}") for j in range(n)),
        owners=n if list_name != "one customer, many accounts" else 1,
        n_exchanges=n * 140,
        linkage_log10=21.5,
        p_value=None if list_name in ("not examined", "licensed") else 0.41,
        declared_customers=None if list_name == "not examined" else 1.4,
        reason=reason,
        list_name=list_name,
        shared=("client_ip", "email_domain"),
    )


def coverage(rows: int, empty: tuple[str, ...]) -> tuple[Coverage, ...]:
    """Column coverage of both tables; some columns are empty and some are half full."""
    half = {"org_id", "device_id", "refusal_category", "referral_code"}
    return tuple(
        Coverage(
            table=table,
            column=name,
            present=0 if name in empty else n // 2 if name in half else n,
            rows=n,
        )
        for table, schema, n in (("exchanges", EXCHANGES, rows), ("accounts", ACCOUNTS, rows // 300))
        for name in schema.names
    )


def log_days(calls: int) -> dict[str, int]:
    """Calls per day of a whole log, fewer at weekends."""
    weight = np.array([0.62 if d.weekday() >= 5 else 1.0 for d in DAYS])
    return {d.isoformat(): int(calls * w / weight.sum()) for d, w in zip(DAYS, weight, strict=True)}


def found_hunt() -> Hunt:
    """Three campaigns, of 400, 38 and 12 accounts, in a log of two million calls."""
    lists = (
        [linked_set(i, "honest group", "Each account keeps its own topics and hours.", 40 + i) for i in range(5)]
        + [linked_set(9, "one customer, many accounts", "One payment instrument pays for all of them.", 6)]
        + [linked_set(11, "licensed", "A licence `reseller` allows bulk use.", 120)]
        + [linked_set(12, "not examined", "Fewer than 100 calls in all: no test has power.", 7)]
    )
    return Hunt(
        claim=CLAIM,
        campaigns=(
            campaign("C-1", 400, {"software_engineering": 0.61, "agentic_reasoning": 0.24, "other": 0.15}, seed=1),
            campaign("C-2", 38, {"mathematics": 0.72, "software_engineering": 0.2, "other": 0.08}, seed=2, first=20),
            campaign("C-3", 12, {"translation": 1.0}, seed=3, first=5, last=19),
        ),
        linked=tuple(lists),
        left_out=(
            LeftOut(
                what="line",
                reason="this exchange names no account",
                count=418,
                defect=True,
                examples=("march.jsonl:418", "march.jsonl:9127"),
            ),
            LeftOut(what="line", reason="not a model call", count=120_345, examples=("march.jsonl:3",)),
            LeftOut(what="trait value", reason="more popular than the cap of 100 owners", count=911),
        ),
        unavailable=(
            Unavailable(
                what="answer_fed_back",
                wants=("history", "completion"),
                consequence="Answers of one account that another sends back cannot be seen.",
            ),
        ),
        coverage=coverage(2_104_333, ("history", "completion", "country", "phone_hash", "programme")),
        n_lines=2_225_096,
        n_exchanges=2_104_333,
        n_accounts=31_555,
        n_owners=27_902,
        first_seen=FIRST,
        last_seen=LAST,
        sources=("march.jsonl (contract)", "april.parquet (contract)", "accounts.csv (accounts)"),
        settings={"level": 0.1, "seed": 7, "rarity_owners": 100, "key": "fp:5be2…91"},
        per_day=log_days(2_104_333),
    )


def quiet_hunt() -> Hunt:
    """A log in which nothing was found."""
    return replace(found_hunt(), campaigns=(), linked=())


def void_hunt() -> Hunt:
    """A log that held no call at all."""
    return Hunt(
        claim=CLAIM,
        campaigns=(),
        linked=(),
        left_out=(LeftOut(what="file", reason="the file is empty", count=1, examples=("march.jsonl",)),),
        unavailable=(),
        coverage=(),
        n_lines=0,
        n_exchanges=0,
        n_accounts=0,
        n_owners=0,
        first_seen=None,
        last_seen=None,
        sources=("march.jsonl (contract)",),
        settings={},
        per_day={},
    )


def crowded_hunt() -> Hunt:
    """Sixty campaigns and a thousand linked sets."""
    return replace(
        found_hunt(),
        campaigns=tuple(
            campaign(f"C-{i}", 12 + i, {"mathematics": 0.7, "translation": 0.3}, seed=i) for i in range(60)
        ),
        linked=tuple(linked_set(i, "honest group", "Each account keeps its own topics.") for i in range(1000)),
    )


@pytest.fixture(scope="session")
def hunt() -> Hunt:
    """Three campaigns among look-alikes."""
    return found_hunt()


@pytest.fixture(scope="session")
def quiet() -> Hunt:
    """Nothing found."""
    return quiet_hunt()


@pytest.fixture(scope="session")
def void() -> Hunt:
    """Nothing read."""
    return void_hunt()


@pytest.fixture(scope="session")
def crowded() -> Hunt:
    """More than a page can hold."""
    return crowded_hunt()
