"""The house rules are kept, and the check that says so can fail."""

from __future__ import annotations

from pathlib import Path

from tools import check_house

ROOT = Path(__file__).resolve().parents[2]


def rules(found: list[check_house.Breach]) -> list[str]:
    """Return the names of the rules that were broken."""
    return [breach.rule for breach in found]


def test_house_rules_are_kept() -> None:
    """Nothing in the repository breaks a house rule without an exemption, and no exemption is idle."""
    exempt = check_house.exemptions(check_house.HOUSE_STYLE.read_text(encoding="utf-8"))
    assert check_house.verdict(check_house.breaches(ROOT), exempt) == []


def test_long_module_is_noticed() -> None:
    """A module one line over the limit is a breach; one at the limit is not."""
    limit = check_house.MODULE_LINES
    assert rules(list(check_house.in_python("src/a.py", "x = 1\n" * limit))) == []
    assert rules(list(check_house.in_python("src/a.py", "x = 1\n" * (limit + 1)))) == ["module size"]


def test_long_function_is_noticed() -> None:
    """A function one line over the limit is a breach that names the function."""
    body = "def long():\n" + "    x = 1\n" * check_house.FUNCTION_LINES
    (breach,) = check_house.in_python("src/a.py", body)
    assert breach.subject == "src/a.py:long"


def test_empty_name_is_noticed() -> None:
    """A module called after nothing in the domain is a breach."""
    assert rules(list(check_house.in_python("src/stillhunt/utils.py", ""))) == ["name"]


def test_printing_outside_the_command_line_is_noticed() -> None:
    """A call of `print` in the package is a breach everywhere but in the command line."""
    assert rules(list(check_house.in_python("src/stillhunt/model.py", "print(1)\n"))) == ["print"]
    assert rules(list(check_house.in_python("src/stillhunt/cli.py", "print(1)\n"))) == []


def test_unfinished_work_is_noticed() -> None:
    """A mark of unfinished work is a breach."""
    assert rules(list(check_house.in_text("src/a.py", "x = 1  # TO" + "DO\n"))) == ["unfinished"]


def test_path_of_one_machine_is_noticed() -> None:
    """A path into somebody's home folder is a breach."""
    assert rules(list(check_house.in_text("docs/a.md", "see /ho" + "me/me/file\n"))) == ["machine"]


def test_idle_exemption_is_noticed() -> None:
    """An exemption that nothing needs is reported, so that the list shrinks."""
    (line,) = check_house.verdict([], {("src/a.py", "module size")})
    assert "no longer needed" in line


def test_exemption_excuses_its_breach_only() -> None:
    """An exemption silences the rule it names for the file it names."""
    page = "## Exemptions\n\n| where | rule | reason |\n|---|---|---|\n| `src/a.py` | name | a reason |\n"
    breach = check_house.Breach("src/a.py", "name", "")
    other = check_house.Breach("src/b.py", "name", "")
    assert len(check_house.verdict([breach, other], check_house.exemptions(page))) == 1
