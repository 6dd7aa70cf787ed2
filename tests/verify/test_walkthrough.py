"""The stranger's page: its commands, one after another, lead from nothing to a verified dossier."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from stillhunt.cli import main
from tools import verify_dossier as second

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "verify-a-dossier.md"


NONE_LEFT = re.compile(r"numbers:? (?:holds,? )?5\d\d reproduced \([^)]*\), 0 not reproduced(?! *,)")
"""Every number is reproduced: nothing follows that would need something."""


def commands() -> list[list[str]]:
    """Return the commands of the page, in order."""
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line]


def test_the_page_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every command of the page succeeds, and both verifiers find that everything holds and reproduce the same numbers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STILLHUNT_KEY_FILE", str(tmp_path / "deployment.key"))
    (tmp_path / "docs").symlink_to(PAGE.parents[1])
    made = ["simulate", "keys", "commit", "hunt", "report", "disclose", "disclose"]
    campaign = ""
    followed, told = [], False
    for command in commands():
        words = [campaign if word == "CAMPAIGN" else word for word in command]
        capfd.readouterr()
        if words[:2] == ["python", "tools/verify_dossier.py"]:
            assert second.main(words[2:]) == 0
            out = capfd.readouterr().out
            assert "DOES NOT HOLD" not in out
            assert NONE_LEFT.search(out)
        else:
            assert words[0] == "stillhunt"
            assert main(words[1:]) == 0, capfd.readouterr().err
            out = capfd.readouterr().out
            campaign = next(iter(re.findall(r"campaign-\w+", out)), campaign) if words[1] == "hunt" else campaign
            if words[1] == "verify":
                assert "21 of 21 days of the log" in out
                assert "Everything that was checked holds." in out
                assert NONE_LEFT.search(" ".join(out.split()))
                told = told or "trait records were committed as they are shown (device, " in " ".join(out.split())
        followed.append(words[1])
    assert followed == [*made, "verify", "verify", "verify", "tools/verify_dossier.py"]
    assert told
