"""A small S3 on loopback for tests: one bucket over a folder, listing and reading only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

STAMP = "2026-03-02T00:00:00.000Z"


def _listing(folder: Path, query: dict[str, list[str]]) -> str:
    """Return the answer to ListObjectsV2, as https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html says."""
    prefix = query.get("prefix", [""])[0]
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    rows = [
        f"<Contents><Key>{escape(name)}</Key><LastModified>{STAMP}</LastModified><ETag>x</ETag>"
        f"<Size>{(folder / name).stat().st_size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for name in names
        if name.startswith(prefix)
    ]
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>logs</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(rows)}</KeyCount><MaxKeys>1000</MaxKeys>"
        f"<IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>"
    )


@contextmanager
def store(folder: Path) -> Iterator[str]:
    """Serve a folder as the bucket `logs`; lend the query that leads Arrow there."""

    class Bucket(BaseHTTPRequestHandler):
        """Answers GET and HEAD for /logs and /logs/key."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            """Answer like GET, without the content."""
            self._answer(content=False)

        def do_GET(self) -> None:
            """Answer a listing or an object, or a range of one."""
            self._answer(content=True)

        def _answer(self, *, content: bool) -> None:
            parts = urlsplit(self.path)
            key = unquote(parts.path).removeprefix("/logs").strip("/")
            query = parse_qs(parts.query, keep_blank_values=True)
            if not key and ((content and "list-type" in query) or not content):
                body, status = (_listing(folder, query) if content else "").encode(), 200
            elif (folder / key).is_file():
                body, status = (folder / key).read_bytes(), 200
            else:
                body, status = b"", 404
            whole = len(body)
            if status == 200 and (asked := self.headers.get("Range")):
                start, _, end = asked.removeprefix("bytes=").partition("-")
                stop = min(int(end) + 1 if end else whole, whole)
                body, status = body[int(start) : stop], 206
                self.send_response(status)
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{whole}")
            else:
                self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Last-Modified", "Mon, 02 Mar 2026 00:00:00 GMT")
            self.send_header("ETag", '"x"')
            self.end_headers()
            if content:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"endpoint_override=127.0.0.1:{server.server_port}&scheme=http&region=us-east-1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
