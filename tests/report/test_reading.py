"""What a hunt wrote is read back as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stillhunt.errors import ConfigError, StoreError
from stillhunt.model import Hunt
from stillhunt.report import campaigns_json
from stillhunt.report.reading import campaign_of, read_hunt


def test_a_hunt_read_back_writes_the_same_bytes(small_hunt: Hunt, tmp_path: Path) -> None:
    """Reading loses nothing that is written, exhibits included."""
    (tmp_path / "campaigns.json").write_bytes(campaigns_json(small_hunt))
    assert campaigns_json(replace(read_hunt(tmp_path))) == campaigns_json(small_hunt)


def test_a_hunt_made_by_hand_is_read_too(hunt: Hunt, tmp_path: Path) -> None:
    """A hunt without exhibits, with names of every kind, is read back."""
    (tmp_path / "campaigns.json").write_bytes(campaigns_json(hunt))
    assert campaigns_json(read_hunt(tmp_path)) == campaigns_json(hunt)


def test_what_is_no_hunt_is_refused(tmp_path: Path) -> None:
    """A missing file, another file and a cut file are errors that say what to give."""
    with pytest.raises(StoreError, match="--hunt"):
        read_hunt(tmp_path)
    (tmp_path / "campaigns.json").write_text('{"schema": "something/else"}')
    with pytest.raises(StoreError, match="stillhunt/campaigns/v1"):
        read_hunt(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_cut_file_is_an_error_not_a_crash(hunt: Hunt, tmp_path: Path, share: float) -> None:
    """However much is missing from its end, the file is refused in words."""
    whole = campaigns_json(hunt)
    (tmp_path / "campaigns.json").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(StoreError, match="cut off"):
        read_hunt(tmp_path)


def test_an_unknown_campaign_is_named_with_those_there_are(hunt: Hunt) -> None:
    """A wrong id suggests the nearest and lists the rest."""
    with pytest.raises(ConfigError, match=r"Did you mean `C-1`[\s\S]*C-1, C-2, C-3"):
        campaign_of(hunt, "C1")
