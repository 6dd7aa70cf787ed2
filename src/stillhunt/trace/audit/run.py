"""An audit from the committed specification to its result, campaign by campaign."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stillhunt.errors import ConfigError
from stillhunt.model import LeftOut
from stillhunt.trace import ledger
from stillhunt.trace.audit.attribution import attribute, together
from stillhunt.trace.audit.channels import Encode, canary_channel, coin_channel, mark_channel, score_coins
from stillhunt.trace.audit.coin import CoinScores, first_turns
from stillhunt.trace.audit.likeness import likeness
from stillhunt.trace.audit.material import Texts, coin_material
from stillhunt.trace.audit.result import ASSUMPTIONS, Audit, CampaignAudit, ChannelTest, reading
from stillhunt.trace.audit.spec import AuditSpec, committed
from stillhunt.trace.audit.suspects.suspect import DISTRIBUTIONS, SAMPLES, Suspect
from stillhunt.trace.ledger import PlanEntry


class Keys(Protocol):
    """Gives the key of a purpose, campaign and epoch: a `Master`, or keys that were revealed."""

    def derive(self, purpose: str, campaign: str = "", epoch: int = 0) -> bytes:
        """Return the key."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """What an audit works with; `probes` are key-independent texts, `encode` is the tokenizer of the served model."""

    folder: Path
    texts: Texts
    keys: Keys
    suspect: Suspect
    references: Sequence[Suspect] = ()
    own: Suspect | None = None
    probes: Sequence[str] = ()
    encode: Encode | None = None
    spent: Callable[[], Mapping[str, float | int]] = field(default=lambda: {})
    lost: Callable[[], Mapping[str, int]] = field(default=lambda: {})


def run(
    inputs: Inputs, spec: AuditSpec, digest: str, *, at: str, progress: Callable[[str, float], None] = lambda *_: None
) -> Audit:
    """
    Return the result of an audit whose specification was committed to the ledger under `digest`.

    Raises `ClaimError` where it was not, `ConfigError` where a campaign is not in the ledger.
    """
    committed(inputs.folder, digest)
    known = {p.campaign for p in ledger.plans(inputs.folder)}
    for name in spec.campaigns:
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise ConfigError(f"The ledger has no campaign {name!r}.\nThose in it: {there}.")
    campaigns = []
    for i, name in enumerate(spec.campaigns):
        progress(name, i / len(spec.campaigns))
        campaigns.append(_campaign(inputs, spec, name))
        progress(name, (i + 1) / len(spec.campaigns))
    return Audit(
        spec=spec,
        spec_digest=digest,
        at=at,
        ledger_head=_head(inputs.folder, digest),
        campaigns=tuple(campaigns),
        spent=inputs.spent(),
        assumptions=ASSUMPTIONS,
        indicators=_indicators(inputs, spec),
    )


def _indicators(inputs: Inputs, spec: AuditSpec) -> dict[str, float]:
    """
    Return how alike each model's answers are to answers of ours that were drawn and not served.

    Unserved ones, so that nothing of the coin is in it. One answer of each model to the first prompts of all campaigns.
    """
    coins = []
    for name in spec.campaigns if spec.indicators else ():
        coins += coin_material(inputs.folder, inputs.texts, name, most=None, seed=spec.seed)[0]
    chosen = [c for c in coins if len(c.candidates) > 1][: spec.indicators]
    if not chosen:
        return {}
    ours = [c.candidates[1 if c.served == 0 else 0] for c in chosen]
    out: dict[str, float] = {}
    for model in (inputs.suspect, *inputs.references):
        if SAMPLES not in model.abilities:
            continue
        answers = model.sample([c.prompt for c in chosen], n=1, max_tokens=spec.max_tokens, seed=spec.seed)
        there = [i for i, texts in enumerate(answers) if texts]
        if there:
            found = likeness([answers[i][0] for i in there], {"ours": [ours[i] for i in there]})
            out[f"overlap of {model.name} with our answers, {len(there)} prompts"] = found["ours"]
    return out


def _campaign(inputs: Inputs, spec: AuditSpec, name: str) -> CampaignAudit:
    channels: list[ChannelTest] = []
    left_out: list[LeftOut] = []
    scores: CoinScores | None = None
    if "coin" in spec.channels:
        coins, lost = coin_material(inputs.folder, inputs.texts, name, most=spec.exchanges, seed=spec.seed)
        left_out += lost
        if coins:
            scores, how, unscored = score_coins(coins, inputs.suspect, inputs.references, spec=spec)
            channels.append(coin_channel(coins, scores, how, own=inputs.own, spec=spec))
            left_out += _unscored(unscored, inputs.lost())
        else:
            channels.append(
                ChannelTest(channel="coin", how="", why="the ledger has no coin of this campaign with its texts")
            )
    plans = [p for p in ledger.plans(inputs.folder, name)]
    if "mark" in spec.channels:
        channels += _marks(inputs, spec, name, plans)
    if "canary" in spec.channels:
        entries = ledger.canary_exchanges(inputs.folder, name)
        channels.append(
            canary_channel(entries, lambda epoch: inputs.keys.derive("canary", name, epoch), inputs.suspect, spec=spec)
        )
    accounts = attribute(first_turns(scores), level=spec.level) if scores is not None and len(scores) else ()
    verdict, statement = reading(tuple(channels), spec.alpha)
    return CampaignAudit(
        campaign=name,
        channels=tuple(channels),
        accounts=accounts,
        e_log10=together([c.e_log10 for c in channels if c.tail is not None]),
        verdict=verdict,
        statement=statement,
        left_out=tuple(left_out),
    )


def _marks(inputs: Inputs, spec: AuditSpec, name: str, plans: Sequence[PlanEntry]) -> list[ChannelTest]:
    """Return one test for each epoch in which text was marked: their keys are independent."""
    epochs = {p.epoch: p for p in plans if p.watermark or p.mark}
    if not epochs:
        return [ChannelTest(channel="mark", how="", why="no plan of this campaign marked its text")]
    reference = next(
        (r for r in (*inputs.references, inputs.own) if r is not None and DISTRIBUTIONS in r.abilities), None
    )
    return [
        mark_channel(
            inputs.keys.derive("mark", name, epoch),
            plan.watermark or plan.mark or {},
            inputs.suspect,
            inputs.probes,
            spec=spec,
            words=not plan.watermark,
            encode=inputs.encode,
            reference=reference,
            own=inputs.own,
        )
        for epoch, plan in sorted(epochs.items())
    ]


def _unscored(count: int, reasons: Mapping[str, int]) -> list[LeftOut]:
    if not count:
        return []
    told = ", ".join(sorted(reasons)) or "the suspect gave no score"
    return [LeftOut(what="exchange", reason=told, count=count)]


def _head(folder: Path, digest: str) -> str:
    for entry in ledger.audits(folder):
        if isinstance(entry.body, Mapping) and entry.body.get("sha256") == digest:
            head = entry.body.get("ledger")
            return str(head.get("head", "")) if isinstance(head, Mapping) else ""
    return ""
