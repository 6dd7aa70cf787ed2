"""
Evidence end to end: what an outsider reproduces of every campaign's dossier, and what sealing and disclosing cost.

    python bench/evidence.py [--worlds small:2 joins:3] [--records 50000] [--flips 2000] [--case docs/how-to/example-case.toml]

1. Makes a log of just so many records. Fixes its days without a hunt, hunts, writes and seals a dossier, verifies it with both
   verifiers, and shows 50 records: drawn by a word, and named by their ids; then the same log moved into one day, so that 50 of
   50,000 leaves are proved by one tree.
2. Turns one bit at a time anywhere in that dossier and in those disclosures, and asks both verifiers.
3. Hunts each world with evidence and verifies the dossier of each campaign: numbers by what became of them.

Times are CPU seconds of all threads. Writes `bench/results/evidence.md`.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import dossiers, pipeline, report, worlds
from stillhunt.committing import commit
from stillhunt.digest import Key
from stillhunt.disclosing import disclose
from stillhunt.evidence import JOURNAL, Evidence
from stillhunt.model import Hunt
from stillhunt.seal import journal
from stillhunt.seal.canonical import canonical, read
from stillhunt.seal.days import EXCHANGES, Fixing, fixings
from stillhunt.seal.dossier import add_evidence, files_of, integrity, seal_dossier
from stillhunt.seal.keys import FileSigner, generate
from stillhunt.seal.records import checked, disclosed
from stillhunt.verify import Trust, Verdict, evidence_of, verify
from stillhunt.verify.checks import FAILS
from stillhunt.verify.checks import integrity as integrity_of
from stillhunt.verify.dossier import SOURCES

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
T = TypeVar("T")
KEY = b"stillhunt benchmark key, public"
SHOWN = 50
WORD = "seventeen green bottles"
sys.path.insert(0, str(ROOT / "tools"))

import verify_dossier as second  # noqa: E402 - it lies in tools/, which is no package of ours


def timed(what: Callable[[], T]) -> tuple[T, float]:
    """Return what a call gives and the CPU seconds it took."""
    start = time.process_time()
    return what(), time.process_time() - start


def apart(command: list[str]) -> float:
    """Return the CPU seconds of a command in a process of its own, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def sealed_dossier(hunt: Path, campaign: str, out: Path, case: Path, signer: FileSigner) -> None:
    """Write and seal the dossier of one campaign."""
    out.mkdir(parents=True)
    dossiers.write(
        campaign, hunt=hunt, out=out, case=case, recomputed=evidence_of(hunt, campaign), integrity=integrity(hunt, campaign)
    )
    add_evidence(out, hunt=hunt, campaign=campaign)
    seal_dossier(out, signer=signer, now=datetime.now(UTC))


def hunted(world: worlds.World, work: Path, signer: FileSigner, evidence: Path) -> Hunt:
    """Hunt a world with evidence and write the results."""
    kept = Evidence(folder=evidence, bundles=work / "hunt" / "bundles", signer=signer)
    found = pipeline.hunt(world.exchanges, world.accounts, world.events, key=KEY, threads=2, evidence=kept)
    report.write(found, work / "hunt")
    return found


def size_of(folder: Path, pattern: str = "*") -> int:
    """Return the bytes of the files under a folder."""
    return sum(p.stat().st_size for p in folder.rglob(pattern) if p.is_file())


def proof_bytes(path: Path) -> int:
    """Return the bytes of a disclosure's proofs: 32 for each hash."""
    return 32 * sum(len(day["proof"]) for day in read(path.read_bytes(), path.name)["days"])  # type: ignore[index, call-overload]


