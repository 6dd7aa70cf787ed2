"""
What one owner was given and another sent back: exact joins over the whole log.

Two things are followed: blocks of protected reasoning (nobody can make one up), and answers (known again by their marks in
prompts). Both become rows of `handed`. What an answer must be to count, so that popular answers and quoted public text do
not: served to one owner only; seen in no prompt before it was served; sent back by few owners; and at least `FEWEST_MARKS`
of its marks in one prompt.

Each handed thing falls into one of two halves by the hash of the call it was given in, which nothing but chance decides.
Half 0 is for linking: giver and taker hold it as a trait. Half 1 is for the tests of joint operation, and is not a trait:
what links a set is never evidence a second time.

    handed(kind, value, half, giver, taker, given_h, taken_h, given_at, taken_at, given_model, taken_model)
    turn(owner, exchange_h, started_at, marks, served)

Owners are numbers; `_h` are hashes of exchange ids. Owners may hand to themselves, which tells how common this is.
`turn` has the last assistant turn of each history: how many marks it has, and how many of them this provider has served to
anybody.
"""

from __future__ import annotations

from collections.abc import Iterator

from stillhunt.engines import Engine

FEWEST_MARKS = 2
"""Marks of one answer that one prompt must contain."""

OWN_ANSWERS = 4
"""Answers of its own that each account holds as traits: how rare it is to share one is measured against these."""

MOST_TAKERS = 8
"""A mark that more owners than this send is a common phrase or a text from elsewhere."""


_HALF = "CASE WHEN given_h % 2 = 1 THEN 1 ELSE 0 END"
_QUARTER = (
    "CASE WHEN exchange_h % 4 = 0 THEN 0 WHEN exchange_h % 4 = 1 THEN 1 WHEN exchange_h % 4 = 2 THEN 2 ELSE 3 END"
)
"""Of hashes only comparisons are asked: not every engine has unsigned numbers."""


def listed(column: str, keep: str, where: str = "TRUE") -> str:
    """
    Return a query with one row for each value of a list of each call: `value`, columns to `keep`, `acct` and `owner`.

    Only values that satisfy `where` are joined with their account, and only after that: DuckDB 2.0.0 ends a filter on lists
    that were unnested from a join with an internal error ("dict-surviving cache").
    """
    return (
        f"SELECT u.*, a.acct, a.owner FROM (SELECT * FROM (SELECT account_id, {keep}, unnest({column}) AS value"
        f" FROM distinct_call WHERE {column} IS NOT NULL) WHERE {where}) u JOIN account a USING (account_id)"
    )


def build(engine: Engine, *, parts: int) -> None:
    """
    Make `handed` and `turn` from `call` and `account`, the long lists in parts by hash.

    1. Reasoning blocks: issued to one owner only, presented later.
    2. Marks of answers in prompts, and the turns that were served; part by part.
    3. Marks of one answer in one prompt are one thing handed over.
    """
    engine.create("handed_reasoning", _reasoning_query())                             # 1.
    for part in range(parts):                                                              # 2.
        for relation, query in _steps(part, parts):
            engine.create(f"{relation}_{part}", query)
        for used in ("served_mark", "said_mark", "rare_mark", "turned_mark", "turned_value", "known_mark"):
            engine.drop(f"{used}_{part}")
    marks = " UNION ALL ".join(f"SELECT * FROM answer_mark_{part}" for part in range(parts))
    engine.create(                                                                         # 3.
        "handed",
        "SELECT * FROM handed_reasoning UNION ALL"
        f" SELECT 'answer' AS kind, given_h AS value, {_HALF} AS half, giver, taker, given_h, taken_h,"
        " min(given_at) AS given_at, min(taken_at) AS taken_at, min(given_model) AS given_model,"
        f" min(taken_model) AS taken_model FROM ({marks}) GROUP BY given_h, giver, taker, taken_h"
        f" HAVING count(*) >= {FEWEST_MARKS}",
    )
    served = " UNION ALL ".join(f"SELECT * FROM turn_mark_{part}" for part in range(parts))
    engine.create(
        "turn",
        "SELECT a.owner, c.exchange_h, c.started_at, s.marks, s.served FROM (SELECT exchange_h,"
        f" sum(marks)::INTEGER AS marks, sum(served)::INTEGER AS served FROM ({served}) GROUP BY exchange_h) s"
        " JOIN call c ON c.exchange_h = s.exchange_h JOIN account a ON a.acct = c.acct",
    )
    for used in ("handed_reasoning", *(f"{name}_{p}" for p in range(parts) for name in ("answer_mark", "turn_mark"))):
        engine.drop(used)


_MOMENT = "exchange_h, started_at, model"


