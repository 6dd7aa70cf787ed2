"""The table of Stillhunt beside its peers."""

from __future__ import annotations

from typing import Any

import numpy as np

ALARM = 0.05


def report(rows: list[dict[str, Any]], tune: str, compare: str) -> str:
    """Return the page of results: accounts, campaigns, honest cohorts, seconds and memory of each."""
    seeds = sorted({r["seed"] for r in rows if r["role"] == "compare"})
    tuned = sorted({r["seed"] for r in rows if r["role"] == "tune"})
    out = [
        "# Beside the peers",
        "",
        f"`python bench/peers/run.py --tune {tune} --compare {compare} --external PYTHON`; world `demo`, {len(tuned)} seeds to tune"
        f" the peers ({_listed(tuned)}), {len(seeds)} other seeds to compare ({_listed(seeds)}).",
        "",
        "Every peer is given what Stillhunt is given: the digested log, organisations as owners, licensed owners left out. Each"
        " stands here twice where it can: with the setting that had the best F1 over accounts on the tuning worlds, and with the"
        " one that found most there without accusing an honest cohort. Stillhunt runs at its default settings, which were tuned"
        " on none of these worlds. A cohort is accused when more than 1 % of its accounts are; a campaign is found when reported"
        " sets that are mostly its accounts cover half of it (an account flagged by itself counts as a set). CPU seconds and"
        " peak memory are of one world, without the digest that all need; a peer's memory cannot be told below what the process"
        " held that started it.",
        "",
        "| method | tuned for | setting | account precision | account recall | campaigns found | honest accounts accused"
        " | honest cohorts accused, per world | CPU s | MB, at most |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    kinds = dict.fromkeys((r["peer"], r["aim"]) for r in rows if r["role"] == "compare" and r["peer"] != "MMD window")
    out += [_row([r for r in rows if r["role"] == "compare" and (r["peer"], r["aim"]) == kind]) for kind in kinds]
    none = sorted({p for p, _ in kinds} - {p for p, aim in kinds if aim == "no cohort accused"} - {"Stillhunt"})
    if none:
        out += ["", f"No setting that found anything spared every honest cohort of the tuning worlds: {', '.join(none)}."]
    alarms = [r for r in rows if r["peer"] == "MMD window" and r["role"] == "compare"]
    if alarms:
        out += ["", "## The alarm", "", _alarm(alarms)]
    return "\n".join(out) + "\n"


def _listed(seeds: list[int]) -> str:
    return f"{seeds[0]}–{seeds[-1]}" if len(seeds) > 1 else str(seeds[0])


def _row(rows: list[dict[str, Any]]) -> str:
    first = rows[0]
    accused, honest = sum(r["accused"] for r in rows), sum(r["honest_accused"] for r in rows)
    members = sum(r["in_campaigns"] for r in rows)
    setting = ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in first["setting"].items()) or "default"
    precision = f"{(accused - honest) / accused:.3f}" if accused else "–"
    return (
        f"| {first['peer']} | {first['aim'] or '–'} | {setting} | {precision} | {(accused - honest) / members:.3f}"
        f" | {sum(r['found'] for r in rows)} of {sum(r['campaigns'] for r in rows)}"
        f" | {honest:,} of {sum(r['honest'] for r in rows):,} | {np.mean([len(r['cohorts']) for r in rows]):.1f}"
        f" | {np.mean([r['seconds'] for r in rows]):.1f} | {max(r['memory_mb'] for r in rows):,} |"
    )


def _alarm(rows: list[dict[str, Any]]) -> str:
    mixed = np.concatenate([r["mixed"] for r in rows])
    honest = np.concatenate([r["honest"] for r in rows])
    return (
        f"The MMD window test names no account. Given seven days known to be honest, it rings at p ≤ {ALARM:g} on"
        f" {(mixed <= ALARM).sum()} of {len(mixed)} later days with campaigns in them, and on {(honest <= ALARM).sum()} of the same"
        f" {len(honest)} days with the campaigns' calls taken out"
        f" ({np.mean([r['seconds'] for r in rows]):.0f} CPU s, {max(r['memory_mb'] for r in rows):,} MB)."
    )
