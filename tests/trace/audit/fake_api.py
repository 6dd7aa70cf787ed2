"""A loopback API with a toy model behind it, that fails on demand and counts what it is asked."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ToyModel:
    """A model of words: a word is likelier the more often it stands in `learned`; memorised prompts are answered by heart."""

    def __init__(self, learned: dict[str, float] | None = None, by_heart: dict[str, str] | None = None) -> None:
        self.learned = learned or {}
        self.by_heart = by_heart or {}
        self.asked: list[dict[str, Any]] = []
        self.failures: list[int] = []
        self.seen_keys: set[str] = set()

    def log_p(self, word: str) -> float:
        """Return the log-probability of a word."""
        return -5.0 + self.learned.get(word.strip(), 0.0)

    def reply(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a reply."""
        usage = {"prompt_tokens": len(json.dumps(request)) // 4, "completion_tokens": 1}
        if path.endswith("/chat/completions"):
            prompt = request["messages"][-1]["content"]
            text = self.by_heart.get(prompt, f"answer {request.get('seed')}")
            return {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}
        prompt = request["prompt"]
        if request.get("echo"):
            words, at, offsets = prompt.split(" "), 0, []
            for word in words:
                offsets.append(at - 1 if at else 0)
                at += len(word) + 1
            logs = [None, *(self.log_p(w) for w in words[1:])]
            shown = {"tokens": words, "token_logprobs": logs, "text_offset": offsets}
            return {"choices": [{"text": prompt, "logprobs": shown}], "usage": usage}
        top = {f" {w}": self.log_p(w) for w in self.learned} | {" the": -1.0, " of": -2.0}
        return {"choices": [{"text": " the", "logprobs": {"top_logprobs": [top]}}], "usage": usage}


@contextmanager
def serving(model: ToyModel) -> Iterator[str]:
    """Serve the model on a free port of this machine; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        """One request, answered by the model unless a failure is due."""

        def do_POST(self) -> None:
            """Answer."""
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.asked.append(request)
            model.seen_keys.add(self.headers.get("Authorization", ""))
            status = model.failures.pop(0) if model.failures else 200
            body = json.dumps(model.reply(self.path, request)).encode() if status == 200 else b"no"
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "7")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def near(a: float, b: float) -> bool:
    """Say whether two numbers are equal but for rounding."""
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
