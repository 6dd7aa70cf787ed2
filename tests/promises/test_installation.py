"""A fresh machine gets exactly the locked packages, from wherever it is set up to get packages."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bootstrap

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("run.lock", "test.lock", "trace.lock", "spark.lock")


def locked(name: str) -> dict[str, str]:
    """Return package → version of a lock file."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][\w.-]*)==([^\s;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_no_index(name: str) -> None:
    """A lock file holds names, versions and hashes, and no address to fetch them from."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--(index|extra|find|trusted)", text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_a_hash(name: str) -> None:
    """Each package of a lock file is followed by at least one SHA-256 sum."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) == len(locked(name)) > 0
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)


def test_test_lock_contains_the_run_lock() -> None:
    """What is tested is what is run: the test lock has every package of the run lock in the same version."""
    assert locked("run.lock").items() <= locked("test.lock").items() <= locked("trace.lock").items()


def test_no_lock_brings_cuda() -> None:
    """PyTorch is in no lock for any platform that there is, nor is a CUDA library; nothing else may bring it in."""
    for name in LOCKS:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        assert not re.search(r"^(nvidia|cuda|triton)", text, re.MULTILINE), name
        assert all("sys_platform == 'never'" in row for row in re.findall(r"^torch==.*$", text, re.MULTILINE)), name


def test_the_package_imports_no_model_library() -> None:
    """Importing Stillhunt and its audit needs neither torch nor transformers, installed or not."""
    code = (
        "import sys, stillhunt, stillhunt.cli, stillhunt.trace.audit.attribution, stillhunt.trace.audit.radioactivity\n"
        "sys.exit(bool({'torch', 'transformers', 'inspect_ai'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_lock_has_every_declared_dependency() -> None:
    """No dependency was added to the project without being locked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {
        "run.lock": project["project"]["dependencies"],
        "test.lock": project["dependency-groups"]["test"],
        "trace.lock": project["dependency-groups"]["models"],
    }
    for name, rows in wanted.items():
        assert {re.split(r"[<>=]", row)[0] for row in rows} <= locked(name).keys()


def test_pip_itself_is_pinned() -> None:
    """The pip that is fetched where there is none is the locked one."""
    name, sums = bootstrap.pinned_pip()
    assert name == f"pip=={locked('run.lock')['pip']}"
    assert sums


def test_index_follows_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package index is PIP_INDEX_URL where set, else the one in pip's own settings."""
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\nindex-url = https://mirror.example/simple/\n", encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    assert bootstrap.index_url() == "https://mirror.example/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/simple")
    assert bootstrap.index_url() == "https://other.example/simple"


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("<urlopen error [Errno -3] Temporary failure in name resolution>", "cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "mirror"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "SSL_CERT_FILE"),
    ],
)
def test_failed_installation_says_what_next(output: str, hint: str) -> None:
    """The usual causes of a failed installation are recognised, and the message names the next step."""
    assert hint in str(bootstrap.failure("Installing", output))


def test_unknown_command_shows_the_commands() -> None:
    """A command that does not exist installs nothing, shows those that do, and exits 2."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "bootstrap.py"), "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "bootstrap.py demo" in done.stdout
