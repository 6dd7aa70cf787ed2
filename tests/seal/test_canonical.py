"""Canonical JSON: the examples of RFC 8785, and what has no canonical form."""

from __future__ import annotations

import struct

import pytest

from stillhunt.errors import SealError
from stillhunt.seal.canonical import canonical, read


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("44b52d02c7e14af6", "1e+23"),
        ("41b3de4355555555", "333333333.3333333"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
    ],
)
def test_numbers_are_written_as_the_standard_lists_them(bits: str, text: str) -> None:
    """The samples of RFC 8785 appendix B."""
    assert canonical(struct.unpack(">d", bytes.fromhex(bits))[0]).decode() == text


def test_keys_are_sorted_by_utf16_units() -> None:
    """The example of RFC 8785 section 3.2.3."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    written = canonical(dict.fromkeys(names, 0)).decode()
    assert [written.index(name if name != "\r" else "\\r") for name in ordered] == sorted(
        written.index(name if name != "\r" else "\\r") for name in names
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**60), "caf\udce9"])
def test_what_json_cannot_hold_is_an_error(value: float | str) -> None:
    """A value without one spelling is refused before it is sealed."""
    with pytest.raises(SealError, match="no canonical JSON"):
        canonical(value)


@pytest.mark.parametrize("data", [b'{"a": 1}', b'{"b":1,"a":2}', b"[1.0]", b'"\\u0061"', b'{"a":1,"a":1}', b"[1]\n"])
def test_a_second_spelling_is_refused(data: bytes) -> None:
    """JSON that is not canonical has another value's or a changed file's bytes; it is not read."""
    with pytest.raises(SealError, match=r"here: .*not canonical"):
        read(data, "here")


def test_what_is_not_json_is_refused() -> None:
    """A file that was cut off is named."""
    with pytest.raises(SealError, match=r"here: this is not JSON"):
        read(b'{"a":', "here")
