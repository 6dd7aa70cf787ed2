"""What a dishonest operator, who has the key, could try: each forgery fails in both verifiers, with the place named."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hunted import Hunted
from verify.conftest import NOW

from stillhunt import dossiers, report
from stillhunt.errors import SealError
from stillhunt.seal.bundle import from_files, load
from stillhunt.seal.canonical import canonical
from stillhunt.seal.dossier import add_evidence, files_of, integrity, seal_dossier
from stillhunt.seal.keyring import rotated, started
from stillhunt.seal.keys import generate
from stillhunt.terminal import verified
from stillhunt.verify import Trust, evidence_of, verify
from stillhunt.verify.checks import FAILS, check_disclosed
from stillhunt.verify.pages import says
from tools import verify_dossier as second

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "example-case.toml"
Forge = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(hunted: Hunted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dossier with its pages and the case file of the docs, not sealed yet."""
    folder = tmp_path_factory.mktemp("whole")
    hunt = folder / "hunt"
    report.write(hunted.hunt, hunt)
    (hunt / "bundles").symlink_to(hunted.out / "bundles")
    out = folder / "dossier"
    out.mkdir()
    known = {"recomputed": evidence_of(hunt, hunted.campaign), "integrity": integrity(hunt, hunted.campaign)}
    dossiers.write(hunted.campaign, hunt=hunt, out=out, case=EXAMPLE, **known)
    add_evidence(out, hunt=hunt, campaign=hunted.campaign)
    return out


def sealed(whole: Path, hunted: Hunted, folder: Path, forge: Forge | None = None) -> Path:
    """Return a copy of the dossier that was forged and then sealed by its own operator."""
    out = folder / "dossier"
    shutil.copytree(whole, out)
    if forge is not None:
        forge(out)
    seal_dossier(out, signer=hunted.signer, now=NOW)
    return out


def failures(folder: Path) -> tuple[list[str], list[str]]:
    """Return what both verifiers say does not hold."""
    verdict = verify(folder, Trust())
    first = [check.found for check in verdict.checks if check.status == FAILS]
    first += [line for line in verified(verdict) if "; the bundle gives " in line]
    return first, second.verify(files_of(folder), None)["failed"]


def in_page(name: str, old: str, new: str) -> Forge:
    """Return what replaces words of a page."""

    def forge(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), "utf-8")

    return forge


def in_json(change: Callable[[dict[str, Any]], object]) -> Forge:
    """Return what changes the document."""

    def forge(folder: Path) -> None:
        document = json.loads((folder / "dossier.json").read_bytes())
        change(document)
        (folder / "dossier.json").write_bytes(canonical(document))

    return forge


def in_both(old: str, new: str) -> Forge:
    """Return what replaces words of page and document alike."""

    def forge(folder: Path) -> None:
        for name in ("dossier.html", "dossier.json"):
            in_page(name, old, new)(folder)

    return forge


def line_of(document: dict[str, Any], recipe: str) -> dict[str, Any]:
    """Return the first line with a recipe."""
    found: dict[str, Any] = next(n for n in document["numbers"] if n["recipe"] == recipe)
    return found


def named_twice(folder: Path) -> None:
    """Say the document's numbers twice, first falsely: readers that take the first see others."""
    text = (folder / "dossier.json").read_text("utf-8")
    (folder / "dossier.json").write_text('{"numbers":[],' + text.removeprefix("{"), "utf-8")


FORGERIES: dict[str, Forge] = {
    "section 15": in_page("dossier.html", "leave no trace in these logs", "are all in these logs"),
    "section 2": in_page("dossier.html", "This is a definition, not a test.", "This proves it."),
    "title": in_page("dossier.html", "we believe to be the work of one", "are the work of one"),
    "letter.html": in_page("letter.html", "We do not claim:", "We also claim:"),
    "letter": in_page("letter.html", "</main>", "<p>They are guilty.</p></main>"),
    "that dossier.json does not have": in_page(
        "dossier.html", "</main>", '<section id="s17">They are guilty.</section></main>'
    ),
    "is not that of line": in_page("letter.html", '<data class="num" value="', '<data class="num" value="9'),
    "of the list is another": in_page(
        "dossier.html", "<code>traffic.<wbr>accounts</code>", "<code>traffic.<wbr>calls</code>"
    ),
    "has a number that is no line": in_both("leave no trace in these logs", "leave no trace in 99 of 100 logs"),
    "says 0.123; the bundle gives nothing": in_json(
        lambda d: line_of(d, "key2.q_value").update(recipe="sum(0.123)", value=0.123, text="0.123")
    ),
    "is written": in_json(lambda d: line_of(d, "key2.q_value").update(text="10⁻⁹")),
    "two numbers have one line": in_json(lambda d: d["numbers"].append({**d["numbers"][0], "value": 2, "text": "2"})),
    "another campaign": in_json(lambda d: d.update(campaign="campaign-00000000")),
    "not reproduced": in_json(lambda d: d["case_file"]["releases"].pop()),
    "dossier.json": named_twice,
}


