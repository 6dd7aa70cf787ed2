"""One campaign of the small world as a dossier: bare, and with a case file, a bundle and an earlier campaign."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillhunt.model import Campaign, Hunt
from stillhunt.report import write
from stillhunt.report.dossier import Case, Dossier, PastCampaign, dossier, read_case
from stillhunt.report.reading import read_hunt

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "example-case.toml"


@pytest.fixture(scope="session")
def hunt_folder(small_hunt: Hunt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a hunt of the small world left."""
    folder = tmp_path_factory.mktemp("hunt")
    write(small_hunt, folder)
    return folder


@pytest.fixture(scope="session")
def finished(hunt_folder: Path) -> Hunt:
    """That hunt, read back."""
    return read_hunt(hunt_folder)


@pytest.fixture(scope="session")
def campaign(finished: Hunt) -> Campaign:
    """Its largest campaign."""
    return finished.campaigns[0]


@pytest.fixture(scope="session")
def example() -> Case:
    """The case file of the docs."""
    return read_case(EXAMPLE)


@pytest.fixture(scope="session")
def bare(finished: Hunt, campaign: Campaign) -> Dossier:
    """A dossier to which the operator supplied nothing."""
    return dossier(finished, campaign)


@pytest.fixture(scope="session")
def full(finished: Hunt, campaign: Campaign, example: Case) -> Dossier:
    """A dossier with a case file, an earlier campaign, a bundle that gives every figure, and a seal to come."""
    assert campaign.exhibits is not None
    past = PastCampaign(name="the second", campaign=finished.campaigns[1], n_owners=finished.n_owners, same_key=True)
    return dossier(
        finished,
        campaign,
        case=example,
        past=(past,),
        recomputed=dict(campaign.exhibits.figures),
        integrity={"bundle_sha256": "ab" * 32, "configuration_sha256": "cd" * 32, "records": 4242},
    )
