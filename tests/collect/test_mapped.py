"""Logs under names of their own: what a mapping may say, what becomes of it, and what its errors name."""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from collect.reading import SAMPLES, counts, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import collect
from stillhunt.collect import planning
from stillhunt.collect.mapped import columns_of
from stillhunt.collect.mapping import parse_mapping, read_mapping
from stillhunt.errors import ConfigError
from stillhunt.plugs import Split
from stillhunt.testing import check_batch

ROWS: list[dict[str, Any]] = [
    {
        "id": number,
        "customer": {"id": f"c-{number}", "plan": "x"} if number % 2 else {"id": None, "plan": "y"},
        "team": "t-1",
        "ts": 1772442300000 + number,
        "xff": f"192.0.2.{number}, 198.51.100.1",
        "key": "sk-invented",
        "code": [200, 429, 500][number % 3],
        "text": f"What is a groyne, please, {number}?",
        "meta": json.dumps({"usage": {"in": number}}),
        "sigs": "a; b",
    }
    for number in range(6)
]

MAPPING = """
[columns]
exchange_id = "id"
account_id = ["customer.id", "team"]
started_at = { from = "ts", unit = "ms" }
client_ip = { from = "xff", split = ",", item = 0 }
api_key_id = { from = "key", hash = true }
status = { from = "code", values = { 200 = "ok", 429 = "rate_limited" } }
prompt = "text"
tokens_in = "meta.usage.in"
reasoning_issued = { from = "sigs", split = ";" }

[constants]
model = "m-large"
max_tokens = 64
"""


