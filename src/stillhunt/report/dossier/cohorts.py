"""
Named kinds of honest customers, and how many of their accounts the method accused on worlds kept apart from development.

From `bench/results/cohorts.md`, which a test compares with this table. Synthetic, so not this provider's customers.
"""

from __future__ import annotations

from typing import NamedTuple


class Cohort(NamedTuple):
    """A kind of honest customer: its name in the worlds and in words, its accounts, and those accused."""

    name: str
    words: str
    accounts: int
    accused: int


COHORTS = (
    Cohort("independent", "customers who have nothing to do with each other", 50_000, 0),
    Cohort("nat_company", "a company behind one network address", 7_944, 0),
    Cohort("coding_app", "users of one coding program", 6_437, 0),
    Cohort("vpn_users", "people behind one VPN", 4_713, 0),
    Cohort("university_course", "a university course", 3_762, 0),
    Cohort("hackathon", "a hackathon", 1_883, 0),
    Cohort("explainability_logging", "a firm that logs explanations of answers", 1_638, 0),
    Cohort("key_migration", "a customer moving to new keys", 1_228, 0),
    Cohort("licensed_distillation", "distillation under licence", 1_002, 0),
    Cohort("licensed_aggregator", "an aggregator under licence", 979, 0),
    Cohort("white_label_reseller", "a reseller under another name", 848, 0),
    Cohort("sharded_batch", "a batch split over accounts of one firm", 777, 0),
    Cohort("ci_fleet", "build servers", 717, 0),
    Cohort("overnight_agents", "agents that run overnight", 594, 0),
    Cohort("labelling_firm", "a labelling firm", 499, 0),
    Cohort("eval_harness", "an evaluation", 356, 0),
    Cohort("support_bot", "a support bot in many languages", 319, 0),
    Cohort("red_team", "a registered red team", 298, 0),
    Cohort("rag_backfill", "filling a search index", 272, 0),
)
