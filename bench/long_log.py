"""What the benchmarks of long logs share: a window of 45 days, a world in it, and a meter of what each stage takes."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

DAYS = 45
SEED = 45
KEY = b"stillhunt benchmark key, public"
STAGES = ("digest", "accounts", "traits", "links", "judge")


def long_clock() -> None:
    """Let worlds last 45 days in this process: every module that has read how long they last is told anew."""
    import stillhunt.worlds.clock as clock

    told = {"DAYS": DAYS, "END": clock.START + DAYS * clock.DAY}
    for name, module in list(sys.modules.items()):
        if name.startswith("stillhunt.worlds."):
            vars(module).update({key: value for key, value in told.items() if hasattr(module, key)})


@dataclass(slots=True)
class Meter:
    """CPU and wall seconds of each stage of a run."""

    cpu: dict[str, float] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)
    _stage: str = ""
    _at: tuple[float, float] = (0.0, 0.0)

    def __call__(self, stage: str, share: float) -> None:
        """Take the time when a stage begins."""
        if stage == self._stage:
            return
        now = (time.process_time(), time.monotonic())
        if self._stage:
            self.cpu[self._stage] = self.cpu.get(self._stage, 0.0) + now[0] - self._at[0]
            self.wall[self._stage] = self.wall.get(self._stage, 0.0) + now[1] - self._at[1]
        self._stage, self._at = stage, now


def written(folder: Path, exchanges: int) -> list[Path]:
    """Write the world unless it is there; return its days in order."""
    from stillhunt import worlds

    if not (folder / "truth.parquet").exists():
        worlds.write_large(folder, SEED, exchanges)
    return sorted((folder / "exchanges").glob("day=*"))


def size_of(folder: Path) -> float:
    """Return the MiB of all files under a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20
