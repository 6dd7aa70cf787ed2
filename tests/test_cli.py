"""The command line: results on stdout, the rest on stderr, and every mistake explained."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stillhunt import pipeline, worlds
from stillhunt.backtest import read_reported
from stillhunt.cli import main
from stillhunt.config import Config
from stillhunt.errors import ClaimError

RESULTS = ("campaigns.json", "accounts.parquet", "report.html")
NETWORK = ("client_ip", "asn", "country", "tls_ja4", "user_agent", "header_order", "device_id")
TEXT = ("system", "prompt", "history", "completion")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def world() -> worlds.World:
    """A small world with campaigns that can be found."""
    return worlds.make("small", 5)


@pytest.fixture(scope="module")
def folder(world: worlds.World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world's files, and a key."""
    out = tmp_path_factory.mktemp("world")
    worlds.write(world, out)
    (out / "key").write_text("5a" * 32)
    return out


@pytest.fixture(scope="module")
def finished(folder: Path) -> Path:
    """The results of a hunt in the world's files, on one thread, with a working folder that is named."""
    more = ("--out", folder / "run", "--work", folder / "scratch", "--threads", 1, "--quiet")
    assert main([str(word) for word in ("hunt", *logs(folder), *more)]) == 0
    return folder / "run"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line in this process, in an empty folder; returns exit status, stdout, stderr."""
    monkeypatch.setenv("STILLHUNT_KEY_FILE", str(tmp_path / "config" / "key"))
    monkeypatch.delenv("STILLHUNT_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        status = main([str(a) for a in arguments])
        return status, *capfd.readouterr()

    return call


def logs(folder: Path) -> list[object]:
    """Return the arguments that hunt the world's files with its key."""
    key = ("--key-file", folder / "key", "--threads", 2)
    return [folder / "exchanges.parquet", "--accounts", folder / "accounts.parquet", *key]


def stopped(seen: dict[str, object]) -> Callable[..., None]:
    """Return a hunt that notes what it was asked for and goes no further."""

    def stop(*_: object, **settings: object) -> None:
        seen.update(settings)
        raise ClaimError("stopped by the test")

    return stop


def accused(run_dir: Path) -> list[list[str]]:
    """Return the account sets of a run's campaigns."""
    return sorted(sorted(c.accounts) for c in read_reported(run_dir / "campaigns.json"))


def test_hunt_writes_three_files_and_shows_a_table(run: Run, folder: Path, world: worlds.World) -> None:
    """A hunt writes its three files, shows each campaign on stdout, and its progress on stderr only."""
    status, out, err = run("hunt", *logs(folder), "--events", folder / "events.parquet", "--out", "deep/run")
    assert status == 0
    assert sorted(p.name for p in Path("deep/run").iterdir()) == sorted(RESULTS)
    campaigns = read_reported(Path("deep/run/campaigns.json"))
    assert campaigns
    for campaign in campaigns:
        assert campaign.id in out
    assert str(Path("deep/run/report.html")) in out
    assert "Reading the log" in err
    assert "Reading the log" not in out
    listed = pq.read_table("deep/run/accounts.parquet")
    assert set(listed["account_id"].to_pylist()) == set().union(*(c.accounts for c in campaigns))
    assert set(listed["account_id"].to_pylist()) <= set(world.accounts["account_id"].to_pylist())


def test_json_is_the_file_and_a_second_run_gives_the_same_bytes(run: Run, folder: Path, finished: Path) -> None:
    """With `--json`, stdout is `campaigns.json` byte for byte; the same input, seed and key give the same bytes."""
    status, out, err = run("hunt", *logs(folder), "--out", "one", "--json", "--quiet")
    assert (status, err) == (0, "")
    assert out.encode() == Path("one/campaigns.json").read_bytes()
    assert json.loads(out)["schema"] == "stillhunt/campaigns/v1"
    for name in RESULTS:
        assert Path("one", name).read_bytes() == (finished / name).read_bytes(), name


@pytest.mark.parametrize("name", ["ndjson", "csv", "litellm"])
def test_every_format_gives_the_same_campaigns(
    run: Run, folder: Path, finished: Path, world: worlds.World, name: str
) -> None:
    """The same log accuses the same accounts in every format."""
    path = Path(f"log.{'csv' if name == 'csv' else 'jsonl'}")
    {"ndjson": worlds.write_ndjson, "csv": worlds.write_csv, "litellm": worlds.write_litellm}[name](world, path)
    status, _, err = run("hunt", path, *logs(folder)[1:], "--out", "found")
    assert status == 0, err
    assert accused(finished)
    assert accused(Path("found")) == accused(finished)


