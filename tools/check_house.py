"""
House rules that no ready-made tool knows: sizes, names, printing, marks of unfinished work.

Usage: `python tools/check_house.py`. Prints one line for each breach and exits 1 when there is one.
The rules and the list of exemptions are in docs/house-style.md; an exemption that is no longer needed
is a breach too, so the list can only shrink.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
HOUSE_STYLE = ROOT / "docs" / "house-style.md"
MODULE_LINES = 450
FUNCTION_LINES = 60
FORBIDDEN_NAMES = {"base", "common", "data", "info", "misc"}
FORBIDDEN_NAMES |= {
    "handler",
    "handlers",
    "helper",
    "helpers",
    "manager",
    "managers",
    "processor",
    "util",
    "utils",
}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
THIS_MACHINE = re.compile(r"(?<![\w.])/(work|root|home)/\w")
TEXT_SUFFIXES = frozenset({".py", ".md", ".toml", ".html", ".css", ".js"})
MAY_PRINT = ("src/stillhunt/cli.py", "src/stillhunt/__main__.py")


class Breach(NamedTuple):
    """One place that breaks one rule; `subject` is what an exemption has to name."""

    subject: str
    rule: str
    message: str


def exemptions(page: str) -> set[tuple[str, str]]:
    """Return (subject, rule) of each row of the table under "Exemptions"."""
    _, _, table = page.partition("## Exemptions")
    return set(re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", table, re.MULTILINE))


def in_python(name: str, source: str) -> Iterator[Breach]:
    """Yield the breaches in one Python file of the package or the tools."""
    lines = source.count("\n")
    if lines > MODULE_LINES:
        yield Breach(name, "module size", f"{lines} lines, at most {MODULE_LINES}")
    for part in Path(name).with_suffix("").parts:
        if part in FORBIDDEN_NAMES:
            yield Breach(name, "name", f"`{part}` says nothing about the domain")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield Breach(
                    f"{name}:{node.name}", "function size", f"{length} lines, at most {FUNCTION_LINES}"
                )
        elif _prints(node) and name.startswith("src/") and name not in MAY_PRINT:
            yield Breach(name, "print", "only the command line prints")


def _prints(node: ast.AST) -> bool:
    """Say whether a node is a call of `print`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def in_text(name: str, source: str) -> Iterator[Breach]:
    """Yield the breaches in one text file of any kind."""
    for number, line in enumerate(source.splitlines(), start=1):
        if UNFINISHED.search(line):
            yield Breach(name, "unfinished", f"line {number}: finish it or leave it out")
        if THIS_MACHINE.search(line):
            yield Breach(name, "machine", f"line {number}: a path that exists on one machine only")


def breaches(root: Path) -> list[Breach]:
    """Return every breach under `root`, before exemptions, in the order of the files."""
    found: list[Breach] = []
    for folder in ("src", "tools", "docs", "tests", "bench"):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.suffix not in TEXT_SUFFIXES or "__pycache__" in name or name == "tools/check_house.py":
                continue
            source = path.read_text(encoding="utf-8")
            found += in_text(name, source)
            if path.suffix == ".py" and folder in ("src", "tools"):
                found += in_python(name, source)
    return found


def verdict(found: list[Breach], exempt: set[tuple[str, str]]) -> list[str]:
    """Return one line for each breach that is not exempt, and for each exemption that nothing needs."""
    needed = {(breach.subject, breach.rule) for breach in found}
    lines = [f"{b.subject}: {b.rule}: {b.message}" for b in found if (b.subject, b.rule) not in exempt]
    lines += [
        f"{subject}: exemption from `{rule}` is no longer needed" for subject, rule in sorted(exempt - needed)
    ]
    return lines


def main() -> int:
    """Print what is wrong; return 1 when something is."""
    lines = verdict(breaches(ROOT), exemptions(HOUSE_STYLE.read_text(encoding="utf-8")))
    print("\n".join(lines) if lines else "house rules: all kept")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
