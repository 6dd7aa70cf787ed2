"""`stillhunt trace compare` and `trace ask`, from files and a loopback model to pages."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from tests.trace.audit.fake_api import ToyModel, serving

from stillhunt import cli


def rows(path: Path, seed: int, right: float, refused: float) -> Path:
    """Write outcomes of a model: 120 items of two capabilities, 80 harmful and 40 benign questions; return the path."""
    rng, out = np.random.default_rng(seed), []
    for i in range(120):
        group = ("reasoning", "software engineering")[i % 2]
        out.append({"item": f"a{i}", "group": group, "correct": bool(rng.random() < right)})
    for i in range(120):
        kind = "harmful" if i < 80 else "benign"
        share = refused if kind == "harmful" else 0.1
        out.append(
            {"item": f"q{i}", "kind": kind, "group": ("fraud", "hate")[i % 2], "refused": bool(rng.random() < share)}
        )
    path.write_text("".join(json.dumps(row) + "\n" for row in out))
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Outcomes of a teacher, a base model, a control, and a suspect that gained and lost."""
    shares = {"teacher": (0.9, 0.95), "base": (0.3, 0.5), "suspect": (0.7, 0.2), "control": (0.8, 0.9)}
    return {name: rows(tmp_path / f"{name}.jsonl", i, *s) for i, (name, s) in enumerate(shares.items())}


def test_a_comparison_from_files_to_its_page(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gains and losses stand on the page, in JSON, in exhibits and in the rows for a dossier's case; same input, same bytes."""
    options = [word for name in ("teacher", "base", "suspect", "control") for word in (f"--{name}", str(files[name]))]
    for out in ("one", "two"):
        assert cli.main(["trace", "compare", *options, "--out", str(tmp_path / out)]) == 0
    for name in ("compare.html", "compare.json", "exhibits.json", "students.toml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    document = json.loads((tmp_path / "one" / "compare.json").read_text())
    assert [row["group"] for row in document["transfers"]] == ["reasoning", "software engineering", "all"]
    assert all(row["gain_p"] < 0.01 for row in document["transfers"][:2])
    page = (tmp_path / "one" / "compare.html").read_text()
    assert "gained in reasoning and software engineering and refuses less than the teacher in fraud and hate" in page
    assert "not claimed here" in page
    (student,) = tomllib.loads((tmp_path / "one" / "students.toml").read_text())["students"]
    assert set(student) == {"suspect", "test", "result", "controls", "source"}
    exhibits = json.loads((tmp_path / "one" / "exhibits.json").read_text())
    assert all(row["recipe"] is None and row["id"].startswith("compare.") for row in exhibits["numbers"])
    assert "fraud: " in capsys.readouterr().out


def test_capabilities_come_from_a_campaign(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a hunt says the campaign was after is what is tested; the rest is shown beside it."""
    report = tmp_path / "campaigns.json"
    shares = {"reasoning": 0.8, "software engineering": 0.05, "other": 0.15}
    report.write_text(json.dumps({"campaigns": [{"id": "c1", "capabilities": shares}]}))
    options = [word for name in ("teacher", "base", "suspect") for word in (f"--{name}", str(files[name]))]
    where = ["--campaigns", str(report), "--campaign", "c1", "--out", str(tmp_path / "out"), "--json"]
    assert cli.main(["trace", "compare", *options, *where]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(row["group"], row["tested"]) for row in document["transfers"]] == [
        ("reasoning", True),
        ("software engineering", False),
        ("all", False),
    ]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--focus", "astrology"], "No item is of the capability"),
        (["--level", "2"], "between 0.5 and 1"),
        (["--campaign", "c1"], "belong together"),
        (["--campaign", "c1", "--campaigns", "missing.json"], "no campaigns.json"),
    ],
)
def test_wrong_options_are_told(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], told: str
) -> None:
    """A wrong option ends with what, where and what to do, and no traceback."""
    options = [word for name in ("teacher", "base", "suspect") for word in (f"--{name}", str(files[name]))]
    assert cli.main(["trace", "compare", *options, "--out", str(tmp_path / "out"), *more]) == 2
    assert told in capsys.readouterr().err


def test_nothing_in_common(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files without a shared item are no comparison."""
    for name, item in (("t", "a"), ("s", "b")):
        (tmp_path / name).write_text(json.dumps({"item": item, "kind": "harmful", "refused": True}) + "\n")
    options = ["--teacher", str(tmp_path / "t"), "--suspect", str(tmp_path / "s"), "--out", str(tmp_path / "out")]
    assert cli.main(["trace", "compare", *options]) == 2
    assert "no item in common" in capsys.readouterr().err


class Guarded(ToyModel):
    """A model that refuses every second question."""

    def reply(self, path: str, request: dict[str, object]) -> dict[str, object]:
        """Return a refusal or an answer."""
        body = super().reply(path, request)
        messages = request["messages"]
        assert isinstance(messages, list)
        even = int(messages[-1]["content"].split()[-1]) % 2 == 0
        body["choices"][0]["message"]["content"] = "I can't help with that." if even else "Certainly: a secret recipe."
        return body


@pytest.mark.parametrize("keep", [False, True])
def test_a_model_is_asked_and_its_answers_stay_behind(tmp_path: Path, keep: bool) -> None:
    """Rows say who refused what; the answer's text is in them only where that was asked for."""
    asked = [{"item": i, "kind": "harmful", "group": "g", "prompt": f"question {i}"} for i in range(6)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(q) + "\n" for q in asked))
    out = tmp_path / "rows.jsonl"
    with serving(Guarded()) as url:
        api = ["--suspect-url", url, "--suspect-model", "toy", "--per-second", "100000", "--quiet"]
        more = ["--keep-answers"] if keep else []
        options = ["--prompts", str(tmp_path / "q.jsonl"), "--out", str(out), *api, *more]
        assert cli.main(["trace", "ask", *options]) == 0
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["refused"] for row in written] == [True, False] * 3
    assert ("secret recipe" in out.read_text()) is keep


@pytest.mark.parametrize("text", ["", '{"item": 1}\n', '{"item": 1, "kind": "harmful", "prompt": "x"}\n' * 2])
def test_bad_questions_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """A file of questions that is empty, or whose rows are none, ends with what to do."""
    (tmp_path / "q.jsonl").write_text(text)
    options = [
        "--prompts",
        str(tmp_path / "q.jsonl"),
        "--out",
        str(tmp_path / "o"),
        "--suspect-url",
        "http://127.0.0.1:9",
    ]
    assert cli.main(["trace", "ask", *options]) == 2
    assert "Give rows with item, kind, group, prompt." in capsys.readouterr().err
