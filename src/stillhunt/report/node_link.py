"""
The accounts of a campaign as a drawing: a dot for each account, a line for each link.

Positions are found by force-directed placement (Fruchterman & Reingold, Software: Practice and
Experience 21, 1991): linked accounts attract, all accounts repel, and the steps shrink until nothing moves.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stillhunt.model import Campaign, Link
from stillhunt.report import svg
from stillhunt.report.numbers import count, counted

MOST_NODES = 150
MOST_LINES = 900
STEPS = 120
WIDTH, HEIGHT, MARGIN = 640, 420, 16
PULL_TO_CENTRE = 0.05
GAP_BETWEEN_PARTS = 0.8
ASPECT_OF_ROWS = 1.1

Positions = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A drawing with the caption that says what part of the campaign it shows."""

    svg: Markup
    caption: str


def node_link(campaign: Campaign) -> Drawing | None:
    """Draw a campaign's links, above 150 accounts a connected part of them; None where it has no links."""
    known = set(campaign.accounts)
    links = [link for link in campaign.links if link.a in known and link.b in known and link.a != link.b]
    if not links:
        return None
    accounts = sample(campaign.accounts, links)
    place = {account: i for i, account in enumerate(accounts)}
    inside = sorted(
        (link for link in links if link.a in place and link.b in place),
        key=lambda link: (-link.surprise, link.a, link.b),
    )
    ends = np.array([(place[link.a], place[link.b]) for link in inside], dtype=np.int64).reshape(-1, 2)
    positions = fitted(arranged(len(accounts), ends, seed=campaign.claim.seed))
    calls: dict[str, int] = {m.account_id: m.n_exchanges for m in campaign.members}
    label = f"{count(len(accounts))} accounts drawn as dots and {count(len(inside))} links drawn as lines."
    drawing = svg.element(
        "svg",
        svg.element("title", label),
        *lines(positions, ends, np.array([link.surprise for link in inside])),
        *dots(positions, [calls[a] for a in accounts]),
        class_="graph",
        role="img",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
    )
    return Drawing(svg=drawing, caption=caption(campaign, links, len(accounts), len(inside)))


def sample(accounts: Sequence[str], links: Sequence[Link]) -> list[str]:
    """
    At most 150 accounts: those reached first, breadth first, from the account with the most links.

    A random sample would lose nearly all links of a sparse graph; this one keeps a connected part whole.
    """
    if len(accounts) <= MOST_NODES:
        return sorted(accounts)
    neighbours: dict[str, set[str]] = defaultdict(set)
    for link in links:
        neighbours[link.a].add(link.b)
        neighbours[link.b].add(link.a)
    kept: dict[str, None] = {}
    for start in sorted(neighbours, key=lambda a: (-len(neighbours[a]), a)):
        queue = deque([start])
        while queue and len(kept) < MOST_NODES:
            account = queue.popleft()
            if account not in kept:
                kept[account] = None
                queue.extend(sorted(neighbours[account] - kept.keys()))
        if len(kept) >= MOST_NODES:
            break
    return sorted(kept)


def arranged(n: int, ends: NDArray[np.int64], *, seed: int) -> Positions:
    """
    Return positions of `n` nodes, shape (n, 2): each connected part laid out on its own, then side by side.

    The parts stand in rows, largest first, each in a box whose area grows with its accounts.
    """
    parts = connected_parts(n, ends)
    sides = [np.sqrt(len(part)) + GAP_BETWEEN_PARTS for part in parts]
    row_width = max(max(sides), np.sqrt(sum(side**2 for side in sides))) * ASPECT_OF_ROWS
    positions = np.zeros((n, 2))
    x = y = row_height = 0.0
    for part, side in zip(parts, sides, strict=True):
        if x + side > row_width:
            x, y, row_height = 0.0, y + row_height, 0.0
        place = {int(node): i for i, node in enumerate(part)}
        inside = [(place[a], place[b]) for a, b in ends.tolist() if a in place]
        box = unit(layout(len(part), np.array(inside, dtype=np.int64).reshape(-1, 2), seed=seed))
        positions[part] = np.array([x, y]) + (side - GAP_BETWEEN_PARTS) * box
        x, row_height = x + side, max(row_height, side)
    return positions


