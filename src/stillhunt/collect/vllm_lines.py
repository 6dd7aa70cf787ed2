"""
What one line of vLLM's log says of a request: its id, its prompt, its parameters, its answer.

A prompt is logged as the model saw it, with the marks of its chat template; where the template is one of those known
here it is taken apart into turns again, and otherwise it is one prompt.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from stillhunt.collect.messages import request_of
from stillhunt.collect.text import without_surrogates

RECEIVED = b"Received request "
GENERATED = b"Generated response "
REQUEST = b"Request "

LINE = re.compile(
    r"(?:Received request (?P<received>\S{1,200}): (?:prompt: |params: )"
    r"|Request (?P<details>\S{1,200}) details: prompt: "
    r"|Generated response (?P<generated>\S{1,200}?)(?P<streaming> \(streaming (?:delta|complete)\))?: output: )"
)
"""Where what vLLM says of a request begins; the first in a line counts, for texts may hold such words, too."""

PREFIX = re.compile(r"^(?:chatcmpl-|cmpl-|resp_|msg_|transcribe-)")
SUFFIX = re.compile(r"-[0-9a-f]{8}$")
"""A random piece after the caller's id."""
NUMBER = re.compile(r"-\d{1,4}$")
"""Which of several prompts of one completion request it was."""

KNOBS = {
    name: re.compile(rf"[(, ]{name}=(-?[0-9][0-9.eE+-]{{0,30}})(?=[,)])") for name in ("n", "temperature", "top_p", "seed")
}
MOST = re.compile(r"[(, ]max_tokens=(\d{1,18})(?=[,)])")
FINISH = re.compile(r"finish_reason: (\w{1,40})\s*$")

TEMPLATES = (
    (re.compile(r"<\|im_start\|>(\w+)\n"), "<|im_end|>"),
    (re.compile(r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n*"), "<|eot_id|>"),
    (re.compile(r"<start_of_turn>(\w+)\n"), "<end_of_turn>"),
    (re.compile(r"<\|(system|user|assistant|tool)\|>\n?"), "<|end|>"),
    (re.compile(r"<｜(System|User|Assistant)｜>"), "<｜end▁of▁sentence｜>"),
)
"""How chat templates begin a turn, with its role, and end it."""


class Said(NamedTuple):
    """What one line says of a request."""

    id: str
    """The request's id without what vLLM puts before it."""
    short: str
    """The same without what vLLM puts after it."""
    row: dict[str, object]
    piece: bool
    """Whether it is a piece of a streamed answer."""


def recognise(text: bytes) -> str | None:
    """Return why a text is a vLLM log: a line of it tells of a request as vLLM writes it."""
    found = LINE.search(text.decode("utf-8", "replace"))
    if found is None:
        return None
    return f"It has a line `{found[0][:16].strip()} …: {found[0].rstrip(': ').rsplit(' ', 1)[-1]}: …`, as vLLM writes them."


def said(line: bytes) -> Said | None:
    """Return what a line says of a request; None where it says nothing of one, or is not as vLLM writes it."""
    if RECEIVED not in line and GENERATED not in line and REQUEST not in line:
        return None
    text = line.decode("utf-8", "replace")
    found = LINE.search(text)
    if found is None:
        return None
    name = found["received"] or found["details"] or found["generated"]
    streaming = found["streaming"] or ""
    row = _asked(text, found.end()) if found["generated"] is None else _answered(text, found.end())
    return Said(bare(name), short(name), row, "delta" in streaming)


def bare(name: str) -> str:
    """Return a request's id without what vLLM puts before the caller's."""
    return PREFIX.sub("", name)


def short(name: str) -> str:
    """Return a request's id without what vLLM puts before and after the caller's."""
    cut = SUFFIX.sub("", name)
    return bare(NUMBER.sub("", cut) if cut.startswith("cmpl-") else cut) or name


def _asked(text: str, start: int) -> dict[str, object]:
    prompt, stop = _literal(text, start)
    row: dict[str, object] = dict(_turns(prompt)) if prompt is not None else {}
    at = text.find("SamplingParams(", stop)
    if at >= 0:
        for name, pattern in KNOBS.items():
            if value := pattern.search(text, at):
                row[name] = value[1]
        most = MOST.findall(text[at:])
        row["max_tokens"] = most[-1] if most else None
    return row


def _answered(text: str, start: int) -> dict[str, object]:
    completion, stop = _literal(text, start)
    finish = FINISH.search(text, stop)
    reason = finish[1] if finish and finish[1] != "None" else None
    return {"completion": completion, "finish_reason": reason}


def _literal(text: str, start: int) -> tuple[str | None, int]:
    """Return the string written at a place as Python writes it, and where it ends; None where there is none."""
    quote = text[start : start + 1]
    if quote not in ("'", '"') or not quote:
        return None, start
    stop = start + 1
    while True:
        stop = text.find(quote, stop)
        if stop < 0:
            return None, start
        before = stop
        while text[before - 1] == "\\":
            before -= 1
        stop += 1
        if (stop - 1 - before) % 2 == 0:
            break
    try:
        value = ast.literal_eval(text[start:stop])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None, stop
    return (without_surrogates(value), stop) if isinstance(value, str) else (None, stop)


def _turns(prompt: str) -> dict[str, object]:
    """Return a prompt's turns under the contract's names."""
    for begin, end in TEMPLATES:
        places = list(begin.finditer(prompt))
        if not places:
            continue
        messages: list[object] = []
        for place, after in zip(places, [*places[1:], None], strict=True):
            content = prompt[place.end() : after.start() if after else len(prompt)].split(end, 1)[0].strip()
            if content:
                messages.append({"role": place[1].lower(), "content": content})
        request = request_of(messages)
        if request.prompt is not None:
            return {"system": request.system, "prompt": request.prompt, "history": request.history}
    return {"prompt": prompt}
