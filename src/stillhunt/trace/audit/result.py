"""The nouns of an audit's result: channel by channel, campaign by campaign, with what was checked and what could be missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stillhunt.model import LeftOut, NullDistribution
from stillhunt.trace.audit.attribution import AccountTest
from stillhunt.trace.audit.detectable import Detectable
from stillhunt.trace.audit.null_sum import Tail
from stillhunt.trace.audit.spec import AuditSpec

TRAINED = "depends on served answers"
PROXY = "looks like a proxy for the live service"
MARKED = "carries the mark or the canaries"
NOTHING = "nothing found"
VOID = "void"


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfCheck:
    """Something that must give nothing: `what` was tried, what came out, and whether it gave nothing; None: not made."""

    what: str
    found: str
    passed: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelTest:
    """
    One channel on one campaign; `how` names the variant. Without a `tail` it did not run, and `why` says so.

    `detectable` is printed where the test found nothing. `rank_p` is the place among unused keys, where there are any.
    """

    channel: str
    how: str
    n: int = 0
    unit: str = "exchanges"
    tail: Tail | None = None
    e_log10: float = 0.0
    sequential_p_log10: float | None = None
    rank_p: float | None = None
    effect: Mapping[str, float | int | str] | None = None
    null: NullDistribution | None = None
    detectable: Detectable | None = None
    why: str | None = None
    checks: tuple[SelfCheck, ...] = ()
    exchange_ids: tuple[str, ...] = ()

    def found(self, alpha: float) -> bool:
        """Say whether the channel's p is at most alpha."""
        return self.tail is not None and 10.0**self.tail.p_log10 <= alpha


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignAudit:
    """One campaign: its channels, its accounts, all channels as one e-value, and how that reads."""

    campaign: str
    channels: tuple[ChannelTest, ...]
    accounts: tuple[AccountTest, ...]
    e_log10: float
    verdict: str
    statement: str
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The result of an audit; `indicators` decide nothing and have no p-value."""

    spec: AuditSpec
    spec_digest: str
    at: str
    ledger_head: str
    campaigns: tuple[CampaignAudit, ...]
    spent: Mapping[str, float | int]
    assumptions: tuple[str, ...]
    indicators: Mapping[str, float | str]


ASSUMPTIONS = (
    "the coins, keys and favoured halves were drawn as the ledger says, and neither the suspect's makers nor its data knew them",
    "the candidates of a set were drawn under the same settings, so that only the coin tells the served one apart",
    "references were not trained on which answer was served",
    "prompts of later exchanges quote no served answer, except within their own conversation",
    "probe questions and probe texts hold no marked text",
)


def reading(channels: tuple[ChannelTest, ...], alpha: float) -> tuple[str, str]:
    """
    Return the verdict and its sentence.

    1. A self-check that should have given nothing and did not voids the campaign.
    2. A coin that is found says that served answers were learned, whatever the others say.
    3. A mark or canaries without the coin, where the coin could have been seen, point to a live proxy; else they stand alone.
    """
    failed = [check for c in channels for check in c.checks if check.passed is False]
    if failed:  # 1.
        return (
            VOID,
            f"Nothing is claimed: a check that must give nothing gave something ({failed[0].what}: {failed[0].found}).",
        )
    ran = [c for c in channels if c.tail is not None]
    if not ran:
        return NOTHING, "No test could run, so that nothing is known about this campaign."
    coins = [c for c in ran if c.channel == "coin"]
    others = [c.channel for c in ran if c.channel != "coin" and c.found(alpha)]
    if any(c.found(alpha) for c in coins):  # 2.
        also = f" The {' and the '.join(others)} agree." if others else ""
        return TRAINED, (
            "The model depends on which of several equally drawn answers was served: it learned from these answers."
            + also
            + " This does not say who trained it, nor how the answers came to them."
        )
    if others:  # 3.
        could = any(c.detectable and min(c.detectable.share.values(), default=2.0) < 0.5 for c in coins)
        if could:
            return PROXY, (
                "The keyed choices show, but the model does not prefer what was served to what was drawn beside it, where that "
                "would probably have been seen. That is what a service that forwards to this provider's live API looks like, not "
                "one that was trained on the logged answers; a leaked key looks the same."
            )
        return MARKED, (
            "The keyed choices show. Whether the model was trained on answers or forwards to the live service is not told: the "
            "coin, which would tell, did not run or had too little to go on."
        )
    return NOTHING, (
        "No test found a dependence on what was served. That is not evidence of absence beyond what each test could have seen."
    )
