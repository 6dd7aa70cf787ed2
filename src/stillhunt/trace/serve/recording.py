"""
From candidates to the one that is served, and to what the ledger keeps of it. No network and no clock: the proxy, the
LiteLLM hook and the tests of the audit all call these functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stillhunt.trace.canaries import CanaryClass
from stillhunt.trace.coins import Digest, coin_id, digest_text, sampled, tag, toss
from stillhunt.trace.conversation import Request
from stillhunt.trace.keys import Master, commitment
from stillhunt.trace.ledger import CanaryEntry, CoinEntry, Exchange, MarkEntry, PlanEntry, line
from stillhunt.trace.marks import MarkKey
from stillhunt.trace.plan import Plan
from stillhunt.trace.store import Text


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanKeys:
    """The keys of one plan, derived once from the master key."""

    digest: bytes
    account: bytes
    coin: bytes
    sample: bytes
    canary: bytes
    mark: MarkKey

    @classmethod
    def of(cls, master: Master, plan: Plan) -> PlanKeys:
        """Derive the keys of a plan's campaign and epoch."""
        where = (plan.campaign, plan.epoch)
        best = plan.best_of
        mark = master.derive("mark", *where)
        return cls(
            digest=master.derive("digest"),
            account=master.derive("account"),
            coin=master.derive("coin", *where),
            sample=master.derive("sample", *where),
            canary=master.derive("canary", *where),
            mark=MarkKey(key=mark, context=best.context, gamma=best.gamma) if best else MarkKey(key=mark),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """An answer that was drawn: its text, the model and fingerprint that the upstream names, its id."""

    text: str
    model: str = ""
    fingerprint: str | None = None
    id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A line for the journal, and the texts for the store that it refers to."""

    kind: str
    body: dict[str, Any]
    texts: tuple[Text, ...]


def record_plan(plan: Plan, keys: PlanKeys) -> Record:
    """Return the record of a plan that comes into force, with commitments to the keys that may be revealed later."""
    committed = {"coin": keys.coin, "sample": keys.sample, "canary": keys.canary, "mark": keys.mark.key}
    entry = PlanEntry(**plan.settings(), keys={name: commitment(key) for name, key in committed.items()})
    kind, body = line(entry)
    return Record(kind=kind, body=body, texts=())


def prompt_digest(keys: PlanKeys, request: Request) -> Digest:
    """Return the digest of a request's prompt."""
    return digest_text(keys.digest, request.prompt)


def share_of(keys: PlanKeys, prompt: Digest) -> float:
    """Return the keyed number in [0, 1) that decides whether a prompt takes part."""
    return sampled(keys.sample, prompt.hex)


def toss_coin(
    plan: Plan, keys: PlanKeys, request: Request, account: str, candidates: Sequence[Candidate], *, how: str = "draws"
) -> tuple[int, Record] | None:
    """
    Return which candidate is served and what is recorded of it, or None where all candidates are equal: no coin then.

    1. The candidates are put in the order of their digests.
    2. The coin of this prompt and these candidates falls on one place in that order.
    """
    digests = [digest_text(keys.digest, candidate.text) for candidate in candidates]
    if len({digest.hex for digest in digests}) < 2:
        return None
    order = sorted(range(len(digests)), key=lambda draw: digests[draw].hex)  # 1.
    names = tuple(digests[draw].hex for draw in order)
    prompt = prompt_digest(keys, request)
    coin = coin_id(plan.campaign, plan.epoch, prompt.hex, names)
    side = toss(keys.coin, coin, len(names))  # 2.
    chosen = order[side]
    common, texts = _common(plan, keys, request, account, prompt, candidates[chosen])
    entry = CoinEntry(**common, coin=coin, candidates=names, served=side, how=how)
    kind, body = line(entry)
    texts += [Text(d.hex, "answer", d.salt, c.text) for d, c in zip(digests, candidates, strict=True)]
    return chosen, Record(kind=kind, body=body, texts=tuple(texts))


def choose_greenest(
    plan: Plan, keys: PlanKeys, request: Request, account: str, candidates: Sequence[Candidate]
) -> tuple[int, Record]:
    """Return which candidate has the highest keyed score, and what is recorded of it."""
    scores = [keys.mark.word_score(candidate.text) for candidate in candidates]
    chosen = max(range(len(scores)), key=lambda draw: (scores[draw], -draw))
    digests = [digest_text(keys.digest, candidate.text) for candidate in candidates]
    common, texts = _common(plan, keys, request, account, prompt_digest(keys, request), candidates[chosen])
    entry = MarkEntry(
        **common,
        candidates=tuple(digest.hex for digest in digests),
        served=chosen,
        scores=tuple(round(score, 6) for score in scores),
    )
    kind, body = line(entry)
    texts += [Text(d.hex, "answer", d.salt, c.text) for d, c in zip(digests, candidates, strict=True)]
    return chosen, Record(kind=kind, body=body, texts=tuple(texts))


def record_canary(
    plan: Plan, keys: PlanKeys, request: Request, account: str, one: CanaryClass, served: Candidate
) -> Record:
    """Return what is recorded of an answer that was led to the favoured half of a class."""
    assert plan.canaries is not None
    common, texts = _common(plan, keys, request, account, prompt_digest(keys, request), served)
    answer = digest_text(keys.digest, served.text)
    library, method = plan.canaries.library, plan.canaries.method
    kind, body = line(CanaryEntry(**common, canary=one.id, library=library, method=method, answer=answer.hex))
    return Record(kind=kind, body=body, texts=(*texts, Text(answer.hex, "answer", answer.salt, served.text)))


def _common(
    plan: Plan, keys: PlanKeys, request: Request, account: str, prompt: Digest, served: Candidate
) -> tuple[dict[str, Any], list[Text]]:
    """Return the fields that every exchange has (see `ledger.Exchange`), and their texts."""
    account_tag = tag(keys.account, account)
    opening = digest_text(keys.digest, request.opening)
    names = {
        "campaign": plan.campaign,
        "epoch": plan.epoch,
        "account": account_tag,
        "exchange": served.id,
        "prompt": prompt.hex,
        "history": tuple(digest_text(keys.digest, turn).hex for turn in request.history),
        "opening": opening.hex,
        "endpoint": request.endpoint,
        "model": request.model,
        "model_served": served.model,
        "fingerprint": served.fingerprint,
        "decoding": digest_text(keys.digest, request.decoding).hex,
        "settings": dict(request.settings),
    }
    assert set(names) == set(Exchange.__dataclass_fields__) - {"position", "at"}
    texts = [
        Text(prompt.hex, "prompt", prompt.salt, request.prompt),
        Text(account_tag, "account", b"", account),
    ]
    return names, texts
