"""The three files, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stillhunt import report
from stillhunt.errors import StoreError
from stillhunt.model import Hunt
from stillhunt.report.files import write_whole


def test_a_hunt_becomes_three_files(hunt: Hunt, tmp_path: Path) -> None:
    """Names, content, and nothing else beside them; the folder is made where it is missing."""
    out = tmp_path / "a" / "b"
    written = report.write(hunt, out)
    assert sorted(written) == ["accounts.parquet", "campaigns.json", "report.html"]
    assert sorted(p.name for p in out.iterdir()) == sorted(written)
    assert written["campaigns.json"].read_bytes() == report.campaigns_json(hunt)
    assert written["report.html"].read_text("utf-8") == report.html(hunt)
    assert pq.read_table(written["accounts.parquet"]).equals(report.accounts_table(hunt))


def test_writing_twice_gives_the_same_bytes(hunt: Hunt, tmp_path: Path) -> None:
    """A second writing replaces the first and changes nothing."""
    first = {name: path.read_bytes() for name, path in report.write(hunt, tmp_path).items()}
    second = {name: path.read_bytes() for name, path in report.write(hunt, tmp_path).items()}
    assert first == second


def test_a_folder_that_is_a_file_is_said_with_a_next_step(void: Hunt, tmp_path: Path) -> None:
    """The message names the place, the cause and what to do."""
    place = tmp_path / "taken"
    place.write_text("here already")
    with pytest.raises(StoreError) as caught:
        report.write(void, place)
    assert str(place) in str(caught.value)
    assert "cannot be written here" in str(caught.value)
    assert "`--out`" in str(caught.value)
    assert place.read_text() == "here already"


def test_when_one_file_cannot_be_written_the_old_ones_stay(tmp_path: Path) -> None:
    """Nothing is replaced before everything is on disk, and no part is left behind."""
    (tmp_path / "old.json").write_bytes(b"old")
    with pytest.raises(StoreError):
        write_whole({"old.json": b"new", "missing/folder.json": b"new"}, tmp_path)
    assert (tmp_path / "old.json").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["old.json"]
