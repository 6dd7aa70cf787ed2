"""
A model behind an OpenAI-compatible API, asked within a budget, at a pace, and never twice for the same thing.

What can be tested depends on what the endpoint shows (`Shows`): the log-probabilities of a prompt (`echo` of /completions, as vLLM
and others have it), the alternatives of the token that it would write next, or text only. Where only alternatives are shown, an
answer is scored at a few positions: the endpoint continues its beginning by one token, and the likelihood of the token that did
follow is read off, or bounded by the least likely one shown. Both scores treat all candidates of a set alike, which is all that the
coin test asks of a score.
"""

from __future__ import annotations

import json
import math
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from stillhunt.errors import ConfigError
from stillhunt.trace.audit.suspects.cache import Budget, Cache
from stillhunt.trace.audit.suspects.suspect import SAMPLES, SCORES, Prompt, Score

Shows = Literal["prompt", "alternatives", "text"]
Post = Callable[[str, Mapping[str, str], bytes], tuple[int, Mapping[str, str], bytes]]
"""Sends a body to an address with headers; returns status, headers and body. Raises `OSError` where nothing came back."""

TRIES = 5
LONGEST_WAIT_S = 60.0
TIMEOUT_S = 120.0
POSITIONS = 8
ALTERNATIVES = 20
BELOW_SHOWN = 1.0
"""Nats below the least likely alternative shown at which a token that is not shown is put."""

CHARACTERS_PER_TOKEN = 3
"""For an estimate, before a call, of what it will use; chosen low, so that budgets hold."""


