"""Keys: one secret, a subkey for each purpose, and nothing that gives it away."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.digest.keys import MINIMUM_BYTES, Key
from stillhunt.errors import ConfigError


@given(st.binary(min_size=MINIMUM_BYTES, max_size=100), st.binary(min_size=MINIMUM_BYTES, max_size=100))
def test_secrets_and_purposes_give_subkeys_of_their_own(one: bytes, two: bytes) -> None:
    """Subkeys are equal exactly when both the secret and the purpose are."""
    keys = [Key(one).words("a"), Key(one).words("b"), Key(two).words("a")]
    assert keys[0].tolist() == Key(one).words("a").tolist()
    assert keys[0].tolist() != keys[1].tolist()
    assert (keys[0].tolist() == keys[2].tolist()) == (one == two)


@given(st.binary(min_size=MINIMUM_BYTES, max_size=64))
def test_a_key_does_not_show_its_secret(secret: bytes) -> None:
    """What is shown of a key is twelve digits that are not the secret's."""
    shown = repr(Key(secret))
    assert Key(secret).fingerprint in shown
    assert repr(secret)[2:-1] not in shown
    assert secret.hex()[:12] != Key(secret).fingerprint


def test_short_secrets_are_refused() -> None:
    """A secret of fifteen bytes is an error that says how long it has to be; sixteen will do."""
    with pytest.raises(ConfigError, match=r"15 bytes.*at least 16"):
        Key(bytes(15))
    assert Key(bytes(16)).fingerprint


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_tags_tell_lists_apart(one: list[str], two: list[str]) -> None:
    """Lists have one tag exactly when they are the same list, however the strings in them are cut."""
    key = Key(bytes(16))
    assert (key.tag("t", one, 32) == key.tag("t", two, 32)) == (one == two)
    assert len({key.tag("t", part) for part in ([], ["ab"], ["a", "b"], ["", "ab"])}) == 4


def test_a_tag_of_a_purpose_is_no_tag_of_another() -> None:
    """The same strings have another tag for another purpose and under another key."""
    tags = [Key(bytes(16)).tag("a", ["x"]), Key(bytes(16)).tag("b", ["x"]), Key(bytes(17)).tag("a", ["x"])]
    assert all(a != b for a, b in pairwise(tags)) and tags[0] != tags[2]
    assert [len(tag) for tag in tags] == [8, 8, 8]