def connected_parts(n: int, ends: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Nodes of each connected part, the largest part first, equal parts by their first node."""
    matrix = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    n_parts, part_of = connected_components(matrix, directed=False)
    parts = [np.flatnonzero(part_of == part) for part in range(n_parts)]
    return sorted(parts, key=lambda part: (-len(part), int(part[0])))


def layout(n: int, ends: NDArray[np.int64], *, seed: int) -> Positions:
    """
    Return positions of `n` nodes, shape (n, 2), from edges `ends`, shape (m, 2).

    Positions are rounded at every step, so that machines that differ in the last bit draw alike.
    """
    rng = np.random.default_rng(seed)
    positions = rng.random((n, 2))
    ideal = 1.0 / np.sqrt(max(n, 1))
    for step in range(STEPS):
        apart = positions[:, None, :] - positions[None, :, :]
        square = np.maximum((apart**2).sum(axis=2), 1e-6)
        push = (apart * (ideal**2 / square)[:, :, None]).sum(axis=1)
        along = positions[ends[:, 0]] - positions[ends[:, 1]]
        pull = along * np.sqrt((along**2).sum(axis=1))[:, None] / ideal
        np.add.at(push, ends[:, 0], -pull)
        np.add.at(push, ends[:, 1], pull)
        push += PULL_TO_CENTRE * (0.5 - positions)
        length = np.maximum(np.sqrt((push**2).sum(axis=1)), 1e-9)
        furthest = 0.1 * (1 - step / STEPS)
        positions = np.round(positions + push * (np.minimum(length, furthest) / length)[:, None], 6)
    return positions


def unit(positions: Positions) -> Positions:
    """Scale positions into the unit square, each axis on its own; where all are alike, its middle."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    scaled: Positions = np.where(high > low, (positions - low) / size, 0.5)
    return scaled


def fitted(positions: Positions) -> Positions:
    """Scale positions into the drawing, so that no space is lost."""
    room: Positions = np.array([WIDTH - 2.0 * MARGIN, HEIGHT - 2.0 * MARGIN])
    return MARGIN + unit(positions) * room


def lines(positions: Positions, ends: NDArray[np.int64], surprise: NDArray[np.float64]) -> list[Markup]:
    """Draw the links, the most surprising third darkest, as three paths."""
    kept = ends[:MOST_LINES]
    if not len(kept):
        return []
    cuts = np.quantile(surprise[: len(kept)], [1 / 3, 2 / 3])
    shade = np.searchsorted(cuts, surprise[: len(kept)], side="left")
    return [
        svg.element("path", d="".join(line(positions, a, b) for a, b in kept[shade == s]), class_=f"link link-{s}")
        for s in range(3)
        if (shade == s).any()
    ]


def line(positions: Positions, a: int, b: int) -> str:
    """One link as a piece of a path."""
    (x1, y1), (x2, y2) = positions[a], positions[b]
    return f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"


def dots(positions: Positions, calls: Sequence[int]) -> list[Markup]:
    """Draw the accounts; the area of a dot grows with its calls."""
    most = max(max(calls), 1)
    return [
        svg.element("circle", cx=float(x), cy=float(y), r=2.2 + 3.2 * float(np.sqrt(n / most)))
        for (x, y), n in zip(positions, calls, strict=True)
    ]


def caption(campaign: Campaign, links: Sequence[Link], n_drawn: int, n_links: int) -> str:
    """What is drawn, out of how much, and on what the links rest."""
    n = len(campaign.accounts)
    if n_drawn < n:
        what = f"{count(n_drawn)} of the {count(n)} accounts: those nearest to the one with the most links. "
    else:
        what = f"All {count(n)} accounts. "
    drawn = (
        f"Drawn are the {count(MOST_LINES)} most surprising of {count(n_links)} links among them; "
        if n_links > MOST_LINES
        else f"{counted(n_links, 'link')} among them; "
    )
    linked = {a for link in links for a in (link.a, link.b)}
    alone = n - len(linked) if n_drawn == n else 0
    rest = (
        f" {counted(alone, 'dot')} without a line {'belongs' if alone == 1 else 'belong'} by values shared "
        "with the set as a whole."
        if alone
        else ""
    )
    return what + drawn + "stronger lines are more surprising, larger dots made more calls." + rest


def resting_on(campaign: Campaign) -> list[tuple[str, int]]:
    """How many links rest on each group of traits, most first."""
    groups = Counter(group for link in campaign.links for group in set(link.groups))
    return sorted(groups.items(), key=lambda item: (-item[1], item[0]))