def at_size(n: int, flips: int, case: Path, work: Path) -> tuple[list[str], list[str]]:
    """Seal, disclose and verify a log of n records; return rows of what it cost and of bits that were turned."""
    world = worlds.make("small", 2, max(0.1, n / 42_000))
    exchanges = world.exchanges.slice(0, n)
    assert exchanges.num_rows == n, "the world is too small"
    world = worlds.World(**{**{f: getattr(world, f) for f in world.__dataclass_fields__}, "exchanges": exchanges})
    work.mkdir(parents=True)
    signer, evidence, dossier = generate(work / "seal.key", None), work / "evidence", work / "dossier"
    kept: dict[str, Any] = {"key": Key(KEY), "now": datetime.now(UTC), "signer": signer, "threads": 2}
    commit(exchanges.slice(0, 500), world.accounts, evidence=work / "warm", **kept)  # compiles what is compiled on first use
    done, cost = timed(lambda: commit(exchanges, world.accounts, evidence=evidence, **kept))
    traits, chain = sum(d.traits.size for d in done.days), (evidence / JOURNAL).stat().st_size
    rows = [
        f"| fix {len(done.days)} days without a hunt (digest, {n:,} records and {traits:,} traits, journal and signature) |"
        f" {cost:.1f} | {size_of(evidence / 'records'):,} of records, {chain:,} of journal |"
    ]
    _, again = timed(lambda: commit(exchanges, world.accounts, evidence=evidence, **kept))
    rows.append(f"| of this, digest and nothing new to fix | {again:.1f} | |")
    found, cost = timed(lambda: hunted(world, work, signer, evidence))
    rows.append(f"| the hunt, which fixes all days once more | {cost:.1f} | |")
    _, cost = timed(lambda: sealed_dossier(work / "hunt", found.campaigns[0].id, dossier, case, signer))
    whole, part = size_of(dossier), size_of(dossier / "bundle")
    rows.append(f"| write and seal the dossier | {cost:.1f} | {whole:,}, {part:,} of them the bundle |")
    rows += verified_rows(dossier, signer)
    ids = exchanges.column("exchange_id").to_pylist()[17 :: n // SHOWN][:SHOWN]
    ways: dict[str, dict[str, Any]] = {
        "drawn by a word from the campaign's calls": {"sample": SHOWN, "word": WORD}, "named by id": {"ids": ids}
    }  # fmt: skip
    for name, chosen in ways.items():
        rows += shown_rows(dossier, evidence, work / f"{name[:5]}.json", name, chosen)
    rows += in_one_day(exchanges, world.accounts, ids, work, kept)
    return rows, [*flipped(files_of(dossier), flips), *flipped_shown(dossier, work / "drawn.json", flips)]


def verified_rows(dossier: Path, signer: FileSigner) -> list[str]:
    """Return rows of both verifiers on a dossier."""
    first, other = verify(dossier, Trust(key=signer.public)), second.verify(files_of(dossier), signer.public.raw)
    cost = apart([sys.executable, "-m", "stillhunt", "verify", str(dossier)])
    cost_other = apart([sys.executable, str(ROOT / "tools" / "verify_dossier.py"), str(dossier)])
    count = sum(n.status == "reproduced" for n in first.numbers)
    again = sum(status == "reproduced" for status in other["numbers"].values())
    said = next(c.found for c in first.checks if c.name == "days fixed before").partition(";")[0]
    return [
        f"| `stillhunt verify`, a process of its own ({count} of {len(first.numbers)} numbers reproduced; {said}) | {cost:.1f} | |",
        f"| `tools/verify_dossier.py`, the same ({again} of {len(other['numbers'])} reproduced, {len(other['failed'])} failures) |"
        f" {cost_other:.1f} | |",
    ]


def shown_rows(dossier: Path, evidence: Path, out: Path, name: str, chosen: dict[str, Any]) -> list[str]:
    """Return rows of a disclosure: made, and checked alone by both verifiers."""
    n, made = timed(lambda: disclose(dossier, evidence, out, key=Key(KEY), **chosen))
    files, content = files_of(dossier), out.read_bytes()
    checks, cost = timed(lambda: integrity_of(files, Trust(), content))
    seen, cost_other = timed(lambda: second.seal(files, None, content))
    held = not [c for c in checks if c.status == FAILS] and any(name == "disclosed records" for name, _ in seen)
    assert held, checks
    return [
        f"| disclose {n} records, {name} | {made:.2f} | {out.stat().st_size:,}, {proof_bytes(out):,} of them proof |",
        f"| check them with the whole seal, first and second verifier | {cost:.2f}, {cost_other:.2f} | |",
    ]


def in_one_day(exchanges: pa.Table, accounts: pa.Table, ids: list[str], work: Path, kept: dict[str, Any]) -> list[str]:
    """Return rows of the same records as leaves of one tree, of which fifty are proved."""
    at = exchanges.column("started_at")
    day = pc.floor_temporal(pc.min(at), unit="day")
    moved = pc.add(day, pc.subtract(at, pc.floor_temporal(at, unit="day")))
    whole = exchanges.set_column(exchanges.schema.get_field_index("started_at"), "started_at", moved)
    evidence = work / "one-day"
    done, cost = timed(lambda: commit(whole, accounts, evidence=evidence, **kept))
    n = done.days[0].exchanges.size
    places = list(range(17, n, n // len(ids)))[: len(ids)]
    name = done.days[0].exchanges.day
    shown, made = timed(lambda: disclosed(evidence, EXCHANGES, {name: places}))
    (work / "one.json").write_bytes(canonical(shown))
    lines = list(journal.read((evidence / JOURNAL).read_bytes(), JOURNAL))
    fixed: Fixing = next(fixings(lines))
    found, checking = timed(lambda: checked(shown, {(EXCHANGES, name): (fixed.size, fixed.root)}, "one.json"))
    assert len(found) == len(ids)
    size = (work / "one.json").stat().st_size
    return [
        f"| the same {n:,} records moved into one day: fix it without a hunt | {cost:.1f} | {size_of(evidence / 'records'):,} of"
        " records |",
        f"| disclose {len(found)} of its {n:,} records | {made:.2f} | {size:,}, {proof_bytes(work / 'one.json'):,} of them proof |",
        f"| check these proofs against the journaled root | {checking:.3f} | |",
    ]


def flipped(files: dict[str, bytes], flips: int) -> list[str]:
    """Return a row for each verifier: bits turned anywhere in a dossier, noticed, and the file named."""
    rng = random.Random(11)
    names = sorted(files)
    sizes = [len(files[name]) for name in names]
    noticed: Counter[str] = Counter()
    for number in range(flips):
        name = names[number % len(names)] if number % 2 else rng.choices(names, sizes)[0]
        content = bytearray(files[name])
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        changed = {**files, name: bytes(content)}
        failed = [c.found for c in integrity_of(changed, Trust()) if c.status == FAILS]
        noticed["first"] += bool(failed)
        noticed["first named"] += any(name in found for found in failed)
        try:
            second.seal(changed, None)
        except Exception as error:
            noticed["second"] += 1
            noticed["second named"] += name in str(error)
    return [
        f"| any of {len(names)} files of the dossier | {who} | {flips:,} | {noticed[key]:,} | {noticed[key + ' named']:,} |"
        for who, key in (("`stillhunt verify`", "first"), ("`tools/verify_dossier.py`", "second"))
    ]


def flipped_shown(dossier: Path, shown: Path, flips: int) -> list[str]:
    """Return a row for each verifier: bits turned in a disclosure, and noticed."""
    files, content, rng = files_of(dossier), shown.read_bytes(), random.Random(12)
    lines, bundle = second.journal(files["journal.jsonl"]), second.Bundle(files)
    noticed: Counter[str] = Counter()
    for _ in range(flips // 2):
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        found = [c for c in integrity_of(files, Trust(), bytes(changed)) if c.status == FAILS]
        noticed["first"] += [c.name for c in found] == ["disclosed records"]
        try:
            second.disclosed(bytes(changed), bundle, lines)
        except second.Wrong:
            noticed["second"] += 1
    return [
        f"| a disclosure of {SHOWN} records | {who} | {flips // 2:,} | {noticed[key]:,} | {noticed[key]:,} |"
        for who, key in (("`stillhunt verify`", "first"), ("`tools/verify_dossier.py`", "second"))
    ]


def dossier_rows(name: str, seed: int, case: Path, work: Path) -> list[str]:
    """Hunt a world and return a row for the dossier of each campaign."""
    work.mkdir(parents=True)
    signer = generate(work / "seal.key", None)
    hunt = hunted(worlds.make(name, seed), work, signer, work / "evidence")
    rows: list[str] = []
    for campaign in hunt.campaigns:
        folder = work / campaign.id
        sealed_dossier(work / "hunt", campaign.id, folder, case, signer)
        first, cpu = timed(lambda at=folder: verify(at, Trust()))  # type: ignore[misc]
        other, cpu_other = timed(lambda at=folder: second.verify(files_of(at), None))  # type: ignore[misc]
        rows.append(dossier_row(f"{name} {seed}", len(campaign.members), folder, first, other, (cpu, cpu_other)))
        print(rows[-1], flush=True)
    return rows


def dossier_row(
    world: str, accounts: int, folder: Path, first: Verdict, other: dict[str, Any], cpu: tuple[float, float]
) -> str:
    """Return one row of the table of dossiers."""
    count, again = Counter(n.status for n in first.numbers), Counter(other["numbers"].values())
    joins = sorted(set(re.findall(r"-(replay|feedback|takeover)\.npz", " ".join(files_of(folder)))))
    by = Counter(n.source for n in first.numbers if n.status == "reproduced")
    sources = " | ".join(str(by[source]) for source, _ in SOURCES)
    left = sum(n for status, n in count.items() if status.startswith("needs"))
    return (
        f"| {world} | {accounts} | {', '.join(joins) or '–'} | {count['reproduced']} / {again['reproduced']} |"
        f" {sources} | {count['not reproduced']} / {again['not reproduced']} | {left} |"
        f" {cpu[0]:.1f} / {cpu[1]:.1f} | {size_of(folder / 'bundle') / 1e6:.2f} |"
    )


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n\n")[0])
    parser.add_argument("--worlds", nargs="+", default=["small:2", "joins:3"])
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--case", type=Path, default=ROOT / "docs" / "how-to" / "example-case.toml")
    given = parser.parse_args()
    commit_id = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    dossiers_found: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        cost, turned = at_size(given.records, given.flips, given.case, Path(folder) / "sized")
        print("\n".join([*cost, *turned]), flush=True)
        for spec in given.worlds:
            name, _, seed = spec.partition(":")
            dossiers_found += dossier_rows(name, int(seed), given.case, Path(folder) / name)
    lines = [
        "# What sealing costs, and what an outsider reproduces",
        "",
        f"`python bench/evidence.py --worlds {' '.join(given.worlds)} --records {given.records} --flips {given.flips}`, commit"
        f" {commit_id}. CPU seconds of all threads on a shared machine with two cores; bytes as they lie on the disk.",
        "",
        f"## {given.records:,} records",
        "",
        "A `small` world of three weeks, cut to this size. Every dossier of this page has the case file of the docs.",
        "",
        "| what | CPU s | bytes |",
        "|---|---|---|",
        *cost,
        "",
        "## One bit turned",
        "",
        "Half of the flips go to files evenly, half by size.",
        "",
        "| in | verifier | flips | noticed | with the place named |",
        "|---|---|---|---|---|",
        *turned,
        "",
        "## Numbers of a dossier",
        "",
        "Two numbers with a stroke between them are of `stillhunt verify` and of `tools/verify_dossier.py`. CPU seconds are of a"
        " process that has verified another dossier before.",
        "",
        f"| world | accounts | joins in the bundle | reproduced | from {' | '.join(source for source, _ in SOURCES)} |"
        " not reproduced | need anything else | CPU s | bundle, MB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        *dossiers_found,
        "",
    ]
    (RESULTS / "evidence.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
