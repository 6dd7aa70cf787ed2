"""From nothing to a report with one command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from stillhunt.backtest import score_files


def demo(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the demonstration on a small world, as a person would, in a process of its own."""
    command = [sys.executable, "-m", "stillhunt", "demo", "--world", "small", "--seed", "5", "--out", str(out), *more]
    environment = {**os.environ, "CI": "true", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, env=environment)


def test_demo_leads_from_nothing_to_a_report(tmp_path: Path) -> None:
    """
    One command makes a world, hunts its files, and shows campaigns beside the truth.

    What it says agrees with the files that it wrote, and a second run, elsewhere, writes the same bytes.
    """
    first = demo(tmp_path / "one")
    assert first.returncode == 0, first.stderr
    assert first.stderr.splitlines()[0] == "Making a world …"
    truth = tmp_path / "one" / "world" / "truth.parquet"
    score = score_files(tmp_path / "one", truth)
    assert score.n_found >= 1
    assert f"Found {score.n_found} of {len(score.campaigns)} true campaigns" in first.stdout
    assert "Look-alikes accused: " in first.stdout
    for row in score.reported:
        assert row.id in first.stdout
    assert str(tmp_path / "one" / "report.html") in first.stdout

    second = demo(tmp_path / "two", "--json", "--quiet")
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == (tmp_path / "one" / "campaigns.json").read_text(encoding="utf-8")
    assert json.loads(second.stdout)["campaigns"]
    for name in ("campaigns.json", "accounts.parquet", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_demo_accuses_nobody_where_nobody_harvests(tmp_path: Path) -> None:
    """In a world without campaigns, the demonstration reports none and says so."""
    done = demo(tmp_path, "--world", "small_null", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "campaigns.json").read_text())["campaigns"] == []
    assert "No campaign was found" in done.stdout
