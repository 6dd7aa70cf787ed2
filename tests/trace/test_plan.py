"""Plans: off by default, refused where wrong, and without effect where not approved or expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from trace_serving import NOW, a_plan, document

from stillhunt.errors import ConfigError
from stillhunt.trace.plan import CANARY_CAP, BestOf, Canaries, Coin, Plan, Watermark, plan_of, read_plan

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "trace-plan.md"

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"coin": {"share": 1.5}}, "`share` is 1.5"),
    ({"coin": {}}, "`share` is None"),
    ({"coin": {"share": 0.1, "k": 1}}, "`k` is 1"),
    ({"coin": {"share": 0.1, "k": 2.5}}, "`k` is 2.5"),
    ({"coin": {"share": True}}, "`share` is True"),
    ({"coin": {"share": 0.1, "greedy": "always"}}, "`greedy` is 'always'"),
    ({"coin": {"share": 0.1, "rate": 3}}, "no name `rate`"),
    ({"coin": {"share": 0.7}, "best_of": {"share": 0.7}}, "a share of 1.4"),
    ({"canaries": {"library": "std-v1", "share": CANARY_CAP + 0.001}}, "`share` is 0.051"),
    ({"canaries": {"library": "mine"}}, "`library` is 'mine'"),
    ({"watermark": {"context": 4}}, "`context` is 4"),
    ({"watermark": {"delta": 5.0}}, "`delta` is 5.0"),
    ({"watermark": {"upstream": "localhost"}}, "is no address"),
    ({"marks": {}}, "no section `marks`"),
    ({"plan": {"accounts": []}}, "names no account"),
    ({"plan": {"accounts": [1]}}, "no list of texts"),
    ({"plan": {"expires": datetime(2026, 8, 1)}}, "no time with a zone"),
    ({"plan": {"campaign": ""}}, "no text `campaign`"),
    ({"plan": {"accounts_file": "nowhere.txt"}}, "cannot be read"),
    ({"plan": {"epoch": -1}}, "`epoch` is -1"),
]


def test_without_a_section_nothing_is_asked_for() -> None:
    """Everything is off by default: a plan without sections does nothing, and says so."""
    plan = a_plan()
    assert (plan.coin, plan.best_of, plan.watermark, plan.canaries) == (None, None, None, None)
    assert "asks for nothing" in str(plan.standing(NOW))


def test_an_unapproved_plan_does_nothing_and_says_so() -> None:
    """Without an approver, or a time of approval, or before it, a plan is not in force."""
    coin = {"share": 0.5}
    assert a_plan(coin=coin).standing(NOW) is None
    assert "is not approved" in str(a_plan(coin=coin, plan={"approver": " "}).standing(NOW))
    unapproved = document(coin=coin)
    del unapproved["plan"]["approved_at"]
    assert "is not approved" in str(plan_of(unapproved, "p").standing(NOW))
    assert "not yet" in str(a_plan(coin=coin).standing(datetime(2026, 4, 30, tzinfo=UTC)))


def test_an_expired_plan_does_nothing_and_says_so() -> None:
    """From the moment of expiry on the plan is not in force; a plan that never ends cannot be written."""
    plan = a_plan(coin={"share": 0.5})
    assert plan.standing(plan.expires - timedelta(seconds=1)) is None
    assert "has expired" in str(plan.standing(plan.expires))
    endless = document(coin={"share": 0.5})
    del endless["plan"]["expires"]
    with pytest.raises(ConfigError, match="Every plan ends"):
        plan_of(endless, "p")


@pytest.mark.parametrize(("sections", "message"), WRONG)
def test_a_wrong_plan_is_refused_with_its_place(sections: dict[str, Any], message: str) -> None:
    """Each value out of its bounds, and each unknown name, is an error that names the section and says what may stand there."""
    with pytest.raises(ConfigError) as raised:
        plan_of(document(**sections), "plan.toml")
    assert message in str(raised.value)
    assert "plan.toml" in str(raised.value) or "nowhere.txt" in str(raised.value)


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    """Two files with the same content have one digest, whatever their spacing; a changed share has another."""
    head = '[plan]\ncampaign = "c"\naccounts_file = "a.txt"\nexpires = 2026-12-31T00:00:00Z\n'
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    (tmp_path / "1.toml").write_text(head + "[coin]\nshare = 0.5\n")
    (tmp_path / "2.toml").write_text(head.replace(" = ", "=") + "\n[coin]\nshare=0.5\n")
    (tmp_path / "3.toml").write_text(head + "[coin]\nshare = 0.6\n")
    one, two, three = (read_plan(tmp_path / f"{n}.toml") for n in (1, 2, 3))
    assert one == two
    assert one.digest != three.digest
    assert one.accounts == {"one", "two"}


def test_a_file_that_is_no_plan_is_an_error(tmp_path: Path) -> None:
    """A missing file, and one that is not TOML, are errors without a traceback."""
    (tmp_path / "p.toml").write_text("= 3")
    for name, message in (("p.toml", "is not TOML"), ("q.toml", "cannot be read")):
        with pytest.raises(ConfigError, match=message):
            read_plan(tmp_path / name)


def test_the_plan_on_the_reference_page_is_a_plan(tmp_path: Path) -> None:
    """The example of the reference page can be copied, and holds every name that a plan may have."""
    example = PAGE.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    (tmp_path / "plan.toml").write_text(example)
    (tmp_path / "accounts.txt").write_text("account-7\n")
    plan = read_plan(tmp_path / "plan.toml")
    assert plan.coin and plan.best_of and plan.watermark and plan.canaries
    names = {name for part in (Plan, Coin, BestOf, Watermark, Canaries) for name in part.__slots__}
    for name in names - {"coin", "best_of", "watermark", "canaries", "digest"}:
        assert f"{name} = " in example, name
