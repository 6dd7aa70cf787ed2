"""A Spark standalone cluster on loopback: a master and workers, each a process of its own, gone when the test is."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_S = 240
LIGHT = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m", "-Xshare:auto")

CONF = {
    "spark.executor.memory": "512m",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.shuffle.partitions": "2",
    # Compiling each query takes longer than running it on a small world.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Settings that keep Spark small and quick to start."""


def requirements() -> tuple[str, Path]:
    """Return Java and the folder of Spark's classes; skip the test where one is missing."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home, "bin"))) if home else shutil.which("java")
    if java is None:
        pytest.skip("no Java on this machine, which Spark needs: apt install openjdk-17-jre-headless")
    pyspark = pytest.importorskip("pyspark", reason="PySpark is not installed: python3 bootstrap.py test installs it beside Java")
    return java, Path(pyspark.__file__).parent / "jars"


def free_port() -> int:
    """Return a port on loopback that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Cluster:
    """A running master; workers are started and killed one by one."""

    def __init__(self, java: str, jars: Path, folder: Path, memory: str) -> None:
        """Start the master and wait until it answers."""
        self._java, self._jars, self._folder, self._memory = java, jars, folder, memory
        self.workers: list[subprocess.Popen[bytes]] = []
        scala = next(jars.glob("spark-core_*.jar")).name.split("_")[1].split("-")[0]
        self._environment = {
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_HOME": str(jars.parent),
            "SPARK_SCALA_VERSION": scala,  # which Spark's own scripts set
        }
        port, self._page = free_port(), free_port()
        self.url = f"spark://127.0.0.1:{port}"
        ports = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", str(self._page)]
        self._master = self._start("master", "org.apache.spark.deploy.master.Master", *ports)
        self._wait_for(0)

    def add_worker(self) -> None:
        """Start a worker with one core, and wait until the master knows it."""
        wanted = self.alive() + 1
        name = f"worker-{len(self.workers)}"
        size = ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0", "--cores", "1", "--memory", self._memory]
        place = ["--work-dir", str(self._folder / name)]
        self.workers.append(self._start(name, "org.apache.spark.deploy.worker.Worker", *size, *place, self.url))
        self._wait_for(wanted)

    def kill_worker(self) -> None:
        """Kill the oldest worker that runs, without a chance to clean up."""
        process = next(worker for worker in self.workers if worker.poll() is None)
        process.kill()
        process.wait()

    def alive(self) -> int:
        """Return how many workers the master believes to be alive."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._page}/json/", timeout=5) as page:
            return int(json.load(page)["aliveworkers"])

    def stop(self) -> None:
        """Kill everything that still runs."""
        for process in (*self.workers, self._master):
            process.kill()
            process.wait()

    def _start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        setpriv = shutil.which("setpriv")
        # The process dies with this one, whatever becomes of it.
        bound = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        with (self._folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [*bound, self._java, *LIGHT, "-cp", f"{self._jars}/*", *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self._environment},
            )

    def _wait_for(self, workers: int) -> None:
        until = time.monotonic() + START_S
        while True:
            try:
                if self.alive() >= workers:
                    return
            except OSError:
                pass
            if time.monotonic() > until:
                logs = "\n".join(log.read_text()[-2000:] for log in sorted(self._folder.glob("*.log")))
                raise RuntimeError(f"The cluster has not {workers} workers after {START_S} s:\n{logs}")
            time.sleep(0.2)


@contextmanager
def cluster(folder: Path, workers: int, memory: str = "640m") -> Iterator[Cluster]:
    """Run a master and some workers; skip the test where Java or PySpark is missing."""
    running = Cluster(*requirements(), folder, memory)
    try:
        for _ in range(workers):
            running.add_worker()
        yield running
    finally:
        running.stop()
