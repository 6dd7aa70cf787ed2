"""A hunt with evidence, as tests of sealing and verifying share it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stillhunt import pipeline, worlds
from stillhunt.evidence import Evidence
from stillhunt.model import Hunt
from stillhunt.seal.keys import FileSigner, generate
from strategies import SECRET


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