def _reasoning_query() -> str:
    return (
        "WITH issued AS (SELECT value, min(owner) AS giver, min(exchange_h) AS given_h, min(started_at) AS given_at,"
        f" min(model) AS given_model FROM ({listed('issued_h', _MOMENT)}) GROUP BY value HAVING min(owner) = max(owner)),"
        " presented AS (SELECT value, owner AS taker, exchange_h AS taken_h, started_at AS taken_at, model AS taken_model"
        f" FROM ({listed('reasoning_h', _MOMENT)}))"
        f" SELECT DISTINCT 'reasoning' AS kind, value, {_HALF} AS half, giver, taker, given_h, taken_h, given_at,"
        " taken_at, given_model, taken_model FROM presented JOIN issued USING (value) WHERE taken_at > given_at"
    )


def _steps(part: int, parts: int) -> Iterator[tuple[str, str]]:
    """
    Yield relations of one part of all marks, each with the query that makes it from those before.

    `answer_mark` has a row for each mark of an answer in a later prompt; `turn_mark` one for each call with a history: its last
    answer's marks, and those of them that were served. What a join looks values up in is a relation of its own, with each value
    once: a cluster can then cut a value that very many calls have into several tasks.
    """
    mine = f"value % {parts} = {part}"
    yield (
        "served_mark",
        "SELECT value, min(owner) AS giver, min(exchange_h) AS given_h, min(started_at) AS given_at, min(model) AS given_model"
        f" FROM ({listed('answer_marks', _MOMENT, mine)}) GROUP BY value HAVING min(owner) = max(owner)",
    )
    yield (
        "said_mark",
        "SELECT DISTINCT value, owner AS taker, exchange_h AS taken_h, started_at AS taken_at, model AS taken_model"
        f" FROM ({listed('shingles', _MOMENT, mine)}) WHERE value IN (SELECT value FROM served_mark_{part})",
    )
    yield (
        "rare_mark",
        f"SELECT value FROM said_mark_{part} JOIN served_mark_{part} USING (value) GROUP BY value"
        f" HAVING min(taken_at) > min(given_at) AND count(DISTINCT taker) <= {MOST_TAKERS}",
    )
    yield (
        "answer_mark",
        "SELECT value, giver, taker, given_h, taken_h, given_at, taken_at, given_model, taken_model FROM (SELECT * FROM"
        f" said_mark_{part} WHERE value IN (SELECT value FROM rare_mark_{part})) s JOIN served_mark_{part} USING (value)",
    )
    yield (
        "turned_mark",
        "SELECT exchange_h, value FROM (SELECT exchange_h, unnest(turn_marks) AS value FROM distinct_call"
        f" WHERE turn_marks IS NOT NULL) WHERE {mine}",
    )
    yield "turned_value", f"SELECT DISTINCT value FROM turned_mark_{part}"
    yield (
        "known_mark",
        "SELECT DISTINCT value FROM (SELECT unnest(answer_marks) AS value FROM distinct_call WHERE answer_marks IS NOT NULL)"
        f" WHERE {mine} AND value IN (SELECT value FROM turned_value_{part})",
    )
    yield (
        "turn_mark",
        f"SELECT t.exchange_h, count(*) AS marks, count(k.value) AS served FROM turned_mark_{part} t"
        f" LEFT JOIN known_mark_{part} k USING (value) GROUP BY t.exchange_h",
    )


TRAITS = (
    "SELECT acct, 'reasoning' AS kind, value, min(started_at) AS first_seen, max(started_at) AS last_seen, count(*) AS n FROM"
    f" ({listed('reasoning_h', 'started_at')}) WHERE value NOT IN"
    " (SELECT value FROM handed WHERE kind = 'reasoning' AND half = 1 AND giver <> taker) GROUP BY acct, value",
    "SELECT c.acct, h.kind, h.value, min(h.given_at) AS first_seen, max(h.taken_at) AS last_seen, count(*) AS n"
    " FROM (SELECT kind, value, given_h, given_at, max(taken_at) AS taken_at FROM handed WHERE half = 0 AND giver <> taker"
    " GROUP BY kind, value, given_h, given_at) h JOIN call c ON c.exchange_h = h.given_h GROUP BY c.acct, h.kind, h.value",
    "SELECT c.acct, h.kind, h.value, min(h.taken_at) AS first_seen, max(h.taken_at) AS last_seen, count(*) AS n"
    " FROM handed h JOIN call c ON c.exchange_h = h.taken_h WHERE h.kind = 'answer' AND (h.half = 0 OR h.giver = h.taker)"
    " GROUP BY c.acct, h.kind, h.value",
    "SELECT acct, 'answer' AS kind, min(exchange_h) AS value, min(started_at) AS first_seen, min(started_at) AS last_seen, 1 AS n"
    f" FROM call WHERE answer_marks IS NOT NULL GROUP BY acct, {_QUARTER}",
)
"""
Queries of traits: blocks presented, except those of half 1 that another owner presents; givers of what is handed in
half 0; takers of answers; and a few answers of everybody's own.
"""
