"""
A ClickHouse server over HTTP for tests: ClickHouse's own engine (chdb) behind a port on loopback.

Run as a program, for one process can hold one engine: `python clickhouse_server.py STATEMENTS.sql` runs the statements,
which are divided by blank lines, prints its port, and serves until its input ends.
"""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chdb import session

PASSWORD = "Basic cmVhZGVyOnMzY3JldC13b3Jk"  # reader:s3cret-word

ENGINE = session.Session()
LOCK = threading.Lock()


class Answers(BaseHTTPRequestHandler):
    """Answers of the HTTP interface: a query in the URL or the body, parameters in the URL."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a query in the URL."""
        self._answer("")

    def do_POST(self) -> None:
        """Answer a query in the body."""
        length = int(self.headers.get("Content-Length") or 0)
        self._answer(self.rfile.read(length).decode())

    def _answer(self, body: str) -> None:
        if self.headers.get("Authorization") != PASSWORD:
            self._send(403, b"Code: 516. DB::Exception: reader: Authentication failed")
            return
        asked = dict(parse_qsl(urlsplit(self.path).query))
        query = f"{asked.get('query', '')}\n{body}".strip()
        values = {name[6:]: value for name, value in asked.items() if name.startswith("param_")}
        try:
            with LOCK:
                if "database" in asked:
                    ENGINE.query(f"USE `{asked['database']}`")
                found = ENGINE.query(query, asked.get("default_format", "TabSeparated"), params=values).bytes()
        except Exception as error:
            self._send(500, str(error).encode())
        else:
            self._send(200, found)

    def _send(self, code: int, content: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main(statements: str) -> None:
    """Run the statements, then serve until the input ends."""
    for statement in statements.split("\n\n"):
        if statement.strip():
            ENGINE.query(statement)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text(encoding="utf-8"))
