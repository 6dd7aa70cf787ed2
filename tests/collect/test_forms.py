"""The same world in every log format: the same columns, and so the same campaigns, but for what a format cannot carry."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from bench import forms

from stillhunt import worlds

NO_USAGE = {"tokens_in", "tokens_out", "tokens_reasoning", "tokens_cached"}
"""What a failed call's body does not say."""

TEXT = {
    "system", "prompt", "history", "completion", "reasoning_issued", "reasoning_presented", "tools_hash", "temperature",
    "top_p", "n", "seed", "max_tokens", "reasoning_budget", "finish_reason", "refusal_category",
}  # fmt: skip
NETWORK = {"api_key_id", "client_ip", "asn", "country", "tls_ja4", "user_agent", "header_order", "device_id"}

LOST: dict[str, tuple[set[str], set[str]]] = {
    "litellm": (set(), {"refusal_category"}),
    "openai": (set(), NO_USAGE),
    "anthropic": (set(), NO_USAGE),
    "bedrock": (NETWORK - {"api_key_id"} | {"ended_at", "n", "seed", "tokens_reasoning"}, {"tokens_out", "refusal_category"}),
    "langfuse": ({"reasoning_budget", "finish_reason"}, set()),
    "databricks": (NETWORK | {"org_id", "session_id"}, NO_USAGE),
    "envoy": (TEXT, set()),
    "kong": (set(), NO_USAGE),
    "otel": (set(), {"refusal_category"}),
}
"""By format, the columns that it has no place for, and those of which a part comes through; every other format has all."""

FORMS = (
    "contract, Parquet", "contract, NDJSON", "contract, CSV", "litellm", "openai", "anthropic", "bedrock", "langfuse",
    "databricks", "envoy", "kong", "otel", "litellm-spend, NDJSON", "litellm-spend, CSV", "litellm-spend, Parquet",
    "mapped, NDJSON", "mapped, CSV", "mapped, Parquet",
)  # fmt: skip


HUNTED = ("contract, Parquet", "openai", "langfuse", "otel")
"""One form of each way of reading: columns, record by record, columns that hold bodies, spans. `bench/forms.py` hunts in all."""


@pytest.fixture(scope="module")
def world() -> worlds.World:
    """Return a world that is hunted whole."""
    return worlds.make("small", 0)


@pytest.fixture(scope="module")
def sample(world: worlds.World) -> worlds.World:
    """Return a part of it, in which every column has values."""
    return dataclasses.replace(world, exchanges=world.exchanges.take(list(range(0, world.exchanges.num_rows, 40))))


@pytest.fixture(scope="module")
def files(sample: worlds.World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """Write the sample in every form."""
    return forms.files(sample, tmp_path_factory.mktemp("forms"))


def test_every_form_is_tried(files: dict[str, tuple[Path, str]]) -> None:
    """No form of `bench/forms.py` is left out here."""
    assert set(files) == set(FORMS)


@pytest.mark.parametrize("name", FORMS)
def test_a_form_gives_back_every_column_that_it_can_carry(
    name: str, files: dict[str, tuple[Path, str]], sample: worlds.World
) -> None:
    """Values come back, equal where they were equal; the losses are those stated above, no more and no fewer."""
    missing, partial = forms.losses(sample.exchanges, *files[name])
    assert (set(missing), set(partial)) == LOST.get(name, (set(), set()))


def test_forms_that_carry_the_text_give_the_same_campaigns(world: worlds.World, tmp_path: Path) -> None:
    """The hunts find the same accounts in the same campaigns."""
    found = {name: forms.hunted(*where, world) for name, where in forms.files(world, tmp_path, HUNTED).items()}
    assert found["contract, Parquet"]
    assert set(found.values()) == {found["contract, Parquet"]}
