"""Doctor says what logs can show: formats, losses, coverage, identity, privacy, what can run; and proposes mappings."""

from __future__ import annotations

import json
import re
import shutil
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhunt import collect
from stillhunt.cli import main
from stillhunt.collect.clear import in_the_clear
from stillhunt.collect.mapping import parse_mapping
from stillhunt.collect.proposing import propose
from stillhunt.collect.supply import supply
from stillhunt.contract import ACCOUNTS, EXCHANGES
from stillhunt.digest import traits
from stillhunt.doctor import Checkup, examine
from stillhunt.errors import LogError
from stillhunt.terminal import examined

SAMPLES = Path(__file__).resolve().parent / "samples"


def runs(checkup: Checkup) -> dict[str, bool]:
    """Return each test with whether it can run."""
    return {check.test: check.runs for check in checkup.checks}


def logged(folder: Path, rows: list[dict[str, object]]) -> Path:
    """Return an NDJSON log of rows, each with the required columns."""
    path = folder / "log.ndjson"
    base = {"account_id": "a", "started_at": "2026-03-02T09:05:00Z"}
    whole = [{"exchange_id": str(number), **base, **row} for number, row in enumerate(rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in whole))
    return path


def test_files_losses_and_span_are_told() -> None:
    """Each file has its format with the reason, each reason for a loss its count and a place, and the span is right."""
    checkup = examine([SAMPLES / "litellm.jsonl", SAMPLES / "openai.jsonl"])
    assert [(f.name, f.format, f.lines, f.exchanges) for f in checkup.files] == [
        ("litellm.jsonl", "litellm", 10, 6),
        ("openai.jsonl", "openai", 9, 7),
    ]
    assert all(f.why.endswith(".") for f in checkup.files)
    assert (checkup.lines, checkup.exchanges) == (19, 13)
    lost = sum(one.count for one in checkup.left_out if one.what == "line")
    assert checkup.lines == checkup.exchanges + lost
    assert all(one.examples for one in checkup.left_out)
    assert checkup.first_seen is not None and checkup.first_seen.isoformat() == "2026-03-02T09:05:00.250000+00:00"
    assert checkup.accounts == 6


def test_the_identity_that_won_is_told() -> None:
    """What stands for the account is told by kind, and the kinds add up to all exchanges."""
    checkup = examine([SAMPLES / "litellm.jsonl"])
    assert dict(checkup.identity) == {"account": 4, "team id": 1, "API key hash": 1}
    assert sum(count for _, count in checkup.identity) == checkup.exchanges


def test_coverage_counts_filled_values_of_every_column(tmp_path: Path) -> None:
    """Every column of the contract is in the table, with the rows in which it is filled."""
    checkup = examine([logged(tmp_path, [{"prompt": "x"}, {}])], SAMPLES / "accounts.csv")
    filled = {(c.table, c.column): (c.present, c.rows) for c in checkup.coverage}
    assert filled["exchanges", "prompt"] == (1, 2)
    assert filled["exchanges", "tls_ja4"] == (0, 2)
    assert filled["accounts", "account_id"] == (3, 3)
    assert len(filled) == len(EXCHANGES.names) + len(ACCOUNTS.names)


def test_each_key_and_test_says_whether_it_can_run(tmp_path: Path) -> None:
    """With a column its tests can run; without it they cannot, and the column and a setting are named."""
    bare = runs(examine([logged(tmp_path, [{}])]))
    assert bare["one clock"] and not bare["interchangeable workers"] and not bare["declared customers"]
    linking = [kind.label for kind in traits.KINDS if kind.group is not None]
    assert not any(bare[label] for label in linking)
    full = {"prompt": "p", "system": "s", "client_ip": "192.0.2.1", "tls_ja4": "t", "user_agent": "u", "device_id": "d",
            "tools_hash": "h", "reasoning_presented": ["r"], "org_id": "o"}  # fmt: skip
    checkup = examine([logged(tmp_path, [full])], SAMPLES / "accounts.csv")
    assert runs(checkup)["fixed part of the prompts"] and runs(checkup)["declared customers"]
    for check in checkup.checks:
        assert check.runs == (check.has == check.wants if check.every else bool(check.has))
        assert bool(check.settings) != check.runs
        assert all(setting.column in check.wants and setting.what for setting in check.settings)


@pytest.mark.parametrize("column", ["prompt", "user_agent"])
def test_what_cannot_run_in_a_hunt_cannot_run_here(column: str, tmp_path: Path) -> None:
    """Doctor and a hunt's report agree about what is unavailable."""
    import stillhunt

    log = logged(tmp_path, [{column: f"p {n}", "account_id": f"a{n % 3}"} for n in range(9)])
    hunt = stillhunt.hunt(log, key=b"0123456789abcdef", draws=199)
    said = {u.what.removeprefix("trait: ").removeprefix("test: ") for u in hunt.unavailable}
    said -= {"accounts that wake after a ban", "move to a new model"}  # these want events
    told = {
        "key 3: concealment" if c.test == "declared customers" else c.test for c in examine([log]).checks if not c.runs
    }
    assert said == told


