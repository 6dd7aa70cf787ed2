"""
The requests of batches, which stand in files of their own beside the results: OpenAI's and Anthropic's batch files.

A result names its request by `custom_id` alone. Ids are the caller's and need not be unique across batches: one that two
input files of a folder use is not joined, for the wrong prompt is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from stillhunt.collect import documents
from stillhunt.collect.lines import LONGEST_LINE
from stillhunt.collect.opening import head, is_packed

Row = dict[str, object]

NOT_BESIDE = "result of a batch whose request is in no file beside it; its text is missing"
AMBIGUOUS = "result of a batch whose `custom_id` is in several files beside it; its text is missing"
INPUT = "request of a batch; its result is the exchange"

SUFFIXES = (".jsonl", ".ndjson", ".json")


class Place(NamedTuple):
    """Where a line stands."""

    path: Path
    start: int
    size: int


def request_in(record: Mapping[str, object]) -> Row | None:
    """Return the body of a request, if the record is a line of a batch's input; None where it is none."""
    if "custom_id" not in record or "response" in record or "result" in record:
        return None
    inner = record.get("body", record.get("params"))
    return inner if isinstance(inner, dict) else None


def is_bare_result(record: Mapping[str, object]) -> bool:
    """Whether the record is a batch's result without its request."""
    if "custom_id" not in record or not ("response" in record or "result" in record):
        return False
    return not any(isinstance(record.get(key), dict) for key in ("request", "body", "params"))


class BatchInputs:
    """
    Requests by `custom_id`, out of the input files in one folder; which those are is looked up at the first question.

    Only places are kept, about 200 bytes for each request. Packed files are not looked into.
    """

    def __init__(self, folder: Path) -> None:
        """Remember the folder."""
        self._folder = folder
        self._places: dict[str, Place | None] | None = None

    def join(self, record: Row) -> Row | str:
        """Return a bare result with its request, or why there is none that is certain."""
        if self._places is None:
            self._places = {}
            for custom_id, found in self._found():
                self._places[custom_id] = None if custom_id in self._places else found
        name = str(record.get("custom_id"))
        if name not in self._places:
            return NOT_BESIDE
        place = self._places[name]
        request = None if place is None else _request_at(place)
        return AMBIGUOUS if request is None else {**record, "request": request}

    def _found(self) -> Iterator[tuple[str, Place]]:
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
        except OSError:
            return
        for path in paths:
            if is_packed(str(path)) or not _is_input(head(str(path), 2**20)):
                continue
            try:
                yield from _places_in(path)
            except OSError:
                continue  # its results are counted as without a request


def _places_in(path: Path) -> Iterator[tuple[str, Place]]:
    start = 0
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            record = documents.parse(line)
            if isinstance(record, dict) and request_in(record) is not None:
                yield str(record["custom_id"]), Place(path, start, len(line))
            start += len(line)


def _is_input(first: bytes) -> bool:
    """Whether the first whole line is one of a batch's input."""
    line = next((line for line in first.split(b"\n") if line.strip()), b"")
    record = documents.parse(line)
    return isinstance(record, dict) and request_in(record) is not None


def _request_at(place: Place) -> Row | None:
    try:
        with place.path.open("rb") as file:
            file.seek(place.start)
            record = documents.parse(file.read(place.size))
    except OSError:
        return None
    return request_in(record) if isinstance(record, dict) else None
