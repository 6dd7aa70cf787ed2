"""One hunt with evidence, and the dossier of its largest campaign, sealed: what all tests of verification share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hunted import Hunted

from stillhunt.seal.canonical import Json, canonical
from stillhunt.seal.dossier import add_evidence, files_of, seal_dossier
from stillhunt.verify import recompute

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


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
