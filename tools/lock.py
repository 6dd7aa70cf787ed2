"""
Rewrite the lock files in requirements/: exact versions with hashes, one set for every platform.

Usage: `python tools/lock.py [--upgrade]`, with `uv` installed. The files name no package index: pip
takes the packages from wherever this machine is set up to take them, and the hashes say which.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [
    *("uv", "pip", "compile", "--quiet", "--no-config"),
    *("--universal", "--fork-strategy", "fewest", "--python-version", "3.11"),
    *("--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url"),
    *("pyproject.toml", "requirements/install.in"),
]


def lock(target: str, *options: str) -> None:
    """Resolve into requirements/`target`, keeping the versions already there unless told to upgrade."""
    subprocess.run([*COMPILE, "--output-file", f"requirements/{target}", *options], cwd=ROOT, check=True)


def main(arguments: list[str]) -> None:
    """
    Lock what a run needs, what a test run needs on top of exactly that, and what tests with Spark and with
    small models need on top of that.

    PyTorch is not among the last: its builds for a CPU are not in the package index, and the builds in the index bring
    gigabytes of CUDA. `bootstrap.py test-trace` installs the CPU build of one fixed version.
    """
    upgrade = ["--upgrade"] if "--upgrade" in arguments else []
    lock("run.lock", *upgrade)
    lock("test.lock", "--group", "test", "--constraint", "requirements/run.lock", *upgrade)
    groups = ("--group", "test", "--group", "models")
    without = ("--overrides", "requirements/trace-without.in", "--constraint", "requirements/test.lock")
    lock("trace.lock", *groups, *without, *upgrade)
    lock("spark.lock", "--extra", "spark", "--constraint", "requirements/test.lock", *upgrade)


if __name__ == "__main__":
    main(sys.argv[1:])
