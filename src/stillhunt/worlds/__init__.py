"""Seeded synthetic API traffic with known truth: honest customers, their look-alikes, and campaigns."""

from stillhunt.worlds.large import write_large
from stillhunt.worlds.litellm import write_litellm
from stillhunt.worlds.worlds import COHORTS, NAMES, World, make
from stillhunt.worlds.write import write, write_csv, write_ndjson

__all__ = [
    "NAMES",
    "COHORTS",
    "World",
    "make",
    "write",
    "write_ndjson",
    "write_csv",
    "write_litellm",
    "write_large",
]
