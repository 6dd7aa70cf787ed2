"""What is promised of synthetic traffic: texts."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pyarrow.compute as pc

from stillhunt import worlds


def test_prompts_have_the_promised_length(demo: worlds.World) -> None:
    """Nine prompts in ten have 80 to 800 bytes, and answers are short."""
    low, high = pc.quantile(pc.binary_length(demo.exchanges["prompt"]), [0.05, 0.95]).to_pylist()
    assert 80 < low < high < 800
    assert pc.quantile(pc.binary_length(demo.exchanges["completion"]), 0.95)[0].as_py() < 600


def test_history_is_json_of_served_turns(small: worlds.World) -> None:
    """
    Earlier turns are valid JSON; most were served to the account itself, some to another one, some
    never here.
    """
    rows = small.exchanges.select(["account_id", "prompt", "completion", "history"]).to_pylist()
    own = {(r["account_id"], r["prompt"], r["completion"]) for r in rows}
    anybody = {(r["prompt"], r["completion"]) for r in rows}
    turns = [(r["account_id"], json.loads(r["history"])) for r in rows if r["history"] is not None]
    assert all([t["role"] for t in h] == ["user", "assistant"] * (len(h) // 2) for _, h in turns)
    last = [(a, h[-2]["content"], h[-1]["content"]) for a, h in turns]
    served = sum(t in own for t in last)
    elsewhere = sum(t not in own and t[1:] in anybody for t in last)
    assert served > 0.9 * len(last)
    assert elsewhere > 0
    assert len(last) - served - elsewhere > 0


def test_reasoning_is_presented_after_it_was_issued(small: worlds.World) -> None:
    """Every reasoning block that is sent back was issued before, in an exchange of this log, exactly once."""
    rows = small.exchanges.select(["started_at", "reasoning_issued", "reasoning_presented"]).to_pylist()
    issued = [(i, r["started_at"]) for r in rows for i in r["reasoning_issued"] or []]
    when = dict(issued)
    assert len(when) == len(issued)
    presented = [(i, r["started_at"]) for r in rows for i in r["reasoning_presented"] or []]
    assert presented
    assert all(when[i] < at for i, at in presented)


def test_failed_calls_have_no_answer(small: worlds.World) -> None:
    """An exchange has an answer and a finish reason exactly when its status is ok."""
    ok = pc.equal(small.exchanges["status"], "ok").to_numpy()
    for column in ("completion", "finish_reason"):
        assert (small.exchanges[column].is_valid().to_numpy() == ok).all()


def test_an_app_has_one_system_prompt(demo: worlds.World) -> None:
    """All users of the audited app see the same system prompt or the same request for reasoning."""
    members = demo.truth.filter(pc.equal(demo.truth["cohort"], "explainability_logging"))["account_id"]
    rows = demo.exchanges.filter(pc.is_in(demo.exchanges["account_id"], value_set=members.combine_chunks()))
    _, counts = np.unique([s or "" for s in rows["system"].to_pylist()], return_counts=True)
    assert counts.max() > 0.9 * rows.num_rows


def test_honest_accounts_keep_to_their_subjects(demo: worlds.World) -> None:
    """Two English prompts of one independent account share more rare words than two of different accounts."""
    alone = demo.truth.filter(pc.equal(demo.truth["cohort"], "independent"))["account_id"].combine_chunks()
    rows = demo.exchanges.filter(pc.is_in(demo.exchanges["account_id"], value_set=alone)).slice(0, 20_000)
    by_account: dict[str, list[set[str]]] = {}
    for account, prompt in zip(rows["account_id"].to_pylist(), rows["prompt"].to_pylist(), strict=True):
        by_account.setdefault(account, []).append({w for w in prompt.split() if "_" in w or w[:1].islower()})
    pairs = [words for words in by_account.values() if len(words) >= 4]
    within = np.mean([len(w[0] & w[3]) / len(w[0] | w[3]) for w in pairs if w[0] != w[3] and w[0] | w[3]])
    between = np.mean([len(a[0] & b[1]) / max(len(a[0] | b[1]), 1) for a, b in pairwise(pairs)])
    assert within > 1.3 * between
