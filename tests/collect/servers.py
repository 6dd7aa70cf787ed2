"""Real database servers for tests: PostgreSQL on a port of its own, and ClickHouse's engine behind HTTP."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER, PASSWORD = "reader", "s3cret-word"


def _binaries() -> Path:
    """Return the folder of PostgreSQL's programs; skip the test where there is none."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    if found is None:
        pytest.skip("no PostgreSQL server on this machine")
    return Path(found).resolve().parent


def _unprivileged(folder: Path) -> list[str]:
    """Return how to run a program as someone else than root, which PostgreSQL demands, and hand over the folder."""
    if os.geteuid() != 0:
        return []
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


class Postgres:
    """A running server: its port, and statements run as its owner."""

    def __init__(self, programs: Path, port: int) -> None:
        """Remember where it is."""
        self._programs = programs
        self.port = port

    def run(self, statements: str) -> str:
        """Run statements as the owner and return what they print."""
        command = [str(self._programs / "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"]
        command += ["-p", str(self.port), "-U", "owner", "-d", "postgres", "-f", "-"]
        done = subprocess.run(command, input=statements, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def url(self, rest: str = "postgres") -> str:
        """Return the URL of a database, and perhaps a table, with a password in it."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{rest}"


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Run a PostgreSQL server in a folder, with a user who must give a password and may only read."""
    programs = _binaries()
    folder.chmod(0o755)
    for parent in folder.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    home = folder / "server"
    home.mkdir()
    become = _unprivileged(home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    init = [*become, str(programs / "initdb"), "-D", str(home / "data"), "-U", "owner", "-A", "trust", "--no-sync"]
    subprocess.run(init, check=True, capture_output=True, cwd=home)
    rules = f"host all owner 127.0.0.1/32 trust\nhost all {USER} 127.0.0.1/32 scram-sha-256\n"
    (home / "data" / "pg_hba.conf").write_text(rules)
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=16MB"
    control = [*become, str(programs / "pg_ctl"), "-D", str(home / "data"), "-l", str(home / "log"), "-w", "-s"]
    subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, cwd=home)
    try:
        server = Postgres(programs, port)
        server.run(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'; GRANT pg_read_all_data TO {USER};")
        yield server
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=home)


@contextmanager
def clickhouse(folder: Path, statements: str) -> Iterator[str]:
    """Run ClickHouse's engine behind HTTP and return the URL of its server; statements are divided by blank lines."""
    pytest.importorskip("chdb")
    script = folder / "statements.sql"
    script.write_text(statements, encoding="utf-8")
    program = [sys.executable, str(Path(__file__).with_name("clickhouse_server.py")), str(script)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(program, text=True, **pipes) as server:  # type: ignore[call-overload]
        try:
            yield f"clickhouse://{USER}:{PASSWORD}@127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()
            server.wait(20)
