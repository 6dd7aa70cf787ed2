"""Traits → groups: which owners are worth comparing, how surprising is what they share, which groups they form."""

from stillhunt.graph.candidates import CandidatePairs, candidate_pairs
from stillhunt.graph.groups import propose
from stillhunt.graph.incidence import broken, fetch_incidence

__all__ = ["CandidatePairs", "broken", "candidate_pairs", "fetch_incidence", "propose"]
