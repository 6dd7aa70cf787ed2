"""
An outsider's side: recompute a dossier's numbers from its replay bundle, and check its seal.

Stands above the stages, because it puts their tests to the bundle once more. Needs no log, no deployment key and no network.
"""

from stillhunt.verify.checks import Check, Trust
from stillhunt.verify.dossier import Number, Verdict, verify
from stillhunt.verify.journaled import evidence_of
from stillhunt.verify.recipes import recompute

__all__ = ["Check", "Number", "Trust", "Verdict", "evidence_of", "recompute", "verify"]
