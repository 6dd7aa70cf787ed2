"""One hunt with evidence, and the dossier of its largest campaign, sealed: what all tests of verification share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stillhunt import pipeline, worlds
from stillhunt.evidence import Evidence
from stillhunt.model import Hunt
from stillhunt.seal.canonical import Json, canonical
from stillhunt.seal.dossier import add_evidence, files_of, seal_dossier
from stillhunt.seal.keys import FileSigner, generate
from stillhunt.verify import recompute
from strategies import SECRET

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hunted:
    """A hunt, the folder of its results, the folder of its evidence, and who signed the journal."""

    hunt: Hunt
    out: Path
    evidence: Path
    signer: FileSigner

    @property
    def campaign(self) -> str:
        """The id of the largest campaign."""
        return self.hunt.campaigns[0].id

    @property
    def bundle(self) -> Path:
        """The replay bundle of that campaign."""
        return self.out / "bundles" / self.campaign


def hunted_in(folder: Path, world: worlds.World) -> Hunted:
    """Hunt a world and keep evidence, the journal signed."""
    signer = generate(folder / "seal.key", None)
    evidence = Evidence(folder=folder / "evidence", bundles=folder / "out" / "bundles", signer=signer)
    hunt = pipeline.hunt(
        world.exchanges, accounts=world.accounts, events=world.events, key=SECRET, threads=2, evidence=evidence
    )
    return Hunted(hunt=hunt, out=folder / "out", evidence=folder / "evidence", signer=signer)


def written(folder: Path, hunted: Hunted, values: Mapping[str, Json]) -> None:
    """Write a dossier that says each value, without sealing it."""
    folder.mkdir(parents=True)
    numbers: list[Json] = [
        {"id": f"n{i}", "label": name, "needs": None, "recipe": name, "section": "6", "value": value}
        for i, (name, value) in enumerate(sorted(values.items()))
    ]
    numbers.append(
        {"id": "m", "label": "calls in the log", "needs": "the log", "recipe": None, "section": "4", "value": 1}
    )
    (folder / "dossier.json").write_bytes(canonical({"campaign": hunted.campaign, "numbers": numbers}))
    (folder / "dossier.html").write_text("<p>A dossier.</p>", encoding="utf-8")
    add_evidence(folder, hunt=hunted.out, campaign=hunted.campaign)


@pytest.fixture(scope="session")
def hunted(small_world: worlds.World, tmp_path_factory: pytest.TempPathFactory) -> Hunted:
    """The small world, hunted with evidence."""
    return hunted_in(tmp_path_factory.mktemp("hunted"), small_world)


@pytest.fixture(scope="session")
def values(hunted: Hunted) -> dict[str, Json]:
    """What the bundle of its largest campaign gives."""
    return recompute(hunted.bundle)


@pytest.fixture(scope="session")
def sealed(hunted: Hunted, values: dict[str, Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed dossier of that campaign; copy it before changing it."""
    folder = tmp_path_factory.mktemp("sealed") / "dossier"
    written(folder, hunted, values)
    seal_dossier(folder, signer=hunted.signer, now=NOW)
    return folder


@pytest.fixture(scope="session")
def files(sealed: Path) -> dict[str, bytes]:
    """The files of the sealed dossier."""
    return files_of(sealed)
