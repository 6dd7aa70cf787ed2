"""What the operator supplied is in the dossier itself, and every number of it follows from there, in both verifiers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stillhunt.digest import capabilities
from stillhunt.graph import candidates
from stillhunt.judge import clock, controls, copies, interchangeable, strands, work_queue
from stillhunt.judge.joins import dealings, events, takeover
from stillhunt.model import Campaign, Hunt
from stillhunt.report.dossier import Case, Dossier, PastCampaign, dossier, dossier_json
from stillhunt.report.dossier.case import Excerpt, Terms
from stillhunt.report.dossier.constants import CONSTANTS
from stillhunt.report.dossier.power import ALPHA
from stillhunt.report.dossier.stated import stated
from tools import verify_dossier as second

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "dossier.md"
OWN = ("case.", "controls.", "earlier.", "rule.")


@pytest.fixture(scope="module")
def supplied(finished: Hunt, campaign: Campaign, example: Case) -> Dossier:
    """A dossier with everything that an operator can supply: records of acceptance, controls, an earlier campaign, an excerpt."""
    accounts = campaign.accounts
    records = Terms(name="House rules", version="2", sha256="ab" * 32, records="who.csv")
    case = replace(example, terms=(*example.terms, records), excerpt=Excerpt(text="x", approved_by="y", strand=1))
    past = (
        PastCampaign(name="elsewhere", campaign=campaign, n_owners=9, same_key=False),
        PastCampaign(name="itself", campaign=campaign, n_owners=finished.n_owners, same_key=True),
        PastCampaign(name="the second", campaign=finished.campaigns[1], n_owners=finished.n_owners, same_key=True),
    )
    sets_of = [{"linked": True, "rejected": n == 3, "set": f"Firm {n}"} for n in range(40)]
    audit = {
        "linked_controls": 41, "rejected": 2, "rate_upper": controls.rate_upper(2, 41), "confidence": 0.95,
        "bound": (controls.rate_upper(2, 41) * 12 + 1) / 3, "claimable": False, "linked_sets": 12, "reported": 3,
        "falsely_reported": 1,
        "controls": [*sets_of, {"linked": False, "rejected": True, "set": "A"}, {"linked": False, "rejected": False, "set": "B"}],
    }  # fmt: skip
    accepted = {accounts[0]: date(2026, 1, 15), accounts[2]: date(2026, 2, 1)}
    rng = np.random.default_rng(1)
    many = tuple(replace(finished.linked[0], account_ids=(), week=tuple(rng.poisson(2, 168).tolist())) for _ in range(24))
    hunt = replace(finished, linked=many)
    return dossier(hunt, campaign, case=case, past=past, audit=audit, acceptances=(None, accepted))


def given(campaign: Campaign) -> dict[str, Any]:
    """Return what a bundle gives of a campaign, as far as recipes of the supplied part take it."""
    assert campaign.exhibits is not None
    first, last = campaign.profile.first_seen.date().isoformat(), campaign.profile.last_seen.date().isoformat()
    found: dict[str, Any] = {"traffic.first_day": first, "traffic.last_day": last, "owners": campaign.exhibits.figures["owners"]}
    return {**found, "settings.seed": campaign.claim.seed, "traffic.week": list(campaign.exhibits.week)}


def test_every_supplied_number_follows_from_the_dossier_in_both(supplied: Dossier, campaign: Campaign) -> None:
    """Each number from outside the log has a recipe, and both verifiers give it from `dossier.json` alone."""
    document = json.loads(dossier_json(supplied))
    first, other = stated(document, given(campaign)), second.supplied(document, given(campaign))
    assert first.keys() == other.keys()
    assert all(second.same(first[name], other[name]) for name in first)
    values = {**first, **{f"rule.{name}": value for name, value in CONSTANTS.items()}}
    mine = [n for n in document["numbers"] if n["recipe"] and n["recipe"].startswith(OWN)]
    assert [n["recipe"] for n in mine if not second.same(n["value"], values[n["recipe"]])] == []
    assert {n["recipe"].split(".")[0] for n in mine} == {"case", "controls", "earlier", "rule"}
    assert not [
        n for n in document["numbers"] if n["needs"] and "bundle" not in n["needs"] and "table" not in n["needs"]
    ]
    assert first["case.terms.2.accepted"] == 2 and first["case.terms.2.accepted.3"] == "2026-02-01"
    assert first["controls.linked"] == 41 and first["controls.rejected"] == 2
    assert first["earlier.1.accounts"] == len(campaign.members)
    likeness, level = first["earlier.1.schedule.likeness"], first["earlier.1.schedule.chance"]
    assert isinstance(likeness, float) and likeness > 0.6
    assert level == pytest.approx(1 / (1 + first["earlier.1.schedule.sets"]))  # type: ignore[operator]
    assert first["earlier.1.schedule.sets"] >= 19  # type: ignore[operator]


def test_no_name_or_place_of_the_operator_is_handed_on(supplied: Dossier, campaign: Campaign, finished: Hunt) -> None:
    """No account id, no label of an honest set, no path, and no tag of an earlier campaign is in what is supplied."""
    text = json.dumps(supplied.supplied)
    assert not [account for account in campaign.accounts if account in text]
    assert "Firm" not in text and "who.csv" not in text
    theirs = finished.campaigns[1].exhibits
    assert theirs is not None
    assert not [value.tag for value in theirs.shared if value.tag in text]
    assert not [member.tag for member in theirs.members if member.tag in text]
    outside = [value["outside"] for one in json.loads(dossier_json(supplied))["earlier"] for value in one["values"]]
    assert outside and 1 not in outside


def test_constants_are_those_that_the_code_works_by() -> None:
    """Each constant of a dossier is the one of its test, in both verifiers and on the reference page."""
    words = [word for text in capabilities._WORDS.values() for word in text.split()]
    used = {
        "circle": dealings.PARTNERS, "clock_ratio": clock.LEAST_RATIO, "controls_confidence": controls.CONFIDENCE,
        "copies_share": copies.LARGEST_SHARE, "copies_window_s": copies.WINDOW_S,
        "interchange_accounts": interchangeable.FEWEST_ACCOUNTS, "interchange_prompts": interchangeable.FEWEST_FILLS,
        "own_accounts": takeover.OWN_ACCOUNTS, "pairing_holders": candidates.RARE,
        "queue_share": work_queue.LEAST_SHARE, "single_test": ALPHA, "template_share": strands.SHARE_OF_ACCOUNTS,
        "wakes_within_h": events.WITHIN_US / events.HOUR_US, "word_lists": len(capabilities._WORDS), "words_in_lists": len(words),
    }  # fmt: skip
    assert {name: CONSTANTS[name] for name in used} == used
    assert dict(CONSTANTS) == second.RULE
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", PAGE.read_text("utf-8"), re.MULTILINE))
    listed = {name: float(x) for name, x in told.items()}
    assert listed == {k: float(v) for k, v in CONSTANTS.items() if not k.startswith("word")}
    assert "| `word_lists`, `words_in_lists` | 7, 320 |" in PAGE.read_text("utf-8")


def test_too_few_schedules_claim_nothing(finished: Hunt, campaign: Campaign) -> None:
    """Of a small log the page says how alike schedules are and that nothing follows; of an old hunt, that there is none."""
    past = PastCampaign(name="itself", campaign=campaign, n_owners=finished.n_owners, same_key=True)
    text = dossier_json(dossier(finished, campaign, past=(past,))).decode()
    assert "nothing claimed" in text and "no chance level could lie below" in text
    assert campaign.exhibits is not None
    old = replace(past, campaign=replace(campaign, exhibits=replace(campaign.exhibits, week=())))
    text = dossier_json(dossier(finished, campaign, past=(old,))).decode()
    assert "The schedules are not compared" in text


@pytest.mark.parametrize("change", [{"case_file": 3}, {"earlier": [{}]}, {"controls": {"rejected": [True]}}])
def test_what_hangs_together_badly_is_no_number(change: dict[str, Any]) -> None:
    """Supplied parts of another form raise an error that whoever verifies turns into a sentence."""
    with pytest.raises((AttributeError, KeyError, TypeError)):
        stated(change, {"owners": 3})
