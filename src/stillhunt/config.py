"""Every setting, once: its default, its help text, its bounds. An unknown or impossible setting is a `ConfigError`."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from stillhunt.errors import ConfigError

_CORES = max(1, os.cpu_count() or 1)


def _setting(default: Any, help: str, low: float | None = None, high: float | None = None) -> Any:
    return field(default=default, metadata={"help": help, "low": low, "high": high})


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """
    The settings of a run. Build with `Config.of(...)` to have names checked with a suggestion.

    Raises `ConfigError` when a value is outside its bounds.
    """

    level: float = _setting(
        0.05, "campaigns: the share of reported campaigns that may be honest sets, at most, in expectation", 1e-6, 0.5
    )
    membership_level: float = _setting(
        0.05, "accounts: the share of a campaign's accounts that may not belong, at most, in expectation", 1e-6, 0.5
    )
    seed: int = _setting(0, "seed of every random draw; same logs, key and seed give the same bytes", 0, 2**31)
    declared_customers: float = _setting(
        4.0, "a set is disguised when it presents itself as at least this many unrelated customers", 2, 1000
    )
    rho0: float = _setting(
        0.05, "least subject coherence an honest linked group is assumed to have (set it from your own controls)", 0.001, 0.5
    )
    one_in: int = _setting(8, "keep one text shingle in this many", 1, 1024)
    draws: int = _setting(20000, "most Monte Carlo draws of one test", 199, 10**7)
    allow_left_out: float = _setting(
        0.0, "share of broken input that may be left out before the run refuses to go on", 0, 1
    )
    memory_mb: int = _setting(2048, "memory limit of queries, in MiB (they spill to disk beyond it)", 256, 2**20)
    threads: int = _setting(_CORES, "threads", 1, 1024)
    work: Path | None = _setting(None, "folder for intermediate files (default: a temporary one)")  # noqa: RUF009 (it is a field)

    def __post_init__(self) -> None:
        for f in fields(self):
            value, low, high = getattr(self, f.name), f.metadata["low"], f.metadata["high"]
            if low is not None and not low <= value <= high:
                raise ConfigError(
                    f"The setting `{f.name}` is {value}; it must lie between {low:g} and {high:g}.\n"
                    f"It means: {f.metadata['help']}."
                )

    @classmethod
    def of(cls, **settings: Any) -> Config:
        """Return a Config; an unknown name is an error that suggests the nearest known one."""
        known = [f.name for f in fields(cls)]
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f" Did you mean `{near[0]}`?" if near else ""
                raise ConfigError(f"There is no setting `{name}`.{hint}\nKnown settings: {', '.join(known)}.")
        return cls(**settings)
