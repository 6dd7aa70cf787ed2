"""
Stillhunt finds adversarial-distillation campaigns in the logs of a model API, with an error rate for every accusation.

    import stillhunt
    result = stillhunt.hunt("logs/", accounts="accounts.parquet")
    for campaign in result.campaigns:
        print(campaign.id, len(campaign.members), campaign.claim.statement)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stillhunt.model import (
    Alternative,
    Campaign,
    Claim,
    Evidence,
    Hunt,
    LeftOut,
    Link,
    LinkedSet,
    Membership,
    Profile,
    Unavailable,
)

if TYPE_CHECKING:
    from stillhunt.pipeline import hunt

__version__ = "0.1.0"

__all__ = [
    "Alternative",
    "Campaign",
    "Claim",
    "Evidence",
    "Hunt",
    "LeftOut",
    "Link",
    "LinkedSet",
    "Membership",
    "Profile",
    "Unavailable",
    "__version__",
    "hunt",
]


def __getattr__(name: str) -> Any:
    # The pipeline imports Numba and DuckDB; importing the nouns alone should cost neither.
    if name == "hunt":
        from stillhunt.pipeline import hunt

        return hunt
    raise AttributeError(f"module 'stillhunt' has no attribute {name!r}")
