"""The accounts of a campaign as dots and lines."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.model import AccountId, Campaign, Hunt, Link
from stillhunt.report import node_link as drawing

EDGES = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40)


def with_links(campaign: Campaign, pairs: list[tuple[str, str]]) -> Campaign:
    """The same campaign with other links."""
    made = tuple(Link(a=AccountId(a), b=AccountId(b), surprise=12.0, groups=("network",)) for a, b in pairs)
    return replace(campaign, links=made)


def test_a_small_campaign_is_drawn_whole(hunt: Hunt) -> None:
    """Every account is a dot, and the caption says so."""
    drawn = drawing.node_link(hunt.campaigns[1])
    assert drawn is not None
    assert drawn.svg.count("<circle") == 38
    assert drawn.caption.startswith("All 38 accounts. ")


def test_a_large_campaign_is_drawn_in_part_and_says_so(hunt: Hunt) -> None:
    """150 dots for 400 accounts, with the rule by which they were chosen."""
    drawn = drawing.node_link(hunt.campaigns[0])
    assert drawn is not None
    assert drawn.svg.count("<circle") == drawing.MOST_NODES
    assert drawn.caption.startswith("150 of the 400 accounts: those nearest to the one with the most links.")


def test_the_part_that_is_drawn_hangs_together(hunt: Hunt) -> None:
    """Where a connected part has 150 accounts, the sample is connected."""
    campaign = hunt.campaigns[0]
    kept = drawing.sample(campaign.accounts, campaign.links)
    graph = nx.Graph((link.a, link.b) for link in campaign.links)
    assert len(kept) == drawing.MOST_NODES
    assert nx.is_connected(graph.subgraph(kept))


def test_the_same_campaign_is_the_same_drawing(hunt: Hunt) -> None:
    """Neither a second run nor the order of the links shows."""
    campaign = hunt.campaigns[1]
    turned = replace(campaign, links=tuple(reversed(campaign.links)))
    assert drawing.node_link(campaign) == drawing.node_link(turned)


def test_without_links_there_is_no_drawing(hunt: Hunt) -> None:
    """Links to strangers and to oneself are none."""
    campaign = hunt.campaigns[2]
    a = campaign.accounts[0]
    assert drawing.node_link(with_links(campaign, [])) is None
    assert drawing.node_link(with_links(campaign, [(a, a), (a, "stranger")])) is None


def test_accounts_without_a_line_are_explained(hunt: Hunt) -> None:
    """A dot that stands alone is in the campaign for a reason, and the caption gives it."""
    campaign = hunt.campaigns[2]
    drawn = drawing.node_link(with_links(campaign, [(campaign.accounts[0], campaign.accounts[1])]))
    assert drawn is not None
    assert "10 dots without a line belong by values shared with the set" in drawn.caption


@settings(max_examples=30, deadline=None)
@given(EDGES)
def test_connected_parts_are_those_of_a_plain_search(edges: list[tuple[int, int]]) -> None:
    """Parts agree with networkx, and the largest comes first."""
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    parts = drawing.connected_parts(20, ends)
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(20))
    assert {frozenset(map(int, part)) for part in parts} == {frozenset(part) for part in nx.connected_components(graph)}
    assert [len(part) for part in parts] == sorted(map(len, parts), reverse=True)


@settings(max_examples=30, deadline=None)
@given(EDGES, st.integers(0, 5))
def test_every_dot_is_inside_the_drawing(edges: list[tuple[int, int]], seed: int) -> None:
    """Positions are finite and lie within the margins, whatever the links."""
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    at = drawing.fitted(drawing.arranged(20, ends, seed=seed))
    assert np.isfinite(at).all()
    assert (at >= drawing.MARGIN - 1e-9).all()
    assert (at <= np.array([drawing.WIDTH, drawing.HEIGHT]) - drawing.MARGIN + 1e-9).all()


def test_linked_accounts_stand_closer_than_others() -> None:
    """In two cliques joined by one link, accounts of a clique are nearer to each other than to the rest."""
    cliques = [(i + o, j + o) for o in (0, 10) for i in range(10) for j in range(i)]
    at = drawing.layout(20, np.array([*cliques, (0, 10)], dtype=np.int64), seed=7)
    apart = np.linalg.norm(at[:, None] - at[None, :], axis=2)
    inside = (apart[:10, :10].sum() + apart[10:, 10:].sum()) / (2 * 90)
    assert inside < 0.6 * apart[:10, 10:].mean()


def test_what_links_rest_on_is_counted_once_per_link(hunt: Hunt) -> None:
    """A link on two groups counts for both; the most frequent group comes first."""
    a, b, c = hunt.campaigns[2].accounts[:3]
    campaign = replace(
        hunt.campaigns[2],
        links=(
            Link(a=a, b=b, surprise=12.0, groups=("payment", "network", "network")),
            Link(a=b, b=c, surprise=12.0, groups=("network",)),
        ),
    )
    assert drawing.resting_on(campaign) == [("network", 2), ("payment", 1)]