@pytest.mark.parametrize("format", sorted({*collect.FORMATS, "map:x.toml", "somebody-elses"}))
def test_every_format_says_what_would_supply_each_column(format: str) -> None:
    """For each column of the contract, in each format, there is a sentence about where it is set."""
    for name in EXCHANGES.names:
        assert supply(format, name).endswith((".", ")"))
    assert "--accounts" in supply(format, "accounts.card_bin")


def test_settings_are_those_of_the_users_gateway(tmp_path: Path) -> None:
    """A log of LiteLLM is told LiteLLM's setting, and one of Bedrock's is told Bedrock's."""
    for sample, setting in (("litellm-spend.ndjson", "user_id"), ("bedrock.jsonl", "CloudTrail")):
        log = tmp_path / sample
        shutil.copy(SAMPLES / sample, log)
        settings = [setting.what for check in examine([log]).checks for setting in check.settings]
        told = " ".join([*settings, supply(examine([log]).files[0].format or "", "account_id")])
        assert setting in told


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("anna@example.org", "e-mail address"),
        ("4111 1111 1111 1111", "card number"),
        ("4111111111111111", "card number"),
        ("4111111111111112", None),
        ("1111111111111111", None),
        ("+44 20 7946 0958", "phone number"),
        ("sk-abcdefghijklmnop1234", "API key"),
        ("u-tern", None),
        ("2026-03-02", None),
        ("d41d8cd98f00b204e9800998ecf8427e", None),
        (None, None),
    ],
)
def test_personal_data_in_the_clear_is_known(value: str | None, kind: str | None) -> None:
    """Addresses, phone numbers, keys and cards with the right check digit are known, alone and inside text."""
    column = pa.array([value], pa.string())
    assert in_the_clear(column, inside=False) == ({kind: 1} if kind else {})
    inside = pa.array([f"Write to {value} today" if value else None], pa.string())
    assert in_the_clear(inside, inside=True) == ({kind: 1} if kind else {})


def test_privacy_warnings_name_columns_and_never_values(tmp_path: Path) -> None:
    """What stands in the clear in the log and in the accounts table is counted by column; no value is shown."""
    log = logged(
        tmp_path, [{"account_id": "anna@example.org", "prompt": "call +44 20 7946 0958"}, {"end_user_id": "x"}]
    )
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("account_id,email_hash,payment_fingerprint,phone\na,bo@example.org,4111111111111111,1\n")
    checkup = examine([log], accounts)
    found = {(e.table, e.column, e.kind): e.count for e in checkup.exposures}
    assert found == {
        ("exchanges", "account_id", "e-mail address"): 1,
        ("exchanges", "prompt", "phone number"): 1,
        ("accounts", "email_hash", "e-mail address"): 1,
        ("accounts", "payment_fingerprint", "card number"): 1,
        ("accounts", "phone", "a name that says so"): 1,
    }
    said = json.dumps(checkup.document())
    assert not any(secret in said for secret in ("anna", "bo@", "4111", "7946"))