@pytest.mark.parametrize(
    ("gone", "accounts", "says"),
    [
        (TEXT, True, "test: interchangeable workers"),
        (NETWORK, True, "trait: "),
        ((), False, "key 3: concealment"),
    ],
    ids=["text", "network", "accounts"],
)
def test_what_is_missing_is_named(
    run: Run, folder: Path, world: worlds.World, gone: tuple[str, ...], accounts: bool, says: str
) -> None:
    """A log without text, without network columns or without an accounts table is hunted, and the loss is named."""
    pq.write_table(world.exchanges.drop_columns(list(gone)), "log.parquet")
    side = logs(folder)[1:] if accounts else logs(folder)[3:]
    status, out, err = run("hunt", "log.parquet", *side, "--out", "run")
    assert status == 0, err
    assert says in " ".join(out.split())
    lost = json.loads(Path("run/campaigns.json").read_text())["unavailable"]
    assert any(row["what"].startswith(says) for row in lost)


def test_simulate_and_backtest_close_the_circle(run: Run) -> None:
    """A simulated world is written in the formats asked for; the hunt of it is compared with its truth."""
    status, out, err = run("simulate", "--world", "small", "--seed", 5, "--out", "w", "--formats", "csv,litellm")
    assert (status, err) == (0, "")
    assert "stillhunt hunt w/exchanges.csv" in out.replace("\\", "/")
    names = {p.name for p in Path("w").iterdir()}
    assert {"exchanges.csv", "exchanges.litellm.jsonl", "truth.parquet", "accounts.parquet"} <= names
    assert names.isdisjoint({"exchanges.parquet", "exchanges.ndjson"})
    assert run("hunt", "w/exchanges.csv", "--accounts", "w/accounts.parquet", "--out", "w/hunt")[0] == 0
    more = ("--truth-exchanges", "w/truth_exchanges.parquet")
    status, out, _ = run("backtest", "w/hunt", "--truth", "w/truth.parquet", *more, "--json")
    assert status == 0
    score = json.loads(out)
    assert score["n_found"] >= 1 and score["calls"]["cited"] > 0
    status, out, _ = run("backtest", "w/hunt", "--truth", "w/truth.parquet")
    assert status == 0
    assert f"Found {score['n_found']} of {len(score['campaigns'])} true campaigns" in out


def test_simulate_lists_every_world(run: Run) -> None:
    """`--list` shows each world and writes nothing."""
    status, out, _ = run("simulate", "--list")
    assert status == 0
    assert all(name in out for name in worlds.NAMES)
    assert list(Path().iterdir()) == []


@pytest.fixture
def clutter(tmp_path: Path, folder: Path) -> None:
    """Files that are not what an option asks for."""
    (tmp_path / "garbage.jsonl").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "empty").mkdir()
    (tmp_path / "short").write_text("abcd")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "accounts.parquet").write_bytes((folder / "accounts.parquet").read_bytes())


