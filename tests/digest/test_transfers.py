"""What one owner was given and another sent back."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from digest.logs import at, call, digest

from stillhunt.audit import undeclared
from stillhunt.digest.transfers import MOST_TAKERS, OWN_ANSWERS, listed
from stillhunt.engines.duckdb import DuckDBEngine

ANSWER = "The valve closes when the pressure in the second chamber falls below that of the first, which is why it clicks."


def handed(engine: DuckDBEngine, kind: str) -> list[tuple[str, str]]:
    """Return (giver, taker) by name, givers other than the taker only."""
    rows = engine.fetch(
        "SELECT g.owner_name AS g, t.owner_name AS t FROM handed h JOIN owner g ON g.owner = h.giver JOIN owner t"
        f" ON t.owner = h.taker WHERE kind = '{kind}' AND giver <> taker ORDER BY taken_at, g, t"
    ).to_pylist()
    return [(r["g"].split(":")[1], r["t"].split(":")[1]) for r in rows]


def grading(account: str, hours: float, answer: str = ANSWER, **columns: Any) -> dict[str, Any]:
    """Return a call whose prompt quotes an answer."""
    return call(account, hours, prompt=f"Grade this from one to ten: {answer} Say why.", **columns)


def test_a_block_that_another_owner_presents_is_handed_over(engine: DuckDBEngine) -> None:
    """A reasoning block goes from the owner it was issued to, to every other owner that presents it later."""
    calls = [
        call("a", 1, reasoning_issued=["r1", "r2"]), call("b", 2, reasoning_presented=["r1"]),
        call("c", 3, reasoning_presented=["r1", "r2"]), call("a", 4, reasoning_presented=["r1"]),
    ]  # fmt: skip
    digest(engine, calls, [])
    assert handed(engine, "reasoning") == [("a", "b"), ("a", "c"), ("a", "c")]


def test_seats_of_one_organisation_hand_nothing_over(engine: DuckDBEngine) -> None:
    """Inside one declared organisation, blocks and answers may go anywhere."""
    calls = [call("a", 1, org_id="o", reasoning_issued=["r"], completion=ANSWER)]
    calls += [grading("b", 2, org_id="o", reasoning_presented=["r"])]
    digest(engine, calls, [])
    assert handed(engine, "reasoning") == handed(engine, "answer") == []


def test_seats_that_lose_their_organisation_hand_things_over(engine: DuckDBEngine) -> None:
    """Once an audit has forgotten what is declared, what passes between two seats passes between the owners they have become."""
    calls = [call("z", 0), call("a", 1, org_id="o", reasoning_issued=["r"], completion=ANSWER)]
    calls += [grading("b", 2, org_id="o", reasoning_presented=["r"])]
    digest(engine, calls, [])
    assert undeclared(engine, pa.array(["a", "b"]), shingles=1000)
    assert handed(engine, "reasoning") == handed(engine, "answer") == [("a", "b")]
    assert not undeclared(engine, pa.array(["a", "b"]), shingles=1000)


def test_a_block_that_is_not_one_owners_says_nothing(engine: DuckDBEngine) -> None:
    """A name that was issued to two owners, or presented before it was issued, or never issued, is not handed over."""
    calls = [
        call("a", 1, reasoning_issued=["twice"]), call("b", 2, reasoning_issued=["twice", "late"]),
        call("c", 1.5, reasoning_presented=["late", "unknown"]), call("c", 3, reasoning_presented=["twice"]),
    ]  # fmt: skip
    digest(engine, calls, [])
    assert handed(engine, "reasoning") == []


def test_an_answer_in_anothers_prompt_is_handed_over_once(engine: DuckDBEngine) -> None:
    """An answer that another owner's prompt quotes is one thing, however many of its marks are found."""
    digest(engine, [call("a", 1, completion=ANSWER), grading("b", 2), grading("a", 3), call("c", 4, prompt="Hello there.")], [])
    assert handed(engine, "answer") == [("a", "b")]
    (own,) = engine.fetch("SELECT count(*) AS n FROM handed WHERE kind = 'answer' AND giver = taker").to_pylist()
    assert own["n"] == 1


def test_text_that_was_there_before_is_not_an_answer_handed_over(engine: DuckDBEngine) -> None:
    """Public text that somebody sent before or in the call it was served in is quoted, not handed over."""
    before = [grading("z", 0.5), call("a", 1, completion=ANSWER), grading("b", 2)]
    digest(engine, before, [])
    assert handed(engine, "answer") == []
    digest(engine, [grading("a", 1, completion=ANSWER), grading("b", 2)], [])
    assert handed(engine, "answer") == []


