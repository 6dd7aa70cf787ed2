"""The documentation names everything that exists, and what it points to exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import stillhunt.errors
from stillhunt import contract
from stillhunt.cli import build_parser
from stillhunt.collect import FORMATS
from stillhunt.config import Config
from tools import write_reference

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
OVERCLAIMS = re.compile(
    r"\b(foolproof|unbreakable|bulletproof|state[- ]of[- ]the[- ]art|military[- ]grade|zero false positives"
    r"|100 ?% accura\w+|guaranteed to (find|catch|detect)|industry[- ]leading|best[- ]in[- ]class)\b",
    re.IGNORECASE,
)


def read(page: str) -> str:
    """Return the text of a page under docs/."""
    return (DOCS / page).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the link targets inside a page: its headings, spelled as a renderer spells them."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def without_code(text: str) -> str:
    """Return Markdown without its fenced blocks, where a bracket is not a link."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def test_command_page_is_what_the_parser_says() -> None:
    """The command-line page is current: every command, option and default is on it."""
    assert read("reference/cli.md") == write_reference.page(build_parser()), "run `make docs`"


def test_settings_page_is_what_the_settings_say() -> None:
    """The settings page is current: every setting, with its default, meaning and bounds."""
    assert read("reference/settings.md") == write_reference.settings_page(Config), "run `make docs`"


def test_every_option_has_help() -> None:
    """No command and no option is left without an explanation."""
    parser = build_parser()
    assert write_reference.commands(parser)
    for name, command in write_reference.commands(parser).items():
        assert command.description, name
        for action in write_reference.options(command):
            assert action.help, f"{name} {write_reference.spelling(action)}"


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_log_format_is_documented(name: str) -> None:
    """Each row of the table of log formats is on the formats page."""
    assert f"`{name}`" in read("reference/formats.md")


def columns() -> list[tuple[str, str]]:
    """Return (section heading, column) for every column of the log contract."""
    tables = {"exchanges": contract.EXCHANGES, "accounts": contract.ACCOUNTS, "events": contract.EVENTS}
    return [(table, column) for table, schema in tables.items() for column in schema.names]


@pytest.mark.parametrize(("table", "column"), columns())
def test_every_contract_column_is_documented(table: str, column: str) -> None:
    """Each column of the log contract has a row in the section of its table."""
    section = read("reference/columns.md").split(f"## `{table}`")[1].split("\n## ")[0]
    assert f"| `{column}` |" in section


def test_column_page_names_no_column_that_does_not_exist() -> None:
    """The columns page has exactly as many rows as the contract has columns."""
    rows = re.findall(r"^\| `(\w+)` \|", read("reference/columns.md"), re.MULTILINE)
    assert rows == [column for _, column in columns()]


def test_every_error_is_in_the_tree() -> None:
    """Each error class is drawn in the tree at the head of its module, with the exit status it leads to."""
    tree = stillhunt.errors.__doc__ or ""
    errors = [e for e in vars(stillhunt.errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert len(errors) > 1
    for error in errors:
        row = next((line for line in tree.splitlines() if error.__name__ in line), "")
        assert row, error.__name__
        if error is not stillhunt.errors.StillhuntError:
            assert row.endswith(f"exit {error.exit_code}"), error.__name__


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_internal_links_resolve(page: Path) -> None:
    """Each link to a file or heading of this repository leads somewhere."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.exists(), f"{page.name} points to {target}"
        if anchor:
            assert anchor in anchors(place), f"{page.name} points to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_pages_do_not_overclaim(page: Path) -> None:
    """No page promises what a statistical method cannot."""
    found = OVERCLAIMS.search(page.read_text(encoding="utf-8"))
    assert found is None, found


def test_every_page_can_be_reached() -> None:
    """Each page under docs/ is linked from another page."""
    linked = set()
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            linked.add((page.parent / target).resolve())
    orphans = [p.relative_to(ROOT).as_posix() for p in DOCS.rglob("*.md") if p.resolve() not in linked]
    assert [o for o in orphans if not o.endswith("template.md")] == []
