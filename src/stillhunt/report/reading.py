"""`campaigns.json` read back into the nouns it was written from, so that a dossier needs no log and no key."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt.errors import ConfigError, StoreError
from stillhunt.model import (
    Ablation,
    Alternative,
    Campaign,
    Claim,
    Contrast,
    Coverage,
    Evidence,
    Exhibits,
    Hunt,
    LeftOut,
    LinkedSet,
    MemberExhibit,
    Membership,
    NullDistribution,
    PoolEvent,
    Profile,
    SharedValue,
    StrandExhibit,
    Tokens,
    Unavailable,
    WithoutGroup,
)
from stillhunt.report.campaigns import SCHEMA

NAME = "campaigns.json"


def read_hunt(folder: Path) -> Hunt:
    """
    Return the hunt whose `campaigns.json` is in a folder, without the links that only the page draws and without the audit.

    Raises `StoreError` when there is none or it is of another kind.
    """
    place = folder / NAME
    try:
        document = json.loads(place.read_bytes())
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise StoreError(
                f"{place}: this is not a `{SCHEMA}`.\nGive with `--hunt` the folder that was `--out` of a hunt."
            )
        return _hunt(document)
    except OSError as error:
        raise StoreError(
            f"{place}: this file cannot be read: {error.strerror}.\nGive with `--hunt` the folder that was `--out` of a hunt."
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(
            f"{place}: this file was cut off or changed, or another version wrote it.\nHunt again with this version."
        ) from error


def campaign_of(hunt: Hunt, wanted: str) -> Campaign:
    """Return the campaign with this id; raise `ConfigError`, which names those there are, when there is none."""
    for campaign in hunt.campaigns:
        if campaign.id == wanted:
            return campaign
    ids = [c.id for c in hunt.campaigns]
    near = difflib.get_close_matches(wanted, ids, n=1, cutoff=0.5)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    there = ", ".join(ids[:20]) if ids else "none: the hunt reported nothing"
    raise ConfigError(f"There is no campaign `{wanted}` in this hunt.{hint}\nCampaigns: {there}.")


def _hunt(d: Mapping[str, Any]) -> Hunt:
    return Hunt(
        claim=_claim(d["claim"]),
        campaigns=tuple(_campaign(c) for c in d["campaigns"]),
        linked=tuple(_linked(s) for s in d["linked"]),
        left_out=tuple(_noun(LeftOut, row, examples=tuple(row["examples"])) for row in d["left_out"]),
        unavailable=tuple(_noun(Unavailable, row, wants=tuple(row["wants"])) for row in d["unavailable"]),
        coverage=tuple(_noun(Coverage, row) for row in d["coverage"]),
        n_lines=d["counts"]["lines"],
        n_exchanges=d["counts"]["exchanges"],
        n_accounts=d["counts"]["accounts"],
        n_owners=d["counts"]["owners"],
        first_seen=_moment(d["window"]["first_seen"]),
        last_seen=_moment(d["window"]["last_seen"]),
        sources=tuple(d["sources"]),
        settings=d["settings"],
        per_day=d["per_day"],
    )


def _campaign(c: Mapping[str, Any]) -> Campaign:
    return Campaign(
        id=c["id"],
        claim=_claim(c["claim"]),
        members=tuple(_noun(Membership, m, shared=tuple(m["shared"])) for m in c["members"]),
        profile=Profile(
            n_accounts=c["n_accounts"],
            n_exchanges=c["n_exchanges"],
            first_seen=_known(c["first_seen"]),
            last_seen=_known(c["last_seen"]),
            capabilities=c["capabilities"],
            capability_method=c["capability_method"],
            models=c["models"],
            tokens=Tokens(**c["tokens"]),
            per_day=c["per_day"],
            status=c["status"],
        ),
        evidence=tuple(_evidence(e) for e in c["evidence"]),
        alternatives=tuple(_noun(Alternative, a) for a in c["alternatives"]),
        ablations=tuple(_noun(Ablation, a, accounts=tuple(a["accounts"])) for a in c.get("ablations", [])),
        not_seen=tuple(c["not_seen"]),
        links=(),
        linkage_log10=c["error"]["linkage_log10"],
        p_value=c["error"]["p_value"],
        q_value=c["error"]["q_value"],
        declared_customers=c["declared_customers"],
        strand=c["strand"],
        exhibits=None if c.get("exhibits") is None else _exhibits(c["exhibits"]),
    )


def _exhibits(x: Mapping[str, Any]) -> Exhibits:
    return Exhibits(
        figures=x["figures"],
        strands=tuple(_noun(StrandExhibit, s, hours=tuple(s["hours"])) for s in x["strands"]),
        shared=tuple(_noun(SharedValue, s) for s in x["shared"]),
        members=tuple(_noun(MemberExhibit, m, hangs_on=tuple(m["hangs_on"])) for m in x["members"]),
        without=tuple(_noun(WithoutGroup, w) for w in x["without"]),
        contrasts=tuple(_noun(Contrast, c) for c in x["contrasts"]),
        matching=x["matching"],
        events=tuple(_noun(PoolEvent, e) for e in x["events"]),
        week=tuple(x.get("week", ())),
    )


def _evidence(e: Mapping[str, Any]) -> Evidence:
    null = e["null"]
    if null is not None:
        null = _noun(NullDistribution, null, edges=tuple(null["edges"]), counts=tuple(null["counts"]))
    found: Evidence = _noun(Evidence, e, null=null, exchange_ids=tuple(e["exchange_ids"]))
    return found


def _claim(claim: Mapping[str, Any]) -> Claim:
    found: Claim = _noun(Claim, claim, assumptions=tuple(claim["assumptions"]))
    return found


def _linked(s: Mapping[str, Any]) -> LinkedSet:
    lists = {"account_ids": tuple(s["accounts"]), "shared": tuple(s["shared"]), "week": tuple(s.get("week", ()))}
    found: LinkedSet = _noun(LinkedSet, s, **lists)
    return found


def _noun(kind: Any, row: Mapping[str, Any], **given: Any) -> Any:
    """Build a noun from its row; moments are read, what a newer version added is passed over."""
    out = dict(given)
    for field in fields(kind):
        if field.name not in out and field.name in row:
            value = row[field.name]
            out[field.name] = _moment(value) if field.type == "datetime" else value
    return kind(**out)


def _known(text: str) -> datetime:
    moment = _moment(text)
    if moment is None:
        raise ValueError(text)
    return moment


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