BAD: dict[str, tuple[str, str, str]] = {
    "missing log": ("hunt nowhere.jsonl --out o", "nowhere.jsonl", "Pass files"),
    "folder without logs": ("hunt empty --out o", "empty", "Pass the files"),
    "garbage": ("hunt garbage.jsonl --out o", "garbage.jsonl", "--format"),
    "unknown format": ("hunt LOG --format parqet --out o", "parqet", "Did you mean `parquet`"),
    "no such accounts": ("hunt LOG --accounts nofile --out o", "nofile", "Pass the file"),
    "garbage accounts": ("hunt LOG --accounts garbage.jsonl --out o", "garbage.jsonl", "account_id"),
    "wrong accounts": ("hunt LOG --accounts EVENTS --out o", "events.parquet", "account_id"),
    "wrong events": ("hunt LOG --events ACCOUNTS --out o", "accounts.parquet", "`at`"),
    "level too high": ("hunt LOG --level 2 --out o", "`level` is 2.0", "between"),
    "level no number": ("hunt LOG --level high --out o", "--level", "write one like 0.01 or 1%"),
    "level not finite": ("hunt LOG --level nan --out o", "`level` is nan", "between"),
    "seed no number": ("hunt LOG --seed 1.5 --out o", "--seed", "write one like"),
    "unknown option": ("hunt LOG --lvel 0.1 --out o", "--lvel", "usage: stillhunt"),
    "no folder": ("hunt LOG", "--out", "usage: stillhunt"),
    "out is a file": ("hunt LOG --out file", "file", "--out"),
    "out below a file": ("hunt LOG --out file/o", "file", "--out"),
    "out is the source": ("hunt LOG --accounts ACCOUNTS --out WORLD", "accounts.parquet", "--out"),
    "out holds other files": ("hunt LOG --out mine", "accounts.parquet", "--out"),
    "work is a file": ("hunt LOG --work file --out o", "file", "--work"),
    "no key": ("hunt LOG --key-file nokey --out o", "nokey", "--key-file"),
    "key not hex": ("hunt LOG --key-file file --out o", "file", "--key-file"),
    "key too short": ("hunt LOG --key-file short --out o", "2 bytes", "--key-file"),
    "unknown world": ("simulate --world smal --out o", "smal", "Did you mean 'small'"),
    "no scale": ("simulate --scale 0 --out o", "scale 0", "above 0"),
    "negative seed": ("simulate --seed -1 --out o", "--seed", "from 0 up"),
    "no world folder": ("simulate", "folder", "--out"),
    "unknown world format": ("simulate --formats csv,xml --out o", "xml", "ndjson"),
    "no run": ("backtest empty --truth ACCOUNTS", "campaigns.json", "--out"),
    "no command": ("", "COMMAND", "usage: stillhunt"),
}


@pytest.mark.usefixtures("clutter")
@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_explained(run: Run, folder: Path, case: str) -> None:
    """What is wrong, where, and what to do next: on stderr, with status 2, without a traceback, and nothing written."""
    command, where, then = BAD[case]
    paths = {"LOG": folder / "exchanges.parquet", "ACCOUNTS": folder / "accounts.parquet", "WORLD": folder}
    paths["EVENTS"] = folder / "events.parquet"
    quiet = ["--quiet"] if command.startswith("hunt") else []
    status, out, err = run(*(paths.get(word, word) for word in command.split()), *quiet)
    assert (status, out) == (2, "")
    assert where in err
    assert then in err
    assert "Traceback" not in err and "fault of Stillhunt" not in err
    assert not Path("o/campaigns.json").exists()
    assert not (folder / "campaigns.json").exists()


def test_accounts_of_the_user_survive(
    run: Run, folder: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hunt may write over its own earlier results, never over the file that it reads."""
    shutil.copytree(finished, "o")
    before = Path("o/accounts.parquet").read_bytes()
    monkeypatch.setattr(pipeline, "hunt", stopped({}))
    assert run("hunt", *logs(folder), "--out", "o")[0] == 3
    status, _, err = run("hunt", folder / "exchanges.parquet", "--accounts", "o/accounts.parquet", "--out", "./o")
    assert status == 2
    assert "would be overwritten" in err
    assert Path("o/accounts.parquet").read_bytes() == before


@pytest.mark.parametrize("text", ["0.01", "1%", "1.0%"])
def test_a_share_is_written_either_way(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A share is a fraction or a percentage, and reaches the run as a fraction."""
    seen: dict[str, object] = {}

    monkeypatch.setattr(pipeline, "hunt", stopped(seen))
    status, _, err = run("hunt", *logs(folder), "--out", "o", "--allow-left-out", text)
    assert (status, err) == (3, "stillhunt: stopped by the test\n")
    assert seen["allow_left_out"] == pytest.approx(0.01)


def test_every_setting_reaches_the_run(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an option for each setting, and its value arrives under the setting's name."""
    wanted = {"level": 0.1, "membership_level": 0.2, "seed": 3, "declared_customers": 5.0, "rho0": 0.2, "one_in": 4}
    wanted |= {"draws": 999, "allow_left_out": 0.5, "memory_mb": 512, "threads": 3, "work": Path("scratch")}
    assert wanted.keys() == {f.name for f in dataclasses.fields(Config)}
    options = [
        word
        for name, value in wanted.items()
        for word in ("--memory" if name == "memory_mb" else "--" + name.replace("_", "-"), value)
    ]
    seen: dict[str, object] = {}

    monkeypatch.setattr(pipeline, "hunt", stopped(seen))
    run("hunt", *logs(folder)[:3], *options, "--out", "o")
    assert {name: seen.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("user text: ä"), 2), (KeyboardInterrupt(), 130)])