def written(folder: Path, kind: str, rows: list[dict[str, Any]] = ROWS) -> Path:
    """Return a file of the rows in one of the three containers."""
    path = folder / f"log.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "csv":
        with path.open("w", newline="") as file:
            flat = [{**row, "customer.id": row["customer"]["id"]} for row in rows]
            names = [name for name in flat[0] if name != "customer"]
            writer = csv.DictWriter(file, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(flat)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def mapped(folder: Path, log: Path, text: str) -> tuple[list[dict[str, Any]], dict[tuple[str, str], int], int]:
    """Return a log's exchanges by a mapping, without what is null, what was left out, and the number of lines."""
    (folder / "mapping.toml").write_text(text)
    batches = [b for split in collect.plan([log], f"map:{folder / 'mapping.toml'}") for b in collect.read(split)]
    for batch in batches:
        check_batch(batch)
    rows = [{name: value for name, value in row.items() if value is not None} for row in rows_of(batches)]
    return rows, counts(batches), sum(batch.lines for batch in batches)


@pytest.mark.parametrize("kind", ["parquet", "ndjson", "csv"])
def test_the_same_log_in_each_container_gives_the_same_exchanges(kind: str, tmp_path: Path) -> None:
    """Paths, units, lists, hashes, other values and constants do the same to Parquet, NDJSON and CSV."""
    rows, left, lines = mapped(tmp_path, written(tmp_path, kind), MAPPING)
    assert lines == 6
    assert left == {("value", "account is `team`, for want of `customer.id`"): 3}
    assert rows[1] == {
        "exchange_id": "1",
        "account_id": "c-1",
        "started_at": datetime(2026, 3, 2, 9, 5, 0, 1000, tzinfo=UTC),
        "client_ip": "192.0.2.1",
        "api_key_id": hashlib.sha256(b"sk-invented").hexdigest()[:32],
        "status": "rate_limited",
        "prompt": "What is a groyne, please, 1?",
        "tokens_in": 1,
        "reasoning_issued": ["a", "b"],
        "model": "m-large",
        "max_tokens": 64,
    }
    assert [row["account_id"] for row in rows] == ["t-1", "c-1", "t-1", "c-3", "t-1", "c-5"]
    assert rows[2]["status"] == "500"


def test_parts_make_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapped log is divided like any other, and its parts together hold each exchange once."""
    monkeypatch.setattr(planning, "SMALLEST_PART", 200)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    for kind in ("ndjson", "parquet"):
        path = written(tmp_path, kind)
        if kind == "parquet":
            pq.write_table(pq.read_table(path), path, row_group_size=2)
        splits = collect.plan([path], f"map:{tmp_path / 'mapping.toml'}", parts=2)
        assert len(splits) > 1
        rows = rows_of([batch for split in splits for batch in collect.read(split)])
        assert sorted(str(row["exchange_id"]) for row in rows) == list("012345")


@pytest.mark.parametrize(
    ("unit", "value"),
    [("s", 1772442300), ("ms", 1772442300000), ("us", "1772442300000000"), ("ns", "1772442300000000000"),
     ("s", 1772442300.0), ("s", "1772442300.0"), ("ms", "2026-03-02T09:05:00Z")],
)  # fmt: skip
def test_units_of_time_are_taken_at_their_word(unit: str, value: object, tmp_path: Path) -> None:
    """A number is in the stated unit, as a number or as text; text that is a date is one whatever the unit."""
    log = tmp_path / "log.ndjson"
    log.write_text(json.dumps({"e": "1", "a": "x", "t": value}) + "\n")
    text = f'[columns]\nexchange_id = "e"\naccount_id = "a"\nstarted_at = {{ from = "t", unit = "{unit}" }}\n'
    rows, _, _ = mapped(tmp_path, log, text)
    assert rows[0]["started_at"] == datetime(2026, 3, 2, 9, 5, tzinfo=UTC)


def test_a_unit_beats_the_guess_by_size(tmp_path: Path) -> None:
    """Milliseconds of 1970, which look like seconds, are milliseconds where the mapping says so."""
    log = tmp_path / "log.ndjson"
    log.write_text('{"e":"1","a":"x","t":1000}\n')
    text = '[columns]\nexchange_id = "e"\naccount_id = "a"\nstarted_at = { from = "t", unit = "ms" }\n'
    assert mapped(tmp_path, log, text)[0][0]["started_at"] == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(("item", "expected"), [(0, "a"), (1, "b"), (-1, "c"), (-3, "a"), (3, None), (-4, None)])
@pytest.mark.parametrize("kind", ["list", "json", "text"])
def test_items_of_lists_are_counted_from_either_end(kind: str, item: int, expected: str | None, tmp_path: Path) -> None:
    """One item of a list, of a JSON list in text, or of divided text is taken; none there is null."""
    value = {"list": ["a", "b", "c"], "json": '["a","b","c"]', "text": "a| b |c"}[kind]
    log = tmp_path / "log.parquet"
    pq.write_table(pa.table({"e": ["1", "2"], "a": ["x", "x"], "t": [1772442300] * 2, "d": [value, None]}), log)
    split = ', split = "|"' if kind == "text" else ""
    text = f'[columns]\nexchange_id="e"\naccount_id="a"\nstarted_at="t"\ndevice_id={{from="d"{split}, item={item}}}\n'
    rows, _, _ = mapped(tmp_path, log, text)
    assert rows[0].get("device_id") == expected
    assert "device_id" not in rows[1]


@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
def test_bodies_fill_what_no_column_gives(kind: str, tmp_path: Path) -> None:
    """A request's body and an answer's, as JSON text or as structure, fill the columns that the mapping leaves out."""
    source = [json.loads(line) for line in (SAMPLES / "anthropic.jsonl").read_text().splitlines()[:3]]
    rows = [
        {"who": row["account_id"], "when": row["started_at"] if number else 1772442300, "ask": json.dumps(row["request"]),
         "got": json.dumps(row["response"]) if kind == "parquet" else row["response"]}
        for number, row in enumerate(source)
    ]  # fmt: skip
    text = '[columns]\naccount_id="who"\nstarted_at="when"\n[bodies]\nrequest="ask"\nresponse="got"\n[constants]\nmodel="never"'
    found, _, lines = mapped(tmp_path, written(tmp_path, kind, rows), text)
    assert lines == 3
    assert [row["exchange_id"] for row in found] == ["msg_1", "msg_2", "msg_3"]
    assert (found[0]["prompt"], found[0]["completion"]) == ("When is high water at Wick?", "At 14:05.")
    assert found[1]["refusal_category"] == "reasoning_extraction"
    assert found[0]["model"] == "c-large-4" and found[0]["tokens_in"] == 125


def test_a_constant_stands_where_a_column_is_empty(tmp_path: Path) -> None:
    """A column that is named wins; where it is empty, the constant is used."""
    log = tmp_path / "log.ndjson"
    log.write_text('{"e":"1","t":1772442300,"a":"x"}\n{"e":"2","t":1772442300,"a":" "}\n{"e":"3","t":1772442300}\n')
    text = '[columns]\nexchange_id = "e"\nstarted_at = "t"\naccount_id = "a"\n[constants]\naccount_id = "acme"\n'
    assert [row["account_id"] for row in mapped(tmp_path, log, text)[0]] == ["x", "acme", "acme"]


REST = '\nexchange_id = "id"\naccount_id = "team"\nstarted_at = "ts"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[columns\n", r"not TOML.*line 1"),
        ("[colums]\n", r"line 1.*no section `colums`[\s\S]*`columns`"),
        ('[columns]\nacount_id = "x"', r"line 2.*`acount_id`[\s\S]*Did you mean `account_id`"),
        ("[columns]\nprompt = 3", r"line 2: `prompt`.*which column"),
        ("[columns]\nprompt = []", r"line 2: `prompt`.*which column"),
        ('[columns]\n\nprompt = { from = "a", unti = "s" }', r"line 3: `prompt`.*`unti`[\s\S]*`unit`"),
        ('[columns]\nprompt = { from = "a", unit = "s" }', r"line 2.*only times"),
        ('[columns]\nended_at = { from = "a", unit = "h" }', r"line 2.*'h'"),
        ('[columns]\nprompt = { from = "a", item = "x" }', r"line 2.*`item`"),
        ('[columns]\nprompt = { from = "a", hash = 1 }', r"line 2.*`hash`"),
        ('[columns]\nprompt = { from = "a", split = "" }', r"line 2.*`split`"),
        ('[columns]\nstatus = { from = "a", values = { 200 = 1 } }', r"line 2.*`values`"),
        ('[constants]\nexchange_id = "x"', r"line 2.*`exchange_id`.*same for all"),
        ("[constants]\nmodel = [1]", r"line 2.*`model`"),
        ('[bodies]\nanswer = "x"', r"line 2.*`answer`"),
        ("columns = 3", r"line 1.*no section"),
        ('[columns]\nprompt = "a"', r"where `exchange_id`, `account_id`, `started_at` come from"),
    ],
)
def test_a_wrong_mapping_is_an_error_that_names_its_line(text: str, says: str) -> None:
    """What a mapping cannot mean stops the run, with the line, the column and what was perhaps meant."""
    with pytest.raises(ConfigError, match=says):
        parse_mapping(text, "mapping.toml")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_column_that_the_log_has_not_is_an_error_with_those_that_are_near(kind: str, tmp_path: Path) -> None:
    """A path that leads nowhere in the log is named with its line and with close matches."""
    text = "[columns]" + REST + 'prompt = "txt"\n'
    with pytest.raises(ConfigError, match=r"line 5: `prompt`.*`txt`[\s\S]*Did you mean `text`"):
        mapped(tmp_path, written(tmp_path, kind), text)
    text = '[columns]\nexchange_id = "id"\naccount_id = "customer.idd"\nstarted_at = "ts"\n'
    with pytest.raises(ConfigError, match=r"line 3: `account_id`[\s\S]*`customer\.id`"):
        mapped(tmp_path, written(tmp_path, kind), text)


def test_json_may_lack_what_is_not_required_and_says_so(tmp_path: Path) -> None:
    """Of NDJSON a required column must be near the start; another that never comes is counted."""
    text = "[columns]" + REST + 'prompt = "txt"\n'
    rows, left, _ = mapped(tmp_path, written(tmp_path, "ndjson"), text)
    assert len(rows) == 6
    assert left == {("value", "column `prompt`: the log holds nothing under `txt` (line 5 of the mapping)"): 6}
    with pytest.raises(ConfigError, match=r"line 3: `account_id`"):
        mapped(tmp_path, written(tmp_path, "ndjson"), text.replace('"team"', '"tem"'))


def test_a_mapping_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A missing file, and one that is not text, are errors that say what next."""
    with pytest.raises(ConfigError, match="suggest-map"):
        read_mapping(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_mapping(tmp_path / "bad.toml")


def test_broken_logs_are_accounted_for(tmp_path: Path) -> None:
    """Lines that are no JSON, rows with too few fields and cut Parquet are left out, and counted."""
    text = "[columns]" + REST
    log = written(tmp_path, "ndjson")
    log.write_text(log.read_text() + '{"id": 7, \n[1]\n{"id": 8, "ts": 1772442300}\n')
    rows, left, lines = mapped(tmp_path, log, text)
    assert (len(rows), lines) == (6, 9)
    assert sum(count for (what, _), count in left.items() if what == "line") == 3
    log = written(tmp_path, "csv")
    log.write_text(log.read_text() + "1,2\n")
    rows, left, lines = mapped(tmp_path, log, text)
    assert (len(rows), lines) == (6, 7)
    whole = written(tmp_path, "parquet").read_bytes()
    (tmp_path / "mapping.toml").write_text(text)
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (split,) = collect.plan([tmp_path / "cut.parquet"], f"map:{tmp_path / 'mapping.toml'}")
    for batch in collect.read(split):
        check_batch(batch)
        assert batch.left_out


def test_columns_are_listed_by_dotted_path(tmp_path: Path) -> None:
    """The columns of a log are those that a mapping may name, nested ones by their path."""
    for kind in ("parquet", "ndjson"):
        assert columns_of(written(tmp_path, kind))[:3] == ["id", "customer.id", "customer.plan"]
    assert "customer.id" in columns_of(written(tmp_path, "csv"))


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.just('{"id": {"id": 1}}')),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["id", "usage", "in"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(rows=st.lists(st.dictionaries(st.sampled_from(list(ROWS[0])), VALUES, max_size=8), max_size=4))
def test_any_values_under_the_mapped_names_never_raise(rows: list[dict[str, Any]]) -> None:
    """Whatever stands where the mapping looks, each line is an exchange or left out."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mapping.toml").write_text(MAPPING + '[bodies]\nrequest = "text"\nresponse = "customer"\n')
        path = Path(folder) / "log.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        batches = list(collect.read(Split(path=str(path), format=f"map:{folder}/mapping.toml")))
        assert sum(batch.lines for batch in batches) == len(rows)
        for batch in batches:
            check_batch(batch)


def test_the_mapping_in_the_how_to_is_a_mapping() -> None:
    """The example that people copy is read without an error, and says what the page says it does."""
    page = (SAMPLES.parents[1] / "docs" / "how-to" / "look-before-you-hunt.md").read_text(encoding="utf-8")
    text = page.split("```toml")[1].split("```")[0]
    found = parse_mapping("\n".join(line.strip() for line in text.splitlines()), "mapping.toml")
    assert [source.column for source in found.sources][:2] == ["exchange_id", "account_id"]
    assert found.bodies == {"request": "payload.request", "response": "payload.response"}
