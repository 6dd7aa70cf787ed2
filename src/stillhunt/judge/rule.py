"""The settings of the whole rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from stillhunt.model import Profile


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """The settings of the whole rule; `tag` names a set of account ids; `labels` names trait kinds."""

    level: float
    membership_level: float
    declared_customers: float
    rho0: float
    draws: int
    seed: int
    tag: Callable[[list[str]], str]
    labels: Mapping[str, str]
    profile: Callable[[pa.Table], Profile]
    not_seen: tuple[str, ...]
