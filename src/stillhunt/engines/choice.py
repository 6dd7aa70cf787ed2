"""The engine of a run, by its name; each is imported only when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stillhunt.config import Config
from stillhunt.engines import Engine
from stillhunt.errors import ConfigError


def opened(name: str, config: Config, work: Path, *, master: str | None, conf: Mapping[str, str] | None) -> Engine:
    """
    Return the engine called `name`, `duckdb` or `spark`, with `work` for what it stores.

    Raises `ConfigError` for another name, for settings of Spark without Spark, and where it cannot start.
    """
    if name == "spark":
        from stillhunt.engines import spark

        return spark.opened(config, work, master=master, conf=conf or {})
    if name != "duckdb":
        raise ConfigError(f"There is no engine `{name}`.\nName one of duckdb, spark.")
    if master is not None or conf:
        raise ConfigError("A master and settings of Spark are for the engine `spark`.\nName it with `--engine spark`.")
    from stillhunt.engines.duckdb import DuckDBEngine

    return DuckDBEngine(work, threads=config.threads, memory_mb=config.memory_mb)
