"""The benchmark at the reported campaign's size does what it says, at a tiny setting."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import subprocess
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with steps in this process and a window as long as that of other worlds."""
    monkeypatch.syspath_prepend(str(BENCH))
    module = importlib.import_module("seed_scale")

    def ran(command: list[str], **named: Any) -> SimpleNamespace:
        if command[0] == "git":
            return SimpleNamespace(stdout="0000000\n")
        words = command[command.index("--child") + 1 :]
        size = module.Size(Fraction(command[command.index("--scale") + 1]), int(command[command.index("--volume") + 1]))
        with contextlib.redirect_stdout(io.StringIO()) as said:
            module.child(Path(command[command.index("--folder") + 1]), size, words)
        return SimpleNamespace(returncode=0, stdout=said.getvalue(), stderr="")

    monkeypatch.setattr(subprocess, "run", ran)
    return module


def test_every_day_is_stored_and_hunted_and_thrown_away(bench: ModuleType, tmp_path: Path) -> None:
    """
    The hunt of the last day sees every exchange of the plan; no log of a day and no plan of it is left; the table says so.

    Run again, no step is done twice, and a folder of another setting is refused.
    """
    steps = bench.Steps(tmp_path, bench.Size(Fraction(1, 30_000), 1))
    bench.run(steps)
    planned = sum(row["rows"] for row in steps.of("plan"))
    hunted = steps.of("hunt")[0]
    assert planned == sum(row["rows"] for row in steps.of("write")) == hunted["exchanges"] > 10_000
    assert not list((tmp_path / "raw").iterdir()) and not list((tmp_path / "plan").iterdir())
    truth = pq.read_table(tmp_path / "truth.parquet")
    assert truth.num_rows >= hunted["accounts"] and len(set(truth.column("cohort").to_pylist())) == 20
    assert "1 of 1 campaigns of 25 or more accounts found" in hunted["found"]
    text = bench.page(steps)
    assert f": {hunted['exchanges']:,} exchanges" in text and "not run" in text
    before = (tmp_path / "steps.jsonl").read_text()
    bench.run(bench.Steps(tmp_path, steps.size))
    assert (tmp_path / "steps.jsonl").read_text() == before
    with pytest.raises(SystemExit, match="another setting"):
        bench.Steps(tmp_path, bench.Size(Fraction(1, 300), 1))


def test_a_step_that_was_cut_off_is_done_again(bench: ModuleType, tmp_path: Path) -> None:
    """A line of `steps.jsonl` that was only half written does not count and goes; whole ones do."""
    size = bench.Size(Fraction(1, 30_000), 1)
    bench.Steps(tmp_path, size)
    (tmp_path / "steps.jsonl").write_text(json.dumps({"step": "plan 0 1", "rows": 3}) + '\n{"step": "side", "cp')
    assert set(bench.Steps(tmp_path, size).done) == {"plan 0 1"}
    assert (tmp_path / "steps.jsonl").read_text().endswith("}\n")


def test_the_whole_size_is_that_of_the_reported_campaign(bench: ModuleType) -> None:
    """At scale 1 the recipes ask for at least 500,000 accounts, 25,000 of them in campaigns, and every kind of look-alike."""
    from stillhunt.worlds.worlds import LOOKALIKES

    recipes = bench.Size(Fraction(1), bench.VOLUME).recipes()
    assert len(recipes) == bench.PARTS
    campaigns = sum(r.operators[0] for r in recipes)
    assert 24_000 <= campaigns * bench.IN_CAMPAIGN <= 26_000
    others = sum(count * (least + most) / 2 for r in recipes for count, least, most in r.groups.values())
    assert sum(r.singles for r in recipes) + others + campaigns * bench.IN_CAMPAIGN >= 500_000
    assert {name for r in recipes for name in r.groups} == set(LOOKALIKES)
