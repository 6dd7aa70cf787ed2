"""The settings of the whole rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillhunt.judge.sets import linkage_level
from stillhunt.judge.traffic import Salted
from stillhunt.model import Contrast, Profile


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """The settings of the whole rule; `tag` names a set of account ids, `salted` salts one; `labels` names trait kinds."""

    level: float
    membership_level: float
    declared_customers: float
    rho0: float
    draws: int
    seed: int
    tag: Callable[[list[str]], str]
    salted: Salted
    labels: Mapping[str, str]
    name: Callable[[str, list[str]], str]
    """A keyed tag of some strings for one purpose."""
    profile: Callable[[pa.Table], Profile]
    measured: Callable[[pa.Table], Any]
    contrast: Callable[[Any, Any], tuple[Contrast, ...]]
    """What was measured of a campaign's accounts beside what was of matched ones."""
    events: pa.Table
    not_seen: tuple[str, ...]
    keep: bool = False
    """Whether each campaign's replay bundle is made."""

    @property
    def linkage_level(self) -> float:
        """The part of the level that key 1 takes."""
        return linkage_level(self.level)

    @property
    def key2_level(self) -> float:
        """The part of the level that is left for key 2."""
        return self.level - self.linkage_level
