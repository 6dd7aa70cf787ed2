"""SVG as escaped markup."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from stillhunt.report import svg

READABLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=30)


@given(READABLE, READABLE)
def test_a_value_stays_a_value_in_text_and_in_attributes(content: str, attribute: str) -> None:
    """Whatever the text, an XML reader gets it back as text, and the element has no child."""
    read = ElementTree.fromstring(svg.element("text", content, class_=attribute))
    assert (read.text or "") == content
    assert read.get("class") == attribute
    assert len(read) == 0


@given(st.floats(-1e6, 1e6))
def test_a_coordinate_has_two_decimals_at_most(x: float) -> None:
    """Coordinates are short, close to their value, and nought has no sign."""
    written = svg.number(x)
    assert abs(float(written) - x) <= 0.005001
    assert written != "-0"
    assert len(written.partition(".")[2]) <= 2


def test_days_without_calls_have_no_bar() -> None:
    """Each positive height is one closed piece of the path."""
    drawn = svg.bars([0.0, 0.5, 1.0, 0.0], top=0, height=10, class_="own")
    assert drawn.count("M") == 2
    assert 'viewBox="0 0 4 100"' in drawn
    assert svg.bars([], top=0, height=10, class_="own") == ""
