"""
Evidence end to end: what an outsider reproduces of every campaign's dossier, and what a disclosure costs.

    python bench/evidence.py [--worlds small:2 joins:3] [--case docs/how-to/example-case.toml]

1. Hunts each world with evidence, and writes and seals the dossier of each campaign.
2. Verifies each with `stillhunt verify` and with `tools/verify_dossier.py`: numbers by what became of them, CPU seconds, bytes.
3. Discloses 50 records of the log, drawn by a word, and 50 chosen by their ids; both verifiers check both.

Writes `bench/results/evidence.md`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from stillhunt import dossiers, pipeline, report, worlds
from stillhunt.digest import Key
from stillhunt.disclosing import disclose
from stillhunt.evidence import Evidence
from stillhunt.seal.dossier import add_evidence, files_of, integrity, seal_dossier
from stillhunt.seal.keys import FileSigner, generate
from stillhunt.verify import Trust, Verdict, evidence_of, verify

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
KEY = b"stillhunt benchmark key, public"
SHOWN = 50
sys.path.insert(0, str(ROOT / "tools"))

import verify_dossier as second  # noqa: E402 - it lies in tools/, which is no package of ours


def sealed_dossier(hunt: Path, campaign: str, out: Path, case: Path, signer: FileSigner) -> None:
    """Write and seal the dossier of one campaign."""
    out.mkdir(parents=True)
    dossiers.write(
        campaign, hunt=hunt, out=out, case=case, recomputed=evidence_of(hunt, campaign), integrity=integrity(hunt, campaign)
    )
    add_evidence(out, hunt=hunt, campaign=campaign)
    seal_dossier(out, signer=signer, now=datetime.now(UTC))


def timed(folder: Path) -> tuple[Verdict, float, dict[str, object], float]:
    """Return both verdicts on a dossier with the CPU seconds each took."""
    start = time.process_time()
    first = verify(folder, Trust())
    between = time.process_time()
    other = second.verify(files_of(folder), None)
    return first, between - start, other, time.process_time() - between


def disclosures(folder: Path, evidence: Path, ids: list[str], work: Path) -> list[str]:
    """Return a row for each way of choosing records: how many of how many, bytes, and CPU seconds of both verifiers."""
    rows = []
    for name, chosen in (("a word of the receiver's", {"sample": SHOWN, "word": "seventeen green bottles"}), ("ids", {"ids": ids})):
        out = work / f"{name}.json"
        start = time.process_time()
        n = disclose(folder, evidence, out, key=Key(KEY), **chosen)
        made = time.process_time() - start
        start = time.process_time()
        first = next(c for c in verify(folder, Trust(), out).checks if c.name == "disclosed records")
        checked = time.process_time() - start
        agreed = first.status == "holds" and not second.verify(files_of(folder), None, out.read_bytes())["failed"]
        rows.append(f"| {name} | {n} | {out.stat().st_size:,} | {made:.2f} | {checked:.2f} | {'both' if agreed else 'NOT BOTH'} |")
    return rows


def measured(name: str, seed: int, case: Path, work: Path) -> tuple[list[str], list[str]]:
    """Hunt a world and return rows of its dossiers and of disclosures."""
    world = worlds.make(name, seed)
    signer = generate(work / f"{name}.key", None)
    evidence = Evidence(folder=work / name / "evidence", bundles=work / name / "hunt" / "bundles", signer=signer)
    hunt = pipeline.hunt(world.exchanges, world.accounts, world.events, key=KEY, threads=2, evidence=evidence)
    report.write(hunt, work / name / "hunt")
    rows: list[str] = []
    for campaign in hunt.campaigns:
        folder = work / name / campaign.id
        sealed_dossier(work / name / "hunt", campaign.id, folder, case, signer)
        first, cpu, other, cpu_other = timed(folder)
        count = Counter(n.status for n in first.numbers)
        again = Counter(other["numbers"].values())  # type: ignore[attr-defined]
        joins = sorted({t for t in re.findall(r"-(replay|feedback|takeover)\.npz", " ".join(files_of(folder)))})
        table = sum(n for status, n in count.items() if status.startswith("needs the published"))
        rows.append(
            f"| {name} {seed} | {len(campaign.members)} | {', '.join(joins) or '–'} |"
            f" {count['reproduced']} / {again['reproduced']} |"
            f" {count['not reproduced']} / {again['not reproduced']} | {count['needs the log']} | {count['needs the case file']} |"
            f" {count['needs the events table']} | {table} | {count['needs nothing: a constant of the rule']} |"
            f" {cpu:.1f} / {cpu_other:.1f} | {sum(p.stat().st_size for p in (folder / 'bundle').iterdir()) / 1e6:.2f} |"
        )
        print(rows[-1], flush=True)
    ids = world.exchanges.column("exchange_id").to_pylist()
    chosen = ids[17 :: max(1, len(ids) // SHOWN)][:SHOWN]
    shown = disclosures(work / name / hunt.campaigns[0].id, evidence.folder, chosen, work)
    return rows, [f"| {len(ids):,} {row}" for row in shown]


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n\n")[0])
    parser.add_argument("--worlds", nargs="+", default=["small:2", "joins:3"])
    parser.add_argument("--case", type=Path, default=ROOT / "docs" / "how-to" / "example-case.toml")
    given = parser.parse_args()
    dossier_rows, shown_rows = [], []
    with tempfile.TemporaryDirectory() as folder:
        for spec in given.worlds:
            name, _, seed = spec.partition(":")
            rows, shown = measured(name, int(seed), given.case, Path(folder))
            dossier_rows += rows
            shown_rows += shown
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    lines = [
        "# What an outsider reproduces",
        "",
        f"`python bench/evidence.py --worlds {' '.join(given.worlds)}`, commit {commit}.",
        "Two numbers with a stroke between them are of `stillhunt verify` and of `tools/verify_dossier.py`. Every dossier has the",
        "case file of the docs.",
        "",
        "| world | accounts | joins in the bundle | reproduced | not reproduced | need the log | the case file | the events table |"
        " a published table | constants | CPU s | bundle, MB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        *dossier_rows,
        "",
        "## Disclosure",
        "",
        "| records of the log | chosen by | shown | bytes | CPU s to make | CPU s to verify, with all else | holds in |",
        "|---|---|---|---|---|---|---|",
        *shown_rows,
        "",
    ]
    (RESULTS / "evidence.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
