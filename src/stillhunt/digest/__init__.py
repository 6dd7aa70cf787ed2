"""Exchanges → traits. The text stops here: what leaves this folder are keyed hashes, counts and times."""

from stillhunt.digest.calls import CALLS, Digester
from stillhunt.digest.keys import Key

__all__ = ["CALLS", "Digester", "Key"]
