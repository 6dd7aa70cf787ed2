"""
The cluster engine: Apache Spark does what the embedded engine does, where logs outgrow one machine.

Pieces of a log are handed to executors as rows, and digested there by the same function (`mapInArrow`); queries are the
same SQL, written once in DuckDB's dialect (`dialect.py`). Relations are Parquet in a folder that driver and executors
share. The driver sees summaries of pieces and what is fetched, never text.

It needs the extra `spark` and Java 17 or newer; see docs/how-to/run-on-spark.md.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
import socket
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from stillhunt.config import Config
from stillhunt.engines import Mapper, nobody
from stillhunt.errors import ConfigError, StillhuntError, StoreError

MOST_TASKS = 10_000
"""Pieces are spread over at most so many tasks."""

IN_PLACE_ROWS = 100_000
"""Tables with more rows than this are written to the shared folder instead of travelling with every query."""

_ALWAYS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.skewJoin.enabled": "true",
    # Else a popular value stays whole where what follows the join would need its rows together again.
    "spark.sql.adaptive.forceOptimizeSkewedJoin": "true",
    "spark.sql.adaptive.skewJoin.skewedPartitionFactor": "2",
    "spark.sql.autoBroadcastJoinThreshold": "64MB",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
}
"""Settings of every session; what a user sets wins."""

_PIECE = "stillhunt_piece"
_SUMMARY = "stillhunt_summary"


class SparkEngine:
    """
    Runs on the cluster at `master`, or in the Spark session that is active where `master` is None.

    `work` is a folder or URI that driver and executors share; what the engine makes there is gone after `close`.
    `conf` are settings of Spark. Raises `ConfigError` where Spark, Java or the master is missing, `StoreError` where the
    folder cannot be used.
    """

    name = "spark"
    parts = 1000
    group_rows = sys.maxsize

    def __init__(self, work: str | Path, *, master: str | None, conf: Mapping[str, str], memory_mb: int) -> None:
        try:
            from stillhunt.engines.dialect import Catalogue
        except ImportError as error:
            raise ConfigError(_missing(error)) from error
        self._catalogue = Catalogue()
        self._session, self._mine = _open(master, conf, memory_mb)
        self._work = f"{_uri(work)}/stillhunt-work-{uuid.uuid4().hex[:12]}"
        self._views: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._made = 0

    def map(
        self,
        relation: str,
        schema: pa.Schema,
        pieces: Sequence[Any],
        mapper: Mapper,
        done: Callable[[int], None] = nobody,
    ) -> list[object]:
        """
        Run `mapper` on executors, one row per piece, and store the batches as Parquet.

        1. Each piece is one row of a range; batches and, at the end of the piece, its pickled summary come back.
        2. Batches and summaries are written by Spark's commit protocol, so that a task that is lost runs again.
        3. The summaries are read back, in the order of the pieces. A failure that has a message is one of them.
        """
        from pyspark.sql.pandas.types import from_arrow_schema

        from stillhunt.engines.unsigned import signed_schema

        held = signed_schema(schema).append(pa.field(_PIECE, pa.int64())).append(pa.field(_SUMMARY, pa.binary()))
        rows = self._session.range(0, len(pieces), 1, min(len(pieces), MOST_TASKS))
        with _silent_about_pandas():
            frame = rows.mapInArrow(_Mapped(pieces, mapper, held), from_arrow_schema(held))  # 1.
        with self._failures_explained(), self._watched(done):
            stored = self._stored(relation, frame)  # 2.
            summaries = stored.where(f"{_SUMMARY} IS NOT NULL").select(_PIECE, _SUMMARY).toArrow()  # 3.
        done(len(pieces))
        self._catalogue.declare(relation, schema)
        self._bind(relation, stored.where(f"{_SUMMARY} IS NULL").drop(_PIECE, _SUMMARY))
        found = [pickle.loads(row) for row in summaries.sort_by(_PIECE).column(_SUMMARY).to_pylist()]
        for one in found:
            if isinstance(one, StillhuntError):
                raise one
        return found

    def register(self, relation: str, table: pa.Table) -> None:
        """Hand a small table to Spark."""
        from stillhunt.engines.unsigned import signed, signed_schema

        batches = [signed(batch) for batch in table.combine_chunks().to_batches()]
        with self._failures_explained(), _silent_about_pandas():
            frame = self._session.createDataFrame(pa.Table.from_batches(batches, signed_schema(table.schema)))
            if table.num_rows > IN_PLACE_ROWS:
                frame = self._stored(relation, frame)
        self._catalogue.declare(relation, table.schema)
        self._bind(relation, frame)

    def create(self, relation: str, sql: str, *, once: bool = False) -> None:
        """Store a query's rows as Parquet; where one query reads them, compute them then."""
        with self._failures_explained():
            frame = self._session.sql(self._catalogue.spark(sql))
            if not once:
                frame = self._stored(relation, frame)
        self._catalogue.create(relation, sql)
        self._bind(relation, frame)

    def view(self, relation: str, sql: str) -> None:
        """Name a query."""
        self._catalogue.view(relation, sql)
        self._views[relation] = sql
        self._session.sql(self._catalogue.spark(sql)).createOrReplaceTempView(relation)

    def fetch(self, sql: str) -> pa.Table:
        """Return a query's rows as one Arrow table, with DuckDB's types."""
        from stillhunt.engines.unsigned import unsigned

        schema = self._catalogue.schema_of(sql)
        with self._failures_explained():
            return unsigned(self._session.sql(self._catalogue.spark(sql)).toArrow(), schema)

    def drop(self, relation: str) -> None:
        """Forget a relation and delete its files."""
        self._catalogue.drop(relation)
        self._session.catalog.dropTempView(relation)
        if relation in self._folders:
            self._delete(self._folders.pop(relation))

    def close(self) -> None:
        """Delete the working folder; stop the session where this engine started it."""
        self._catalogue.close()
        try:
            self._delete(self._work)
        finally:
            if self._mine:
                self._session.stop()

    def _stored(self, relation: str, frame: Any) -> Any:
        self._made += 1
        folder = f"{self._work}/{relation}-{self._made}"
        frame.write.parquet(folder)
        before = self._folders.get(relation)
        self._folders[relation] = folder
        if before is not None:
            self._delete(before)
        return self._session.read.schema(frame.schema).parquet(folder)

    def _bind(self, relation: str, frame: Any) -> None:
        """Give a relation its rows; views that look at it look at the new ones from now on."""
        frame.createOrReplaceTempView(relation)
        self._views.pop(relation, None)
        for name, sql in self._views.items():
            self._session.sql(self._catalogue.spark(sql)).createOrReplaceTempView(name)

    def _delete(self, folder: str) -> None:
        if folder.startswith("file:"):
            shutil.rmtree(folder.removeprefix("file://"), ignore_errors=True)
            return
        context = self._session.sparkContext
        path = context._jvm.org.apache.hadoop.fs.Path(folder)
        path.getFileSystem(context._jsc.hadoopConfiguration()).delete(path, True)

    @contextmanager
    def _watched(self, done: Callable[[int], None]) -> Iterator[None]:
        """Say how many tasks are done while a job runs."""
        tracker = self._session.sparkContext.statusTracker()
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.5):
                infos = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
                done(sum(info.numCompletedTasks for info in infos if info is not None))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @contextmanager
    def _failures_explained(self) -> Iterator[None]:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            yield
        except (PySparkException, Py4JError) as error:
            text = str(error)
            if re.search(r"No space left|Permission denied|Mkdirs failed|No FileSystem for scheme|AccessDenied", text):
                line = next(line for line in text.splitlines() if line.strip())
                raise StoreError(
                    f"The working folder {self._work} failed: {line.strip()[:400]}\n"
                    "Give another with `--work` that the driver and every executor can write."
                ) from error
            raise


