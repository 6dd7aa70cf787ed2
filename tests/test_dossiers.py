"""From a finished hunt to a dossier on disk, as the command line does it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillhunt import printing, report
from stillhunt.cli import main
from stillhunt.model import Hunt

EXAMPLE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "example-case.toml"


@pytest.fixture(scope="module")
def folder(small_hunt: Hunt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a hunt left."""
    place = tmp_path_factory.mktemp("run")
    report.write(small_hunt, place)
    return place


def command(*arguments: object) -> int:
    """Run `stillhunt report` with some arguments."""
    return main([str(a) for a in ("report", *arguments, "--quiet")])


def test_three_files_and_their_names_on_stdout(
    small_hunt: Hunt, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Page, JSON and letter are written; running it again writes the same bytes over them."""
    name = small_hunt.campaigns[0].id
    arguments = (name, "--hunt", folder, "--out", tmp_path / "out", "--case", EXAMPLE)
    assert command(*arguments) == 0
    written = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    assert set(written) == {"dossier.html", "dossier.json", "letter.html"}
    assert capsys.readouterr().out.count(str(tmp_path / "out")) == 3
    assert json.loads(written["dossier.json"])["campaign"] == name
    assert command(*arguments) == 0
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == written


def test_acceptance_is_shown_account_by_account(
    small_hunt: Hunt, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a CSV beside the case file: who accepted when, by tags; no id of an account is written; mistakes name the line."""
    campaign = small_hunt.campaigns[0]
    names = [m.account_id for m in campaign.members]
    terms = f"[[terms]]\nname = 'Terms'\nversion = '7'\nsha256 = '{'ab' * 32}'\nrecords = 'who.csv'\n"
    (tmp_path / "case.toml").write_text(terms)
    (tmp_path / "who.csv").write_text(
        f"account_id,accepted\n{names[0]},2026-01-15\n{names[0]},2026-02-15\n{names[1]},2027-01-01\nsomebody else,2026-01-01\n"
    )
    arguments = (campaign.id, "--hunt", folder, "--out", tmp_path / "out", "--case", tmp_path / "case.toml")
    assert command(*arguments) == 0
    page = (tmp_path / "out" / "dossier.html").read_text()
    lines = {n["label"]: n for n in json.loads((tmp_path / "out" / "dossier.json").read_bytes())["numbers"]}
    assert lines["accounts with a record of acceptance of Terms"]["value"] == 2
    assert campaign.exhibits is not None
    assert [x.n_exchanges for x in campaign.exhibits.members] == [m.n_exchanges for m in campaign.members]
    assert lines[f"account {campaign.exhibits.members[0].tag} accepted Terms"]["value"] == "2026-01-15"
    assert page.count("no record") == len(names) - 2 and page.count("no, later") == 1
    assert not [name for name in names if name in page] and "somebody else" not in page
    for text, words in (("account_id,when\n", "not both here"), ("account_id,accepted\na,March\n", "who.csv:2")):
        (tmp_path / "who.csv").write_text(text)
        assert command(*arguments) == 2
        assert words in capsys.readouterr().err
    (tmp_path / "case.toml").write_text(terms + "accepted = 3\n")
    assert command(*arguments) == 2


def test_other_peoples_files_are_left_alone(small_hunt: Hunt, folder: Path, tmp_path: Path) -> None:
    """A letter that is no result of an earlier run is not overwritten."""
    (tmp_path / "letter.html").write_text("mine")
    assert command(small_hunt.campaigns[0].id, "--hunt", folder, "--out", tmp_path) == 2
    assert (tmp_path / "letter.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"campaign": "campaign-nothing"}, "There is no campaign `campaign-nothing`"),
        ({"--hunt": "nowhere"}, "--hunt"),
        ({"--case": "nowhere.toml"}, "--case"),
    ],
)
def test_mistakes_are_explained(
    small_hunt: Hunt,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    words: str,
) -> None:
    """A wrong campaign, folder or case file ends with status 2 and a sentence; nothing is written."""
    given: dict[str, object] = {"--hunt": folder, "--out": tmp_path / "out", **change}
    campaign = given.pop("campaign", small_hunt.campaigns[0].id)
    assert command(campaign, *(part for pair in given.items() for part in pair)) == 2
    assert words in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_earlier_campaigns_are_read_beside_the_case_file(small_hunt: Hunt, folder: Path, tmp_path: Path) -> None:
    """A hunt named in `[[past]]` is found from the case file's folder, and compared; a missing one is an error."""
    first, second = (c.id for c in small_hunt.campaigns[:2])
    (tmp_path / "case.toml").write_text(f'[[past]]\nhunt = "{folder}"\ncampaign = "{second}"\nname = "autumn"\n')
    arguments = (first, "--hunt", folder, "--out", tmp_path / "out", "--case", tmp_path / "case.toml")
    assert command(*arguments) == 0
    assert "Beside autumn" in (tmp_path / "out" / "dossier.html").read_text("utf-8")
    (tmp_path / "case.toml").write_text(f'[[past]]\nhunt = "gone"\ncampaign = "{second}"\nname = "autumn"\n')
    assert command(*arguments) == 2


def test_without_a_chromium_pdf_is_refused_before_anything_is_written(
    small_hunt: Hunt, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--pdf` on a machine without a Chromium says what to install or do instead."""
    monkeypatch.setattr(printing.shutil, "which", lambda _: None)
    assert command(small_hunt.campaigns[0].id, "--hunt", folder, "--out", tmp_path / "out", "--pdf") == 2
    assert "STILLHUNT_CHROMIUM" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []
