"""The second verifier: one file with its own mathematics, run against the first."""

from __future__ import annotations

import ast
import json
import math
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hunted import Hunted
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from verify.conftest import NOW, written

from stillhunt.cli import main
from stillhunt.judge.work_queue import queue_test
from stillhunt.seal.canonical import Json
from stillhunt.seal.dossier import files_of, seal_dossier
from stillhunt.seal.keys import PublicKey
from stillhunt.verify import Trust, verify
from stillhunt.verify.checks import FAILS, NOT_MADE, integrity
from stillhunt.verify.published import published
from tools import verify_dossier as second

FLIPS = 1000


def test_both_say_the_same_of_what_they_did_not_check(
    sealed: Path, hunted: Hunted, values: dict[str, Json], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Checks that were not made have the same names; a number that is not reproduced is one line, the same in both."""
    first = {c.name: c.found for c in verify(sealed, Trust()).checks if c.status == NOT_MADE}
    other = second.not_made({name for name, _ in second.seal(files_of(sealed), None)}, None, None)
    assert first.keys() == other.keys()
    assert {name: first[name] for name in second.BEYOND} == second.BEYOND
    folder = tmp_path / "dossier"
    written(folder, hunted, {**values, "traffic.calls": 10**6, "linkage.log10": 0.123456789, "strand.9.clock.p_value": 0.5})
    seal_dossier(folder, signer=hunted.signer, now=NOW)
    assert main(["verify", str(folder)]) == 1
    said = [line for line in capfd.readouterr().out.splitlines() if "; the bundle gives " in line]
    assert len(said) == 3
    assert second.verify(files_of(folder), None)["failed"] == said


def test_published_tables_are_read_from_the_repository(
    hunted: Hunted, values: dict[str, Json], tmp_path: Path
) -> None:
    """Error rates on synthetic worlds are the same from program and tables; others are left to the table of their version."""
    assert second.published() == published()
    folder = tmp_path / "dossier"
    written(folder, hunted, {**values, **published(), "published.cohorts.nat_company.accounts": 5})
    seal_dossier(folder, signer=hunted.signer, now=NOW)
    first = {n.id: n.status for n in verify(folder, Trust()).numbers}
    assert second.verify(files_of(folder), None)["numbers"] == first
    tables = [status for status in first.values() if "published table" in status]
    assert tables == ["needs the published table `bench/results/cohorts.md` of its version"]
    assert verify(folder, Trust()).holds


def test_it_needs_the_standard_library_and_numpy_only() -> None:
    """Every module it imports is Python's own or NumPy, and none is ours."""
    tree = ast.parse(Path(second.__file__).read_text(encoding="utf-8"))
    found = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    found |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert {name.partition(".")[0] for name in found} <= set(sys.stdlib_module_names) | {"numpy"}


def test_both_verifiers_reproduce_the_same_numbers(sealed: Path, files: dict[str, bytes]) -> None:
    """Number by number, the second verifier says what the first one says, and nothing fails."""
    first = {n.id: n.status for n in verify(sealed, Trust()).numbers}
    verdict = second.verify(files, None)
    assert verdict["failed"] == []
    assert verdict["numbers"] == first
    assert sum(s == "reproduced" for s in first.values()) > 60


def test_both_verifiers_notice_every_bit(files: dict[str, bytes]) -> None:
    """A bit turned anywhere fails in both, and both name the file."""
    rng = random.Random(11)
    names = sorted(files)
    for number in range(FLIPS):
        name = names[number % len(names)]
        content = bytearray(files[name])
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        changed = {**files, name: bytes(content)}
        assert any(c.status == FAILS and name in c.found for c in integrity(changed, Trust()))
        with pytest.raises(second.Wrong, match=name.replace(".", r"\.")):
            second.seal(changed, None)


def test_a_false_number_fails_in_the_second_too(files: dict[str, bytes]) -> None:
    """A number that the bundle does not give is named; here without the seal, which the first thing to fail would be."""
    dossier = json.loads(files["dossier.json"])
    dossier["numbers"][0]["value"] = 0.123
    changed = {**files, "dossier.json": json.dumps(dossier).encode()}
    said = {n["recipe"]: n["value"] for n in dossier["numbers"] if n["recipe"]}
    found = second.recomputed(second.Bundle(changed), said)
    wrong = [name for name, value in said.items() if not second.same(value, found.get(name))]
    assert wrong == [dossier["numbers"][0]["recipe"]]
    assert second.verify(changed, None)["failed"] == ["dossier.json: this file was changed, added or taken away"]


@settings(max_examples=15)
@given(st.binary(max_size=60), st.integers(0, 511))
def test_signatures_verify_as_elsewhere(data: bytes, bit: int) -> None:
    """Its Ed25519 agrees with the `cryptography` package on signatures and on signatures with a bit turned."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = private.public_key().public_bytes_raw()
    signature = private.sign(data)
    assert second.signed(public, signature, data)
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert second.signed(public, bytes(changed), data) == PublicKey(public).verifies(bytes(changed), data) is False


@given(st.floats(-40, 40), st.integers(1, 500))
def test_students_distribution_is_right(t: float, df: int) -> None:
    """Its distribution function of Student's t agrees with SciPy to nine digits."""
    assert math.isclose(second.student(t, df), float(student.cdf(t, df)), rel_tol=1e-8, abs_tol=1e-12)


@pytest.mark.parametrize("queued", [True, False])
def test_the_queue_test_is_drawn_again(queued: bool) -> None:
    """With random numbers of its own it agrees with the first on a queue and on a crowd, and not with a made-up p-value."""
    rng = np.random.default_rng(3)
    owner = np.repeat(np.arange(60), 8)
    filled = np.concatenate([rng.permutation(200)[:8] for _ in range(60)]) * 4 + 1
    account = np.repeat(np.arange(12), 8)
    prompt = rng.permutation(200)[:96] * 4 + 1 if queued else np.concatenate([rng.permutation(200)[:8] for _ in range(12)]) * 4 + 1
    test = queue_test(account, prompt.astype(np.uint64), owner, filled.astype(np.uint64), draws=5000, seed=1)
    assert test is not None
    assert (test.p_value < 0.01) == queued
    said: dict[str, Any] = {"p_value": test.p_value, "expected": test.expected, "draws": test.draws}
    said["null_mean"] = float(test.null.mean())
    found = second.queue(account, prompt, owner, filled, 1, said)
    assert found == {"coincidences": test.coincidences, "others": test.others, **said}
    lie = {**said, "p_value": 0.5 if queued else 1e-4}
    again = second.queue(account, prompt, owner, filled, 1, lie)
    assert again is not None and "p_value" not in again


def test_it_runs_from_the_command_line(sealed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints what holds and how many numbers are reproduced; 0, or 2 where there is no dossier."""
    assert second.main([str(sealed)]) == 0
    out = capsys.readouterr().out
    numbers = next(c for c in verify(sealed, Trust()).checks if c.name == "numbers")
    assert "signature: holds" in out and f"numbers: {numbers.found}\n" in out
    assert second.main([str(tmp_path)]) == 2
    assert second.main([str(sealed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failed"] == []