class _Mapped:
    """What an executor runs: pieces by number → their batches, and one row with the summary of each."""

    def __init__(self, pieces: Sequence[Any], mapper: Mapper, schema: pa.Schema) -> None:
        self._pieces = pieces
        self._mapper = mapper
        self._schema = schema

    def __call__(self, numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from stillhunt.engines.unsigned import signed

        nothing = [pa.nulls(1, field.type) for field in self._schema][:-2]
        for number in (n for batch in numbers for n in batch.column(0).to_pylist()):
            summary: object = None
            try:
                for item in self._mapper(self._pieces[number]):
                    if not isinstance(item, pa.RecordBatch):
                        summary = item
                    elif item.num_rows:
                        columns = [*signed(item).columns, *(pa.nulls(item.num_rows, f.type) for f in list(self._schema)[-2:])]
                        yield pa.RecordBatch.from_arrays(columns, schema=self._schema)
            except StillhuntError as error:
                summary = error
            last = [pa.array([number], pa.int64()), pa.array([pickle.dumps(summary)], pa.binary())]
            yield pa.RecordBatch.from_arrays([*nothing, *last], schema=self._schema)


def opened(config: Config, work: Path, *, master: str | None, conf: Mapping[str, str]) -> SparkEngine:
    """Return the engine of a run; raise `ConfigError` where executors could not see its working folder."""
    if config.work is None and not _on_this_machine(master or os.environ.get("MASTER") or "local[*]"):
        raise ConfigError(
            "A cluster needs a working folder that the driver and every executor can write, and none was given.\n"
            "Give one with `--work`, like s3a://bucket/stillhunt or a folder of a shared file system."
        )
    return SparkEngine(config.work or work, master=master, conf=conf, memory_mb=config.memory_mb)


def _open(master: str | None, conf: Mapping[str, str], memory_mb: int) -> tuple[Any, bool]:
    """Return a session of our own, and whether Spark was started for it."""
    try:
        with _silent_about_pandas():
            from pyspark.errors import PySparkRuntimeError
            from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigError(_missing(error)) from error
    running = SparkSession.getActiveSession()
    if running is None:
        _look_for_java()
        address = master or os.environ.get("MASTER") or "local[*]"
        _look_for_master(address)
        # PySpark reads the Python of executors from the environment alone.
        python = conf.get("spark.pyspark.python") or (sys.executable if _on_this_machine(address) else None)
        if python is not None:
            os.environ.setdefault("PYSPARK_PYTHON", python)
        builder = SparkSession.builder.appName("stillhunt").master(address)
        for name, value in {**_static(address, memory_mb), **_ALWAYS, **conf}.items():
            builder = builder.config(name, value)
        try:
            with _silent_about_pandas():
                session = builder.getOrCreate()
        except PySparkRuntimeError as error:
            raise ConfigError(f"Spark did not start: {error}\nSee what it printed above, and `--master`.") from error
    else:
        session = running.newSession()
        for name, value in {**_ALWAYS, **conf}.items():
            session.conf.set(name, value)
    return session, running is None


@contextmanager
def _silent_about_pandas() -> Iterator[None]:
    """Keep PySpark from warning of pandas 3, which it looks for but which nothing here goes through."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        yield


def _static(master: str, memory_mb: int) -> dict[str, str]:
    """Return the settings of a Spark that is started here."""
    settings = {
        "spark.driver.memory": f"{memory_mb}m",
        "spark.driver.maxResultSize": f"{memory_mb}m",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.executorEnv.PYTHONWARNINGS": "ignore::FutureWarning",
    }
    if _on_this_machine(master):
        settings |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.enabled": "false",
        }
    return settings


def _on_this_machine(master: str) -> bool:
    return master.startswith("local") or urlsplit(master).hostname in ("127.0.0.1", "localhost", "::1")


def _look_for_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if not (home and Path(home, "bin", "java").exists()) and shutil.which("java") is None:
        raise ConfigError(
            "Spark needs Java 17 or newer, and there is no `java` here.\n"
            "Install one (`apt install openjdk-17-jre-headless`), or set JAVA_HOME to where it is."
        )


def _look_for_master(master: str) -> None:
    """See that somebody listens at `spark://host:port`, because Spark itself tries for a minute."""
    for host, port in re.findall(r"([^/:,]+):(\d+)", master) if master.startswith("spark://") else ():
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except OSError as error:
            failure = error
    if master.startswith("spark://"):
        raise ConfigError(f"No Spark master answers at {master}: {failure}.\nStart it, or correct `--master`.")


def _missing(error: ImportError) -> str:
    return (
        f"The Spark engine needs packages that are not installed: {error}.\n"
        'Install them with `pip install "stillhunt[spark]"`.'
    )


def _uri(work: str | Path) -> str:
    """Return a folder as a URI that Spark takes literally, a URI as it is (with the slash it lost as a path)."""
    found = re.match(r"^([A-Za-z][A-Za-z0-9+.-]+):/+(.*)$", str(work))
    if found is None or found.group(1).lower() == "file":
        path = Path(urlsplit(str(work)).path if found else work)
        return f"file://{path.resolve()}"
    return f"{found.group(1)}://{found.group(2)}".rstrip("/")