@pytest.mark.parametrize("named", FORGERIES)
def test_a_forgery_fails_in_both(whole: Path, hunted: Hunted, tmp_path: Path, named: str) -> None:
    """Sealed by the operator's own key, a dossier whose parts do not say the same fails, and both say what it is."""
    first, other = failures(sealed(whole, hunted, tmp_path, FORGERIES[named]))
    assert first and other
    words = named if named != "not reproduced" else "reproduced"
    assert any(words in one for one in first), first
    assert named == "not reproduced" or any(words in one for one in other), other


def test_an_honest_one_holds(whole: Path, hunted: Hunted, tmp_path: Path) -> None:
    """Nothing of the kind is said of a dossier that nobody forged; its pages are among what holds."""
    folder = sealed(whole, hunted, tmp_path)
    assert failures(folder) == ([], [])
    assert any(c.name == "pages" and c.status == "holds" for c in verify(folder, Trust()).checks)


def test_the_bundle_of_another_campaign_is_not_its_own(whole: Path, hunted: Hunted, tmp_path: Path) -> None:
    """A bundle of the same hunt and the same journal, swapped in, is named by both."""

    def forge(folder: Path) -> None:
        shutil.rmtree(folder / "bundle")
        shutil.copytree(hunted.out / "bundles" / hunted.hunt.campaigns[1].id, folder / "bundle")

    first, other = failures(sealed(whole, hunted, tmp_path, forge))
    assert "bundle/bundle.json: this is the bundle of another campaign." in first
    assert other == ["bundle/bundle.json: this is the bundle of another campaign"]


@pytest.mark.parametrize("table", ["strand-1", "holdings", "events"])
@pytest.mark.parametrize("how", ["cut", "reordered", "doubled"])
def test_a_table_that_is_cut_reordered_or_doubled_is_not_the_journaled_one(
    hunted: Hunted, table: str, how: str
) -> None:
    """Whatever is done to rows changes the file's hash, which bundle.json lists and the journal fixed."""
    files = {path.name: path.read_bytes() for path in hunted.bundle.iterdir()}
    rows = {name: column for name, column in load(hunted.bundle).tables[table].items()}
    order = {"cut": np.arange(len(next(iter(rows.values()))) - 1)}
    order["reordered"] = np.r_[order["cut"][::-1], len(order["cut"])]
    order["doubled"] = np.r_[order["cut"], len(order["cut"]), 0]
    files[f"{table}.npz"] = archive({name: column[order[how]] for name, column in rows.items()})
    with pytest.raises(SealError, match="not the file that"):
        from_files(files)
    with pytest.raises(second.Wrong, match="not the file that"):
        second.Bundle({f"bundle/{name}": content for name, content in files.items()})


def archive(table: dict[str, Any], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive with some arrays."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for name, column in table.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asarray(column), version=(1, 0))
            file.writestr(f"{name}.npy", entry.getvalue())
    return out.getvalue()


def bundle_with(content: bytes, columns: dict[str, Any]) -> dict[str, bytes]:
    """Return the files of a bundle with one table."""
    import hashlib

    table = {"columns": columns, "sha256": hashlib.sha256(content).hexdigest()}
    index = canonical({"about": {}, "format": "stillhunt/bundle/v3", "tables": {"t": table}})
    return {"bundle.json": index, "t.npz": content}


def test_archives_cannot_be_larger_than_they_are(tmp_path: Path) -> None:
    """Compressed entries, entries that stand twice, and arrays that say they have a trillion rows are refused unread."""
    fine = archive({"a": np.zeros(3)})
    said = {"a": {"dtype": "<f8", "shape": [3]}}
    assert from_files(bundle_with(fine, said)).column("t", "a").shape == (3,)
    packed = archive({"a": np.zeros(3)}, zipfile.ZIP_DEFLATED)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file, pytest.warns(UserWarning, match="Duplicate"):
        for value in (1.0, 2.0):
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.full(3, value), version=(1, 0))
            file.writestr("a.npy", entry.getvalue())
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    large = io.BytesIO()
    with zipfile.ZipFile(large, "w") as file:
        file.writestr("a.npy", header.getvalue())
    for content, shape in ((packed, 3), (out.getvalue(), 3), (large.getvalue(), 10**12)):
        files = bundle_with(content, {"a": {"dtype": "<f8", "shape": [shape]}})
        with pytest.raises(SealError, match="no NumPy archive"):
            from_files(files)
        with pytest.raises(second.Wrong, match=r"t\.npz"):
            second.Bundle({f"bundle/{name}": content for name, content in files.items()})


