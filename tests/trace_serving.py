"""Plans, keys, requests and ledgers that the tests of tracing serve with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt.trace.conversation import Request, read_request
from stillhunt.trace.keys import Master
from stillhunt.trace.plan import Plan, plan_of
from stillhunt.trace.serve.recording import Candidate, PlanKeys, Record, toss_coin
from stillhunt.trace.serve.writer import Writer

MASTER = Master(b"a master key of the tests, public")
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def document(**sections: Any) -> dict[str, Any]:
    """Return an approved plan for the accounts `bad-1` and `bad-2` with some sections added."""
    head = {
        "campaign": "c17",
        "accounts": ["bad-1", "bad-2"],
        "reason": "report of 3 May",
        "approver": "duty officer",
        "approved_at": datetime(2026, 5, 1, tzinfo=UTC),
        "expires": datetime(2026, 8, 1, tzinfo=UTC),
    }
    return {"plan": {**head, **sections.pop("plan", {})}, **sections}


def a_plan(**sections: Any) -> Plan:
    """Return the plan that `document` describes."""
    return plan_of(document(**sections), "plan.toml")


def chat(*turns: str, model: str = "m-1", **more: Any) -> Request:
    """Return a chat request whose turns are by user and assistant in turn."""
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": turn} for at, turn in enumerate(turns)]
    request = read_request("chat", {"model": model, "messages": messages, "temperature": 0.7, **more})
    assert request is not None
    return request


def tossed(plan: Plan, keys: PlanKeys, prompt: str, texts: Sequence[str], account: str = "bad-1") -> tuple[str, Record]:
    """Return the text that a coin serves for a one-turn prompt, and its record."""
    result = toss_coin(
        plan, keys, chat(prompt), account, [Candidate(text=text, id=f"x-{len(prompt)}") for text in texts]
    )
    assert result is not None
    chosen, record = result
    return texts[chosen], record


def write(folder: Path, records: Sequence[Record], *, now: datetime = NOW) -> Path:
    """Write records as the proxy does, and return the folder of the ledger; its store is `texts.sqlite` beside it."""
    writer = Writer(folder / "ledger", folder / "texts.sqlite", MASTER, now=lambda: now)
    for record in records:
        assert writer.put(record)
    writer.close()
    assert (writer.lost, writer.trouble) == (0, None)
    return folder / "ledger"