def test_nothing_that_doctor_says_quotes_the_log(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """No text of a sample is in what is printed, as a page or as JSON."""
    for form in ([], ["--json"]):
        assert main(["doctor", str(SAMPLES / "anthropic.jsonl"), "--quiet", *form]) == 0
        said = capsysbinary.readouterr().out
        assert b"groyne" not in said and b"Wick" not in said and b"203.0.113" not in said


def test_the_page_has_every_part(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """The printed page tells files, whose identity, losses, columns, exposures, tests and settings."""
    log = logged(tmp_path, [{"account_id": "anna@example.org"}, {"prompt": 1}])
    (tmp_path / "mixed.log").write_text(log.read_text() + "{\n")
    assert main(["doctor", str(tmp_path / "mixed.log"), "--accounts", str(SAMPLES / "accounts.csv")]) == 0
    page = capsysbinary.readouterr().out.decode()
    for part in ("read as", "What stands for the account", "broken", "column of exchanges", "column of accounts",
                 "in the clear", "LINK", "OPERATE", "CONCEAL", "What would supply what is missing"):  # fmt: skip
        assert part in page, part
    assert max(map(len, page.splitlines())) < 220


def test_json_is_whole_and_alone_on_stdout(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """With --json, stdout is one document with a schema, and numbers that add up."""
    assert main(["doctor", str(SAMPLES / "litellm.jsonl"), "--json"]) == 0
    document = json.loads(capsysbinary.readouterr().out)
    assert document["schema"] == "stillhunt/doctor/v1"
    assert document["exchanges"] == sum(f["exchanges"] for f in document["files"]) == 6
    assert {c["key"] for c in document["checks"]} == {"LINK", "OPERATE", "CONCEAL", "CONTEXT"}
    assert {"column", "present", "rows", "share", "table"} == set(document["coverage"][0])


def tables_of(lines: list[str]) -> list[list[str]]:
    """Return the cells of all tables on a page, by the rules under their headers."""
    rows: list[list[str]] = []
    starts: list[int] = []
    for line in lines:
        if line.startswith("─"):
            starts = [at for at in range(len(line)) if line[at] == "─" and (at == 0 or line[at - 1] == " ")]
        elif not line or line.startswith("Empty: "):  # a sentence right below
            starts = []
        elif starts:
            rows.append([line[a:b].strip() for a, b in zip(starts, [*starts[1:], len(line) + 1], strict=True)])
    return rows


def scalars(value: object) -> set[str]:
    """Return every value of a document as a page writes it."""
    if isinstance(value, dict):
        return set().union(*map(scalars, value.values())) | {f"{value.get('table')}.{value.get('column')}"}
    if isinstance(value, list | tuple):
        return set().union(*map(scalars, value))
    if isinstance(value, bool):
        return {"yes" if value else "no"}
    return {f"{value:,}", f"{value:.1%}"} if isinstance(value, int | float) else {str(value)}


def test_json_says_all_that_the_page_says(tmp_path: Path) -> None:
    """
    Every item of the page is in the document.

    Format and why, rows read and left out with places, columns, times, accounts, what stands for them, what is in the clear,
    what can run, what cannot and for want of what, and the settings of the gateway that would supply it.
    """
    log = logged(tmp_path, [{"account_id": "anna@example.org", "prompt": "mail bo@example.org"}, {"prompt": 1}])
    log.write_text(log.read_text() + "{\n")
    (tmp_path / "odd.json").write_text('{"a": 1}\n')
    (tmp_path / "people.csv").write_text("account_id,org_id,phone\nanna@example.org,o-1,+44 20 7946 0000\n")
    checkup = examine([SAMPLES / "litellm.jsonl", log, tmp_path / "odd.json"], tmp_path / "people.csv")
    page, document = examined(checkup), json.loads(json.dumps(checkup.document()))
    known = scalars(document) | {"unknown"}
    cells = tables_of(page)
    assert len(cells) > 60
    for cell in (cell for row in cells for cell in row if cell):
        parts = re.split(", | or | and ", cell.removeprefix("wants "))
        assert cell in known or all(part in known for part in parts), cell
    said = " ".join(" ".join(page).split())
    for empty in re.findall(r"Empty: ([^.]+)\.", said):
        assert {(name, 0) for name in empty.split(", ")} <= {(one["column"], one["present"]) for one in document["coverage"]}
    for one in document["checks"]:
        assert one["consequence"] in said
        assert all(" ".join(setting["what"].split()) in said for setting in one["settings"])
    supplied = said.partition("What would supply what is missing:")[2]
    for one in re.split(r" - (?=[a-z])", supplied)[1:]:
        assert one.partition(": ")[2].strip() in {" ".join(s["what"].split()) for c in document["checks"] for s in c["settings"]}
    lost = [one for one in document["checks"] if not one["runs"]]
    assert lost and all(one["wants"] and one["settings"] for one in lost if one["key"] != "CONTEXT")
    for kind, count in ((one["kind"], one["exchanges"]) for one in document["identity"]):
        assert f"{kind} in {count:,}" in said
    for name in ("first_seen", "last_seen"):
        assert f"{datetime.fromisoformat(document[name]):%Y-%m-%d %H:%M}" in said
    assert f"{document['accounts']:,} accounts" in said and f"{document['exchanges']:,} exchanges" in said
    assert {one["table"] for one in document["exposures"]} == {"exchanges", "accounts"}
    assert all(one["examples"] for one in document["left_out"])


def test_an_unknown_log_is_listed_beside_those_that_are_read(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """One file that no format fits does not hide the others; alone, it is told what to do."""
    (tmp_path / "x.json").write_text('{"colour": 1}')
    checkup = examine([tmp_path / "x.json", SAMPLES / "kong.jsonl"])
    assert [(f.name, f.format) for f in checkup.files] == [("kong.jsonl", "kong"), ("x.json", None)]
    assert main(["doctor", str(tmp_path / "x.json"), "--quiet"]) == 0
    assert b"--suggest-map" in capsysbinary.readouterr().out
    with pytest.raises(LogError, match="no such file"):
        examine([tmp_path / "none.json"])


def test_vllm_is_read_together_with_the_gateways_log() -> None:
    """Logs that belong together are planned together, as a hunt plans them."""
    checkup = examine([SAMPLES / "vllm.log", SAMPLES / "envoy.jsonl"])
    assert checkup.exchanges == 4
    assert runs(checkup)["fixed part of the prompts"]


FOREIGN = [
    {
        "requestId": f"r-{n}",
        "customer": {"id": f"c-{n % 7}", "company": "x"},
        "createdAt": 1772442300000 + n * 1000,
        "remoteAddr": f"192.0.2.{n % 9}",
        "agent": "python-requests/2.33",
        "modelName": "m-large",
        "usage": {"promptTokens": 10 + n, "completionTokens": n},
        "httpStatus": [200, 429][n % 2],
        "apiKey": "sk-invented-key-0001",
        "payload": json.dumps({"model": "m-large", "messages": [{"role": "user", "content": f"Name cape {n}."}]}),
    }
    for n in range(60)
]


@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
def test_a_proposed_mapping_is_accepted_as_it_is(
    kind: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """What --suggest-map prints is a mapping with which --map reads the log; it quotes no value of an identity."""
    log = tmp_path / f"log.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(FOREIGN), log)
    else:
        log.write_text("".join(json.dumps(row) + "\n" for row in FOREIGN))
    assert main(["doctor", str(log), "--suggest-map"]) == 0
    text = capsysbinary.readouterr().out.decode()
    assert not any(secret in text for secret in ("c-3", "192.0.2", "invented", "cape"))
    (tmp_path / "mapping.toml").write_text(text)
    paths = {source.column: source.paths[0] for source in parse_mapping(text, "x").sources}
    assert paths == {
        "exchange_id": "requestId",
        "account_id": "customer.id",
        "started_at": "createdAt",
        "api_key_id": "apiKey",
        "model": "modelName",
        "tokens_in": "usage.promptTokens",
        "tokens_out": "usage.completionTokens",
        "status": "httpStatus",
        "client_ip": "remoteAddr",
        "user_agent": "agent",
    }
    checkup = examine([log], format=f"map:{tmp_path / 'mapping.toml'}")
    assert (checkup.lines, checkup.exchanges, checkup.accounts) == (60, 60, 7)
    filled = {c.column: c.present for c in checkup.coverage if c.table == "exchanges"}
    assert filled["prompt"] == 60 and filled["api_key_id"] == 60
    batches = [b for split in collect.plan([log], f"map:{tmp_path / 'mapping.toml'}") for b in collect.read(split)]
    row = batches[0].exchanges.to_pylist()[1]
    assert (row["status"], row["prompt"]) == ("rate_limited", "Name cape 1.")
    assert main(["doctor", str(log), "--map", str(tmp_path / "mapping.toml"), "--quiet"]) == 0


@pytest.mark.parametrize("sample", ["contract.ndjson", "contract.csv", "contract.parquet"])
def test_the_contracts_own_names_are_proposed_for_themselves(sample: str) -> None:
    """A log under the contract's names gets the mapping of each column to itself."""
    proposal = propose(SAMPLES / sample)
    assert not proposal.missing
    for source in parse_mapping(proposal.text, sample).sources:
        assert source.paths == (source.column,)


def test_a_proposal_says_what_it_could_not_find(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Required columns that nothing looks like are named, in the mapping and on stderr; nothing is guessed for them."""
    log = tmp_path / "x.csv"
    log.write_text("colour,size\nred,1\nred,1\n")
    assert main(["doctor", str(log), "--suggest-map"]) == 0
    captured = capsysbinary.readouterr()
    assert b"# account_id" in captured.out and b"`account_id`" in captured.err
    (tmp_path / "empty.csv").write_text("")
    assert main(["doctor", str(tmp_path / "empty.csv"), "--suggest-map"]) == 2


def test_map_and_format_together_are_refused(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """A mapping says how a log is read, so a format beside it is an error."""
    arguments = ["doctor", str(SAMPLES / "contract.csv"), "--map", "m.toml", "--format", "csv"]
    assert main(arguments) == 2
    assert b"--map" in capsysbinary.readouterr().err


def test_a_hunt_takes_a_mapping(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """`hunt --map` reads a foreign log to its end and writes its results."""
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps(row) + "\n" for row in FOREIGN))
    (tmp_path / "mapping.toml").write_text(propose(log).text)
    key = tmp_path / "key"
    key.write_text("00" * 32)
    arguments = ["hunt", str(log), "--map", str(tmp_path / "mapping.toml"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--key-file", str(key), "--draws", "199", "--quiet"]) == 0, capsysbinary.readouterr().err
    assert json.loads((tmp_path / "out" / "campaigns.json").read_text())["schema"] == "stillhunt/campaigns/v1"
