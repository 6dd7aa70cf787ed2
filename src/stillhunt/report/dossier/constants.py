"""
Constants of the rule that a dossier says, by the names of their recipes.

They are the same in every dossier of one version, so whoever verifies holds them against the rule that they know, not against
what the dossier says of itself. A test holds each against the code that works by it; `docs/reference/dossier.md` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "rule."

ENOUGH_MEASURES = 2
LARGE = 0.64
"""A superiority that half a standard deviation gives (Φ(0.5/√2)): from here the accounts are clearly apart."""
FEWEST_REFERENCES = 19
"""Sets to compare a schedule with, at least, before anything is claimed: with fewer no chance level can be one in twenty."""

CONSTANTS: Mapping[str, float | int] = {
    "accounts_shown": 25,
    "calls_of_a_schedule": 100,
    "circle": 8,
    "clock_ratio": 0.9,
    "controls_confidence": 0.95,
    "copies_share": 0.25,
    "copies_window_s": 60,
    "interchange_accounts": 8,
    "interchange_prompts": 3,
    "intervals": 0.95,
    "measures_needed": ENOUGH_MEASURES,
    "own_accounts": 3,
    "pairing_holders": 100,
    "queue_share": 0.75,
    "references_needed": FEWEST_REFERENCES,
    "single_test": 0.05,
    "superiority": LARGE,
    "template_share": 0.25,
    "wakes_within_h": 12,
    "word_lists": 7,
    "words_in_lists": 320,
}
"""Name → value; docs and both verifiers know it by `rule.` and this name."""


def constants() -> dict[str, float | int]:
    """Return the constants by the names of their recipes."""
    return {f"{PREFIX}{name}": value for name, value in CONSTANTS.items()}
