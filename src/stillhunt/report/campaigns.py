"""A hunt as `campaigns.json`, schema `stillhunt/campaigns/v1`, and as the table of accused accounts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

import pyarrow as pa

from stillhunt.controls import Control
from stillhunt.model import (
    Ablation,
    Audit,
    Campaign,
    Claim,
    Evidence,
    Exhibits,
    Hunt,
    LeftOut,
    LinkedSet,
    Membership,
    NullDistribution,
)
from stillhunt.report.canonical import encode
from stillhunt.report.numbers import iso
from stillhunt.seal.canonical import Json

SCHEMA = "stillhunt/campaigns/v1"
AUDIT_SCHEMA = "stillhunt/audit/v1"
ACCOUNTS = pa.schema([("account_id", pa.string()), ("campaign_id", pa.string()), ("confidence", pa.float64())])


def campaigns_json(hunt: Hunt) -> bytes:
    """
    Everything a hunt found, claimed and left out, as canonical JSON under `stillhunt/campaigns/v1`.

    Lists keep the order of the hunt; moments are ISO 8601 in UTC; shares lie in 0..1; what is not
    known, and numbers that are not finite, are `null`.
    """
    return encode(_document(hunt))


def accounts_table(hunt: Hunt) -> pa.Table:
    """
    Every accused account is one row: `account_id`, `campaign_id`, `confidence`, sorted by account.

    An account with strands in two campaigns appears under the one it belongs to with more confidence.
    """
    best: dict[str, tuple[float, str]] = {}
    for campaign in sorted(hunt.campaigns, key=lambda c: c.id):
        for member in campaign.members:
            known = best.get(member.account_id)
            if known is None or member.confidence > known[0]:
                best[member.account_id] = (member.confidence, campaign.id)
    accounts = sorted(best)
    columns = (accounts, [best[a][1] for a in accounts], [best[a][0] for a in accounts])
    return pa.table(
        [pa.array(values, type=kind) for values, kind in zip(columns, ACCOUNTS.types, strict=True)],
        schema=ACCOUNTS,
    )


def _document(hunt: Hunt) -> Json:
    return {
        "schema": SCHEMA,
        "claim": _claim(hunt.claim),
        "campaigns": [_campaign(c) for c in hunt.campaigns],
        "linked": [_linked(s) for s in hunt.linked],
        "left_out": [_left_out(row) for row in hunt.left_out],
        "unavailable": [
            {"what": u.what, "wants": list(u.wants), "consequence": u.consequence} for u in hunt.unavailable
        ],
        "coverage": [
            {"table": c.table, "column": c.column, "present": c.present, "rows": c.rows} for c in hunt.coverage
        ],
        "settings": dict(hunt.settings),
        "sources": list(hunt.sources),
        "counts": {
            "lines": hunt.n_lines,
            "exchanges": hunt.n_exchanges,
            "accounts": hunt.n_accounts,
            "owners": hunt.n_owners,
        },
        "window": {"first_seen": iso(hunt.first_seen), "last_seen": iso(hunt.last_seen)},
        "per_day": dict(hunt.per_day),
        "audit": None if hunt.audit is None else _audit(hunt.audit),
    }


def audit_json(audit: Audit) -> bytes:
    """The rule on verified-honest sets as canonical JSON under `stillhunt/audit/v1`."""
    return encode({"schema": AUDIT_SCHEMA, **_audit(audit)})


def _audit(audit: Audit) -> dict[str, Json]:
    broken = audit.full_break
    return {
        "statement": audit.statement,
        "claimable": audit.claimable,
        "bound": audit.bound,
        "level": audit.level,
        "confidence": audit.confidence,
        "linked_controls": audit.linked,
        "rejected": audit.rejected,
        "rate_upper": audit.rate_upper,
        "linked_sets": audit.sets,
        "verified_sets": audit.verified_sets,
        "falsely_reported": audit.falsely_reported,
        "reported": audit.reported,
        "cutoff": audit.cutoff,
        "controls": [_control(c) for c in audit.controls],
        "thresholds": [
            {
                "name": t.name,
                "in_use": t.in_use,
                "estimate": t.estimate,
                "seen": t.seen,
                "needed": t.needed,
                "statement": t.statement,
            }
            for t in audit.thresholds
        ],
        "full_break": None
        if broken is None
        else {
            "shuffles": broken.shuffles,
            "proposed": broken.proposed,
            "kept": broken.kept,
            "of_one_country": broken.of_one_country,
        },
        "left_out": [_left_out(row) for row in audit.left_out],
    }


def _control(control: Control) -> Json:
    return {
        "set": control.label,
        "n_accounts": control.accounts,
        "linked": control.linked,
        "linkage_log10": control.linkage_log10,
        "declared_customers": control.declared_customers,
        "p_values": dict(control.p_values),
        "p_value": control.p_value,
        "coherence": control.coherence,
        "rejected": control.rejected,
        "reason": control.reason,
    }


def _campaign(campaign: Campaign) -> Json:
    profile = campaign.profile
    return {
        "id": campaign.id,
        "claim": _claim(campaign.claim),
        "accounts": list(campaign.accounts),
        "n_accounts": profile.n_accounts,
        "n_exchanges": profile.n_exchanges,
        "first_seen": iso(profile.first_seen),
        "last_seen": iso(profile.last_seen),
        "capabilities": dict(profile.capabilities),
        "capability_method": profile.capability_method,
        "models": dict(profile.models),
        "tokens": {
            "tokens_in": profile.tokens.tokens_in,
            "tokens_out": profile.tokens.tokens_out,
            "tokens_reasoning": profile.tokens.tokens_reasoning,
        },
        "status": dict(profile.status),
        "per_day": dict(profile.per_day),
        "members": [_member(m) for m in campaign.members],
        "evidence": [_evidence(e) for e in campaign.evidence],
        "alternatives": [
            {"explanation": a.explanation, "predicts": a.predicts, "seen": a.seen, "verdict": a.verdict}
            for a in campaign.alternatives
        ],
        "ablations": [_ablation(a) for a in campaign.ablations],
        "not_seen": list(campaign.not_seen),
        "error": {
            "p_value": campaign.p_value,
            "q_value": campaign.q_value,
            "level": campaign.claim.level,
            "linkage_log10": campaign.linkage_log10,
        },
        "declared_customers": campaign.declared_customers,
        "strand": campaign.strand,
        "exhibits": None if campaign.exhibits is None else _exhibits(campaign.exhibits),
    }


def _exhibits(exhibits: Exhibits) -> Json:
    """Nouns as they are, but moments in ISO 8601."""
    plain: Json = json.loads(json.dumps(asdict(exhibits), default=iso))
    return plain


def _claim(claim: Claim) -> Json:
    return {
        "statement": claim.statement,
        "level": claim.level,
        "method": claim.method,
        "assumptions": list(claim.assumptions),
        "seed": claim.seed,
    }


def _member(member: Membership) -> Json:
    return {
        "account_id": member.account_id,
        "confidence": member.confidence,
        "e_value_log10": member.e_value_log10,
        "n_exchanges": member.n_exchanges,
        "n_other": member.n_other,
        "shared": list(member.shared),
    }


def _evidence(evidence: Evidence) -> Json:
    effect: Mapping[str, float | int | str] = evidence.effect
    return {
        "kind": evidence.kind,
        "test": evidence.test,
        "statement": evidence.statement,
        "statistic": evidence.statistic,
        "p_value": evidence.p_value,
        "e_value_log10": evidence.e_value_log10,
        "effect": dict(effect),
        "null": None if evidence.null is None else _null(evidence.null),
        "exchange_ids": list(evidence.exchange_ids),
    }


def _ablation(ablation: Ablation) -> Json:
    return {
        "kind": ablation.kind,
        "without": ablation.without,
        "linkage_log10": ablation.linkage_log10,
        "p_value": ablation.p_value,
        "q_value": ablation.q_value,
        "accounts": list(ablation.accounts),
    }


def _null(null: NullDistribution) -> Json:
    return {
        "label": null.label,
        "edges": list(null.edges),
        "counts": list(null.counts),
        "observed": null.observed,
    }


def _linked(linked: LinkedSet) -> Json:
    return {
        "id": linked.id,
        "accounts": list(linked.account_ids),
        "n_accounts": len(linked.account_ids),
        "owners": linked.owners,
        "n_exchanges": linked.n_exchanges,
        "linkage_log10": linked.linkage_log10,
        "p_value": linked.p_value,
        "declared_customers": linked.declared_customers,
        "reason": linked.reason,
        "list_name": linked.list_name,
        "shared": list(linked.shared),
    }


def _left_out(row: LeftOut) -> Json:
    return {
        "what": row.what,
        "reason": row.reason,
        "count": row.count,
        "defect": row.defect,
        "examples": list(row.examples),
    }