def test_the_unforeseen_is_one_paragraph(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    """An error that nobody foresaw gives a place and a next step, and none of the text that it may carry."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pipeline, "hunt", fail)
    got, out, err = run("hunt", *logs(folder), "--out", "o")
    assert (got, out) == (status, "")
    assert len(err.splitlines()) == 1
    assert "user text" not in err and "Traceback" not in err
    if status == 2:
        assert "RuntimeError in cli.py" in err
        monkeypatch.setenv("STILLHUNT_DEBUG", "1")
        assert "Traceback" in run("hunt", *logs(folder), "--out", "o")[2]


def test_control_characters_of_a_file_name_are_spelled_out(run: Run) -> None:
    """A file name cannot send commands to the terminal by way of a message."""
    _, _, err = run("hunt", "no\x1b[2Jwhere", "--out", "o")
    assert "\x1b" not in err
    assert "no\\x1b[2Jwhere" in err


def test_version_and_help_leave_in_peace(run: Run) -> None:
    """`--version` and `--help` write to stdout and exit 0."""
    for option in ("--version", "--help"):
        status, out, err = run(option)
        assert (status, err) == (0, "")
        assert out.startswith(("stillhunt 0.", "usage: stillhunt"))


def test_reader_that_leaves_early_is_no_error(folder: Path, finished: Path) -> None:
    """When the reader of stdout is gone, the run still ends well, and says nothing of a broken pipe."""
    command = [sys.executable, "-m", "stillhunt", "backtest", str(finished), "--truth", str(folder / "truth.parquet")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        err = process.stderr.read().decode()
    assert process.returncode == 0, err
    assert err == ""


def test_command_line_starts_without_the_engine() -> None:
    """Asking for the version or for help imports neither the engine nor the compiler."""
    code = "import sys; from stillhunt.cli import main; main(['--version']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "stillhunt.cli" in done.stdout
    assert not {"'duckdb'", "'numba'", "'pyarrow'", "'scipy'"} & set(done.stdout.strip("[]\n").split(", "))


def test_audit_says_what_may_be_claimed(run: Run, folder: Path, tmp_path: Path) -> None:
    """An audit prints the bound or that there is none, and writes its numbers and a page."""
    more = ("--controls", folder / "controls.parquet", "--out", tmp_path / "a", "--shuffles", 0, "--threads", 1, "--quiet")
    status, out, err = run("audit", *logs(folder), *more)
    assert (status, err) == (0, "")
    assert "No bound from this operator's own sets may be claimed" in " ".join(out.split())
    written = json.loads((tmp_path / "a" / "audit.json").read_bytes())
    assert written["schema"] == "stillhunt/audit/v1"
    assert not written["claimable"] and written["full_break"] is None
    assert len(written["controls"]) > 5
    page = (tmp_path / "a" / "calibration.html").read_text()
    assert "Insufficient controls" in page and "<svg" in page and "http://" not in page


def test_hunt_with_controls_puts_them_into_the_claim(run: Run, folder: Path, tmp_path: Path) -> None:
    """With controls the claim of a hunt says what they allow, and a page of calibration lies beside the report."""
    more = ("--controls", folder / "controls.parquet", "--out", tmp_path / "h", "--quiet", "--threads", 1)
    assert run("hunt", *logs(folder), *more)[0] == 0
    document = json.loads((tmp_path / "h" / "campaigns.json").read_bytes())
    assert document["audit"]["statement"] in document["claim"]["statement"]
    assert {p.name for p in (tmp_path / "h").iterdir()} == {*RESULTS, "calibration.html"}


def test_controls_that_are_not_there_are_an_error(run: Run, folder: Path, tmp_path: Path) -> None:
    """A missing file of controls is said before the hunt begins."""
    status, _, err = run("audit", *logs(folder), "--controls", tmp_path / "no.csv", "--out", tmp_path / "a", "--quiet")
    assert status == 2
    assert "no.csv: there is no such file" in err