@dataclass(slots=True)
class ApiSuspect:
    """
    A model behind an endpoint; `url` ends before `/completions`, as in `http://127.0.0.1:8000/v1`.

    `key` is sent and never stored. `left_out` counts what could not be asked, by reason.
    """

    url: str
    model: str
    cache: Cache
    shows: Shows = "text"
    key: str | None = None
    budget: Budget = field(default_factory=Budget)
    temperature: float = 1.0
    chat: bool = True
    post: Post = field(default_factory=lambda: _post)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    left_out: dict[str, int] = field(default_factory=dict)
    _last: float = -math.inf

    def __post_init__(self) -> None:
        """Refuse an address that is not one."""
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"{self.url!r} is no address of an API.\nGive one like http://127.0.0.1:8000/v1.")
        self.url = self.url.rstrip("/")

    @property
    def name(self) -> str:
        """Return the model's name at its address."""
        return f"{self.model} at {self.url}"

    @property
    def abilities(self) -> frozenset[str]:
        """Return what can be asked of it."""
        return frozenset({SAMPLES}) if self.shows == "text" else frozenset({SAMPLES, SCORES})

    def score(self, asked: Sequence[tuple[Prompt, str]]) -> list[Score | None]:
        """Return each answer's score; None where it could not be had."""
        if self.shows == "text":
            raise ConfigError(f"{self.name} shows no log-probabilities.\nTest its samples instead.")
        one = self._echoed if self.shows == "prompt" else self._forced
        return [one(prompt.plain(), answer) for prompt, answer in asked]

    def sample(self, prompts: Sequence[Prompt], *, n: int = 1, max_tokens: int = 64, seed: int = 0) -> list[list[str]]:
        """Return up to n sampled answers for each prompt."""
        return [self._sampled(p, n=n, max_tokens=max_tokens, seed=seed) for p in prompts]

    def _sampled(self, prompt: Prompt, *, n: int, max_tokens: int, seed: int) -> list[str]:
        how = {"model": self.model, "max_tokens": max_tokens, "temperature": self.temperature}
        asked = {"messages": prompt.chat()} if self.chat else {"prompt": prompt.plain()}
        path = "/chat/completions" if self.chat else "/completions"
        texts: list[str] = []
        # Servers differ in whether they honour `n`; asking one by one means the same to all of them.
        for i in range(n):
            reply = self._ask(path, {**how, **asked, "seed": seed * 1000 + i}, tokens_out=max_tokens)
            choices = [] if reply is None else reply.get("choices") or []
            for choice in choices[:1]:
                text = (choice.get("message") or {}).get("content") if self.chat else choice.get("text")
                if isinstance(text, str):
                    texts.append(text)
        return texts

    def _echoed(self, prompt: str, answer: str) -> Score | None:
        request = {"model": self.model, "prompt": prompt + answer, "max_tokens": 1, "echo": True, "logprobs": 1}
        reply = self._ask("/completions", {**request, "temperature": 0}, tokens_out=1)
        if reply is None:
            return None
        shown = _first(reply).get("logprobs") or {}
        offsets, logs = shown.get("text_offset") or [], shown.get("token_logprobs") or []
        end = len(prompt) + len(answer)
        mine = [x for at, x in zip(offsets, logs, strict=False) if len(prompt) <= at < end]
        if not mine or any(not isinstance(x, int | float) for x in mine):
            self._lost("the endpoint does not echo log-probabilities")
            return None
        return Score(log_p=float(sum(mine)), tokens=len(mine))

    def _forced(self, prompt: str, answer: str) -> Score | None:
        starts = _positions(answer)
        total = 0.0
        for at in starts:
            request = {"model": self.model, "prompt": prompt + answer[:at], "max_tokens": 1, "logprobs": ALTERNATIVES}
            reply = self._ask("/completions", {**request, "temperature": 0}, tokens_out=1)
            if reply is None:
                return None
            rows = (_first(reply).get("logprobs") or {}).get("top_logprobs") or [None]
            if not isinstance(rows[0], dict) or not rows[0]:
                self._lost("the endpoint shows no alternatives")
                return None
            total += _read_off(rows[0], answer[at:])
        return Score(log_p=total, tokens=len(starts))

    def _lost(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def _ask(self, path: str, request: Mapping[str, Any], *, tokens_out: int) -> dict[str, Any] | None:
        """Return the reply, from the cache where there is one; None where the budget ended or the server did not answer."""
        named = {"url": self.url, "path": path, "request": dict(request)}
        known = self.cache.answer(named)
        if known is not None:
            return known
        body = json.dumps(request).encode()
        estimate = len(body) // CHARACTERS_PER_TOKEN
        for attempt in range(TRIES):
            if not self.cache.spent().leaves(self.budget, tokens_in=estimate, tokens_out=tokens_out):
                self._lost("the budget was spent")
                return None
            self._pace()
            status, headers, content = self._send(path, body)
            reply = _parsed(content) if status == 200 else None
            usage = (reply or {}).get("usage") or {}
            self.cache.count(
                tokens_in=int(usage.get("prompt_tokens") or (estimate if reply else 0)),
                tokens_out=int(usage.get("completion_tokens") or (tokens_out if reply else 0)),
            )
            if reply is not None:
                self.cache.keep(named, reply)
                return reply
            if status in (400, 401, 403, 404, 422):
                raise ConfigError(
                    f"{self.name} refused a request with status {status}.\nCheck the address, the model's name, the key, "
                    "and what the endpoint shows."
                )
            self.sleep(_wait(headers, attempt))
        self._lost("the server did not answer")
        return None

    def _send(self, path: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            return self.post(self.url + path, headers, body)
        except OSError:
            return 0, {}, b""

    def _pace(self) -> None:
        wait = self._last + 1.0 / self.budget.per_second - self.clock()
        if wait > 0:
            self.sleep(wait)
        self._last = self.clock()


def _post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
    request = urllib.request.Request(url, data=body, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
            return reply.status, dict(reply.headers), reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), b""


def _parsed(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _first(reply: Mapping[str, Any]) -> dict[str, Any]:
    choices = reply.get("choices") or [{}]
    return choices[0] if isinstance(choices[0], dict) else {}


def _wait(headers: Mapping[str, str], attempt: int) -> float:
    told = {k.lower(): v for k, v in headers.items()}.get("retry-after", "")
    seconds = float(told) if told.replace(".", "", 1).isdigit() else 2.0**attempt
    return min(seconds, LONGEST_WAIT_S)


def _positions(answer: str) -> list[int]:
    """Return up to `POSITIONS` places in an answer, evenly spread over the beginnings of its words."""
    starts = [0, *(i for i in range(1, len(answer)) if answer[i - 1] != " " and answer[i] == " ")]
    step = max(1.0, len(starts) / POSITIONS)
    return [starts[int(i * step)] for i in range(min(POSITIONS, len(starts)))]


def _read_off(alternatives: Mapping[str, Any], rest: str) -> float:
    """Return the log-probability of the longest token shown that `rest` begins with, or a bound where none is."""
    fits = {t: float(x) for t, x in alternatives.items() if t and rest.startswith(t) and isinstance(x, int | float)}
    if fits:
        return fits[max(fits, key=len)]
    shown = [float(x) for x in alternatives.values() if isinstance(x, int | float)]
    return min(shown, default=0.0) - BELOW_SHOWN
