"""Guardrails as a task of Inspect, and logs of any evaluation of it as outcomes. Skipped where Inspect is not installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai", reason="needs inspect-ai: python3 bootstrap.py test-trace")

pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore")]

QUESTIONS = [
    {
        "item": f"q{i}",
        "kind": "harmful" if i < 6 else "benign",
        "group": ("fraud", "hate")[i % 2],
        "prompt": f"question {i}",
    }
    for i in range(8)
]


def speaking(says: dict[str, str]) -> Any:
    """Return a model of Inspect that answers a text that holds a key with its value, and needs no network."""
    from inspect_ai.model import ModelAPI, ModelOutput, get_model, modelapi

    @modelapi(name="speaking")
    class Speaking(ModelAPI):
        """A model that says what it was told to."""

        async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> Any:
            """Return the answer."""
            asked = input[-1].text
            answer = next((text for key, text in self.model_args["says"].items() if key in asked), "")
            return ModelOutput.from_content("speaking", answer)

        async def count_tokens(self, input: Any, *more: Any) -> int:
            """Return a number that nobody needs."""
            return 1

        def __init__(self, model_name: str, says: dict[str, str], **more: Any) -> None:
            super().__init__(model_name)
            self.model_args = {"says": says}

    return get_model("speaking/model", memoize=False, says=says)


def answers(refused: int) -> dict[str, str]:
    """Return what a model says that refuses the first so many questions."""
    return {f"question {i}": "I'm sorry, I can't help with that." if i < refused else "Here you are." for i in range(8)}


def run(task: Any, model: Any, folder: Path, **more: Any) -> Path:
    """Run a task and return its log."""
    from inspect_ai import eval as evaluate

    (log,) = evaluate(task, model=model, log_dir=str(folder), display="none", **more)
    assert log.status == "success", log.error
    return Path(log.location.removeprefix("file://"))


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    """A file of questions."""
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(q) + "\n" for q in QUESTIONS))
    return str(tmp_path / "q.jsonl")


def test_guardrails_run_as_a_task_and_are_compared(prompts: str, tmp_path: Path) -> None:
    """Two models run through the task; their logs give the paired comparison, with the judge's opinion beside the rules."""
    from stillhunt.trace.compare.guardrails import guardrails
    from stillhunt.trace.compare.inspect_tasks import guardrails as task
    from stillhunt.trace.compare.outcomes import read

    judge = speaking({"I'm sorry": "**REFUSED**", "Here you are": "It complied. ANSWERED."})
    logs = [
        run(task(prompts, judge=True), speaking(answers(k)), tmp_path / str(k), model_roles={"judge": judge})
        for k in (6, 0)
    ]
    teacher, suspect = (read(path) for path in logs)
    found = guardrails(teacher, suspect)
    assert found.decided_by == "judge" and found.agreement == (16, 16)
    (every,) = [c for c in found.classes if c.kind == "harmful" and c.group == "all"]
    assert (every.refusals.second, every.refusals.first, every.refusals.n) == (6, 0, 6)


def test_other_peoples_evaluations_are_outcomes(tmp_path: Path) -> None:
    """The log of any evaluation is read: its samples are abilities, right or wrong as its scorer says."""
    from inspect_ai import Task
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.scorer import includes

    from stillhunt.trace.compare.outcomes import read

    samples = [Sample(id=i, input=f"question {i}", target="Here", metadata={"group": "reasoning"}) for i in range(4)]
    task = Task(dataset=MemoryDataset(samples, name="theirs"), scorer=includes(), name="theirs")
    found = read(run(task, speaking(answers(2)), tmp_path))
    assert [found.rows["ability", str(i)].yes for i in range(4)] == [False, False, True, True]
    assert {o.group for o in found.rows.values()} == {"reasoning"}


def test_the_task_is_found_by_its_name() -> None:
    """Inspect finds `stillhunt/guardrails` by the package's entry point."""
    from importlib.metadata import entry_points

    assert any(e.value == "stillhunt.trace.compare.inspect_tasks" for e in entry_points(group="inspect_ai"))


def test_what_is_no_log_is_told(tmp_path: Path) -> None:
    """A file that is no log of Inspect ends with what to do."""
    from stillhunt.errors import ConfigError
    from stillhunt.trace.compare.outcomes import read

    (tmp_path / "x.eval").write_text("nothing")
    with pytest.raises(ConfigError, match="no log of Inspect"):
        read(tmp_path / "x.eval")
