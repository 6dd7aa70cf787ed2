"""Section 14: what holds this dossier together, and what an outsider can check; or that nothing does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from stillhunt.report.dossier.blocks import Block, Facts, Items, Mark, Parts, Tag, prose, say
from stillhunt.report.dossier.matter import Matter
from stillhunt.report.dossier.numbered import IN_WORDS, RECOMPUTED
from stillhunt.report.numbers import count
from stillhunt.seal.canonical import Json

WORDS = {
    "days": "Days of the log, all fixed before anything was judged",
    "days_before": "Of these, fixed with the same records before this hunt",
    "records": "Records in the Merkle trees of those days",
    "configuration_sha256": "Configuration, fixed in the journal before anything was judged",
    "bundle_sha256": "Replay bundle, SHA-256",
    "merkle_root": "Merkle root",
    "journal_lines": "Lines of the journal",
    "key_id": "Signing key",
}
"""What is known of a seal before it is made → how it is called."""

JOURNALED = {"days": "journal.days", "records": "journal.records", "journal_lines": "journal.lines"}
JOURNALED["days_before"] = "journal.days_before"
"""What the journal gives → the name of its recipe."""

CONSTANTS = "nothing, because they are part of a name or of a reason in words"
FROM_BUNDLE = (
    "recomputed from the replay bundle, the journal, the published tables, the constants of the rule, what the operator supplied"
    " (as dossier.json holds it), and other lines of the list"
)


def integrity(m: Matter) -> tuple[Block, ...]:
    """Section 14. The list of numbers is complete when this is written last."""
    blocks: list[Block] = []
    if m.integrity:
        rows = tuple(
            (WORDS.get(k, k.replace("_", " ")), _value(m, k, v)) for k, v in sorted(m.integrity.items(), key=_order)
        )
        blocks += [
            Facts(rows=rows),
            prose(
                "Beside this file lie the replay bundle and the journal, a chain of hashes that says when each of these was"
                " fixed; envelope.json, where there is one, signs every file here. `stillhunt verify` checks all of it, and"
                " recomputes every number that has a recipe, on a machine that has never seen the log."
            ),
        ]
    else:
        blocks += [
            prose("{mark}", mark=Mark("not sealed", strong=True)),
            prose(
                "No signing key and no replay bundle were there when this dossier was written, so nobody outside can check it:"
                " it is this provider’s word. To change that, make a key, hunt with `--evidence`, and write the dossier again."
            ),
        ]
    return (*blocks, *_checkable(m))


def _checkable(m: Matter) -> list[Block]:
    last = len(m.numbers.lines)
    kinds: Counter[str] = Counter(RECOMPUTED if n.recipe else str(n.needs) for n in m.numbers.lines)
    whole = m.numbers.before(last, None, "numbers in sections of this dossier before this one")
    items = tuple(
        say(
            "{n}: {what}",
            n=m.numbers.before(last, what, f"of these, those that take {what}"),
            what=FROM_BUNDLE if what == RECOMPUTED else CONSTANTS if what == IN_WORDS else f"need {what}",
        )
        for what, _ in sorted(kinds.items(), key=lambda k: (-k[1], k[0]))
    )
    if set(kinds) == {RECOMPUTED}:
        all_of_them = "Before this section the dossier holds {n} different numbers. All of them are {what}."
        return [prose(all_of_them, n=whole, what=FROM_BUNDLE)]
    intro = prose("Before this section the dossier holds {n} different numbers. To check them:", n=whole)
    return [intro, Items(items=items)]


def _order(item: tuple[str, Json]) -> tuple[int, str]:
    names = list(WORDS)
    return (names.index(item[0]) if item[0] in names else len(names), item[0])


def _value(m: Matter, name: str, value: Json) -> Parts:
    if isinstance(value, int) and not isinstance(value, bool):
        return (m.number(value, WORDS.get(name, name), count(value), needs="the seal", recipe=JOURNALED.get(name)),)
    if isinstance(value, Mapping | list | tuple):
        return (Tag(", ".join(str(v) for v in (value.values() if isinstance(value, Mapping) else value))),)
    return (Tag("–" if value is None else str(value)),)
