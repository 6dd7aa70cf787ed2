"""What an audit commits about the models it loads."""

from __future__ import annotations

import hashlib
from pathlib import Path

from stillhunt.trace.audit.suspects.open_weights import digest_of


def test_one_file_has_the_digest_that_sha256sum_prints(tmp_path: Path) -> None:
    """Anybody can check the digest of a GGUF file without this program."""
    file = tmp_path / "m.gguf"
    file.write_bytes(b"weights")
    assert digest_of(file) == hashlib.sha256(b"weights").hexdigest()


def test_a_folder_has_the_digest_of_what_sha256sum_lists(tmp_path: Path) -> None:
    """The digest of a folder is that of the listing `sha256sum *` prints, so that it changes with any weight or name."""
    (tmp_path / "b.safetensors").write_bytes(b"2")
    (tmp_path / "a.json").write_bytes(b"1")
    listing = "".join(f"{hashlib.sha256(t).hexdigest()}  {n}\n" for n, t in (("a.json", b"1"), ("b.safetensors", b"2")))
    before = digest_of(tmp_path)
    assert before == hashlib.sha256(listing.encode()).hexdigest()
    (tmp_path / "README.md").write_text("words")
    (tmp_path / ".cache").write_text("x")
    assert digest_of(tmp_path) == before
    (tmp_path / "b.safetensors").write_bytes(b"3")
    assert digest_of(tmp_path) != before
