"""Calls → profile: when, how much, of what, on which models. Profiles describe; they never accuse."""

from stillhunt.features.harvest import contrasts, harvest_measures
from stillhunt.features.profile import profile
from stillhunt.features.weeks import with_weeks

__all__ = ["profile", "harvest_measures", "contrasts", "with_weeks"]
