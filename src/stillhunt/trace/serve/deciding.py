"""
What is done with a call of a planned account: nothing, a coin, the best of k, or a canary. No network and no clock.

Nothing is the rule. Each call that a plan covers and that is served as without it is counted under a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stillhunt.trace.canaries import CanaryClass, recognised
from stillhunt.trace.conversation import Request
from stillhunt.trace.plan import Plan
from stillhunt.trace.serve.recording import PlanKeys, prompt_digest, share_of

OWN_TOOLS = frozenset({"function", "custom"})
"""Kinds of tools that the caller runs. All others run at the provider: drawing twice would run them twice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A plan with its keys."""

    plan: Plan
    keys: PlanKeys


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """
    What is done with one call: `act`, and for "pass" the `reason` under which it is counted.

    `canary` is the class of a canary, `k` and `patience_s` say how candidates are drawn.
    """

    act: Literal["pass", "coin", "rewrite", "best_of", "canary"]
    reason: str = ""
    k: int = 1
    patience_s: float = 0.0
    canary: CanaryClass | None = None


@dataclass(slots=True)
class RateCap:
    """
    Calls and canaries of each account since the gateway started: at no moment are more than a share of calls canaries.

    After a restart both counts begin at nothing, so the cap is kept more strictly than it needs to be, never less.
    """

    _calls: dict[str, int] = field(default_factory=dict)
    _canaries: dict[str, int] = field(default_factory=dict)

    def seen(self, account: str) -> None:
        """Count a call."""
        self._calls[account] = self._calls.get(account, 0) + 1

    def take(self, account: str, share: float) -> bool:
        """Count a canary and return True, unless canaries would then be more than this share of the calls."""
        after = self._canaries.get(account, 0) + 1
        if after > share * self._calls.get(account, 0):
            return False
        self._canaries[account] = after
        return True


def decide(planned: Planned, request: Request | None, account: str, cap: RateCap) -> Step:
    """
    Return what is done with a call.

    1. What cannot be understood, or must not be drawn twice, passes.
    2. A question of a canary class is one, as far as the cap allows.
    3. The prompt's keyed number says whether it is in the share of coins, in that of the best of k, or in neither.
    4. A call that asks for one certain answer has no draws to choose among.
    """
    cap.seen(account)
    plan = planned.plan
    reason = _never_twice(request)
    if request is None or reason:  # 1.
        return Step(act="pass", reason=reason or "not_understood")
    canary = _canary(planned, request, account, cap)
    if canary is not None:  # 2.
        return Step(act="canary", canary=canary)
    number = share_of(planned.keys, prompt_digest(planned.keys, request)) if plan.coin or plan.best_of else 1.0
    coin, best = plan.coin, plan.best_of
    coins = coin.share if coin else 0.0
    if number >= coins + (best.share if best else 0.0):  # 3.
        return Step(act="pass", reason="not_sampled")
    certain = _certain(request.body)  # 4.
    if coin and number < coins:
        if certain == "greedy" and coin.greedy == "rewrite" and may_reword(request):
            return Step(act="rewrite", k=coin.k, patience_s=coin.patience_s)
        if certain:
            return Step(act="pass", reason=certain)
        return Step(act="coin", k=coin.k, patience_s=coin.patience_s)
    assert best is not None
    return Step(act="pass", reason=certain) if certain else Step(act="best_of", k=best.k, patience_s=best.patience_s)


def may_reword(request: Request) -> bool:
    """Whether the answer to a request may be worded anew: not where a form, tools or log-probabilities were asked for."""
    body = request.body
    form = body.get("response_format") or (body.get("text") or {}).get("format")
    plain = not form or (isinstance(form, dict) and form.get("type") == "text")
    return plain and not any(
        body.get(name) for name in ("tools", "functions", "logprobs", "top_logprobs", "prediction")
    )


def _canary(planned: Planned, request: Request, account: str, cap: RateCap) -> CanaryClass | None:
    canaries = planned.plan.canaries
    if canaries is None or request.question is None or not may_reword(request):
        return None
    one = recognised(canaries.library, request.question)
    return one if one is not None and cap.take(account, canaries.share) else None


def _never_twice(request: Request | None) -> str:
    """Return why a request must not be drawn more than once, or nothing."""
    if request is None:
        return "not_understood"
    body = request.body
    if any(_number(body, name, 1) > 1 for name in ("n", "best_of")):
        return "several_choices"
    tools = body.get("tools") or ()
    foreign = any(not isinstance(tool, dict) or tool.get("type") not in OWN_TOOLS for tool in tools)
    if foreign or any(body.get(name) for name in ("conversation", "background", "web_search_options", "audio")):
        return "stateful"
    return ""


def _certain(body: Mapping[str, Any]) -> str:
    """Return "greedy" or "seeded" where the same call always gets the same answer, else nothing."""
    if _number(body, "temperature", 1) == 0 or _number(body, "top_k", 0) == 1 or _number(body, "top_p", 1) == 0:
        return "greedy"
    return "seeded" if body.get("seed") is not None else ""


def _number(body: Mapping[str, Any], name: str, default: float) -> float:
    value = body.get(name, default)
    return value if isinstance(value, int | float) else default