def test_a_popular_answer_does_not_count(engine: DuckDBEngine) -> None:
    """An answer served to two owners, or sent back by many, is nobody's own."""
    digest(engine, [call("a", 1, completion=ANSWER), call("z", 1.1, completion=ANSWER), grading("b", 2)], [])
    assert handed(engine, "answer") == []
    crowd = [grading(f"b{n}", 2 + n) for n in range(MOST_TAKERS + 1)]
    digest(engine, [call("a", 1, completion=ANSWER), *crowd], [])
    assert handed(engine, "answer") == []


def test_half_of_what_is_handed_over_is_a_trait_and_half_is_not(engine: DuckDBEngine) -> None:
    """Of blocks and answers that change hands, those of half 0 are traits of giver and taker, those of half 1 of neither."""
    calls = []
    for n in range(26):
        word = "".join(chr(97 + (n * k + k) % 26) for k in range(1, 9))
        text = f"{word} opens before the {word} of every other {word} has been closed by {word[::-1]} again."
        calls.append(call("a", n, reasoning_issued=[f"r{n}"], completion=text))
        calls.append(grading("b", n + 0.5, text, reasoning_presented=[f"r{n}"]))
    digest(engine, calls, [])
    rows = engine.fetch(
        "SELECT h.kind, h.half, count(DISTINCT h.value) AS things,"
        " count(DISTINCT (t.acct, t.value)) FILTER (WHERE t.acct IS NOT NULL) AS holdings FROM handed h"
        " LEFT JOIN (SELECT t.* FROM trait t JOIN account a USING (acct)) t ON t.kind = h.kind AND t.value = h.value"
        " WHERE giver <> taker GROUP BY h.kind, h.half ORDER BY h.kind, h.half"
    ).to_pylist()
    found = {(r["kind"], r["half"]): (r["things"], r["holdings"]) for r in rows}
    for kind in ("answer", "reasoning"):
        linking, testing = found[kind, 0], found[kind, 1]
        assert linking[0] + testing[0] == 26
        assert min(linking[0], testing[0]) >= 5
        assert linking[1] == 2 * linking[0]
        assert testing[1] <= (OWN_ANSWERS if kind == "answer" else 0)


@pytest.mark.parametrize(
    ("turn", "served"),
    [
        (ANSWER, 1.0),
        (ANSWER[:70], 0.7),
        (ANSWER.replace("pressure", "temperature"), 0.4),
        ("This provider never said that, not to anybody, not once in all the time that is in this log.", 0.0),
    ],
)
def test_turns_are_known_when_they_were_served(engine: DuckDBEngine, turn: str, served: float) -> None:
    """A turn that this provider served, cut or edited too, has marks that were served; a foreign one has none."""
    history = f'[{{"role": "user", "content": "Why?"}}, {{"role": "assistant", "content": "{turn}"}}]'
    asked = [call("b", 2, history=history, prompt="And then?", exchange_id=f"b{n}") for n in range(40)]
    digest(engine, [call("a", 1, completion=ANSWER), *asked], [])
    assert 0 < engine.fetch("SELECT count(*) AS n FROM turn").to_pylist()[0]["n"] < 25
    (found,) = engine.fetch("SELECT DISTINCT owner, started_at, marks, served FROM turn").to_pylist()
    assert found["started_at"] == at(2)
    assert found["served"] / found["marks"] >= served
    assert served > 0 or found["served"] == 0


def test_values_of_lists_come_with_the_account_that_sent_them(engine: DuckDBEngine) -> None:
    """Each value of a list of each call is one row with account and owner, of those values only that are asked for."""
    calls = [
        call("a", 1, org_id="o", prompt=ANSWER), call("b", 2, org_id="o", prompt=ANSWER + " It clicks twice."), call("c", 3),
    ]  # fmt: skip
    digest(engine, calls, [])
    told = engine.fetch("SELECT shingles, acct, exchange_h FROM call WHERE shingles IS NOT NULL").to_pylist()
    owner = {r["acct"]: r["owner"] for r in engine.fetch("SELECT acct, owner FROM account").to_pylist()}
    every = sorted((v, r["acct"], owner[r["acct"]], r["exchange_h"]) for r in told for v in r["shingles"])
    for where, expected in (("TRUE", every), ("value % 2 = 1", [row for row in every if row[0] % 2])):
        rows = engine.fetch(listed("shingles", "exchange_h", where)).to_pylist()
        assert sorted((r["value"], r["acct"], r["owner"], r["exchange_h"]) for r in rows) == expected
    assert any(row[0] % 2 for row in every) and len({row[2] for row in every}) < len(owner)