def test_links_and_what_is_no_file_are_refused(whole: Path, hunted: Hunted, tmp_path: Path, capsys: Any) -> None:
    """A link to a file, a link to a folder, and a pipe are named by both, not followed and not waited for."""
    folder = sealed(whole, hunted, tmp_path)
    tricks: tuple[Callable[[Path], object], ...] = (
        lambda p: p.symlink_to(folder / "letter.html"), lambda p: p.symlink_to(tmp_path, target_is_directory=True), os.mkfifo,
    )  # fmt: skip
    for trick in tricks:
        trick(folder / "extra")
        with pytest.raises(SealError, match="extra"):
            files_of(folder)
        assert second.main([str(folder)]) == 1
        assert "DOES NOT HOLD: extra: this is no file" in capsys.readouterr().out
        (folder / "extra").unlink()
    assert second.main([str(folder)]) == 0


def test_a_key_that_was_followed_seals_nothing_any_more(whole: Path, hunted: Hunted, tmp_path: Path) -> None:
    """The old key of a ring, found or kept by somebody, does not seal after the day on which another followed it."""
    new = generate(tmp_path / "new.key", None)
    ring = rotated(started(hunted.signer, at=NOW - timedelta(days=9)), hunted.signer, new, at=NOW - timedelta(days=1))
    folder = tmp_path / "dossier"
    shutil.copytree(whole, folder)
    seal_dossier(folder, signer=hunted.signer, now=NOW, ring=ring)
    first, other = failures(folder)
    assert any("followed by another" in one for one in first) and any("followed by another" in one for one in other)
    seal_dossier(folder, signer=hunted.signer, now=NOW - timedelta(days=2), ring=ring)
    assert failures(folder) == ([], [])


@pytest.mark.parametrize("column", ["hour", "login", "prompt"])
def test_records_that_are_shown_are_the_calls_of_the_bundle(
    whole: Path, hunted: Hunted, tmp_path: Path, column: str
) -> None:
    """Who counts a call in another hour, for another account or with the same prompt is found out by records that are shown."""
    from stillhunt.disclosing import disclose
    from stillhunt.seal import days, journal

    shown = tmp_path / "shown.json"
    disclose(whole, hunted.evidence, shown, sample=60, word="any")
    files = files_of(whole)
    lines = list(journal.read(files["journal.jsonl"], "journal.jsonl"))
    roots, content = days.roots(lines), shown.read_bytes()
    assert "(60 calls of the campaign, with hour, account and equal prompts as in the bundle)" in check_disclosed(
        content, roots, files
    )
    told = second.disclosed(
        content, second.Bundle(files), second.journal(files["journal.jsonl"]), second.tags_of(files)
    )
    assert "60 of them are calls of the campaign" in told
    table = dict(load(hunted.bundle).tables["strand-1"])
    forged_as = {"hour": table["hour"] // 24 * 24 + (table["hour"] + 5) % 24, "login": np.roll(table["login"], 24)}
    table[column] = forged_as.get(column, np.full(len(table["hour"]), 5)).astype(table[column].dtype)
    index = json.loads(files["bundle/bundle.json"])
    forged = archive({name: table[name] for name in sorted(table)})
    import hashlib

    index["tables"]["strand-1"]["sha256"] = hashlib.sha256(forged).hexdigest()
    changed = {**files, "bundle/strand-1.npz": forged, "bundle/bundle.json": canonical(index)}
    with pytest.raises(SealError, match="is not the call that the bundle says it is"):
        check_disclosed(content, roots, changed)
    with pytest.raises(second.Wrong, match="is not the call of the bundle"):
        second.disclosed(content, second.Bundle(changed), second.journal(files["journal.jsonl"]), second.tags_of(files))


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("1,234", 1234, True), ("1,234", 1235, False), ("31 %", 0.3149, True), ("31 %", 0.32, False), ("none", 0, True),
        ("none", 1, False), ("over 99.9 %", 0.9999, True), ("over 99.9 %", 0.5, False), ("under 0.1 %", 0.0004, True),
        ("3.5 × 10⁻⁶", 3.5123e-6, True), ("3.5 × 10⁻⁶", 3.5e-7, False), ("10⁻⁶", 1.04e-6, True), ("10⁻⁶", 1e-5, False),
        ("10^94.5", 94.512, True), ("10^94.5", 95.0, False), ("10^2", 2.0, True), ("28.8 million", 28_812_345, True),
        ("−0.27", -0.2701, True), ("0.27", -0.27, False), ("pool 1", 1, True), ("1 of 2", 1, False), ("12", 11.9, True),
        ("0.00208", 0.0020812, True), ("words", 3, False), ("10^−0.5", -0.52, True), ("10^0.5", -0.52, False),
    ],
)  # fmt: skip
def test_a_text_says_its_value_or_not(text: str, value: float, holds: bool) -> None:
    """How a number is written is what it is, rounded, in both; another number, or two, is not."""
    assert says(text, value) is holds
    assert second.rounded(text, value) is holds
