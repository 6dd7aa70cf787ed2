"""
What the hunt finds, and whom it accuses, on worlds whose seeds were never used in development.

    python bench/held_out.py                 # every kind of world at the default level of 5 %; resumes where it stopped
    python bench/held_out.py --level 0.01    # at a stated level of 1 %, on other seeds
    python bench/held_out.py --worlds demo --seeds 101-103

Writes one JSON line per world to `bench/results/held_out.jsonl` and the table to `bench/results/held_out.md`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc
from scipy.stats import beta, binom

from stillhunt import backtest, pipeline, worlds
from stillhunt.model import Hunt

RESULTS = Path(__file__).parent / "results"
KEY = b"stillhunt held-out worlds, public"
LEVEL = 0.05
SMALLEST = 25
SOURCES = ("git", "-C", str(Path(__file__).parents[1]))
COMMIT = subprocess.run([*SOURCES, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
COMMIT += " with changes" if subprocess.run([*SOURCES, "diff", "--quiet", "HEAD", "--", "src"], check=False).returncode else ""
SEEDS = {
    "demo": range(961, 981),
    "null": range(1151, 1201),
    "small_campaigns": range(1231, 1241),
    "covered": range(1231, 1241),
    "nothing_shared": range(1231, 1241),
}
STRICT = 0.01
STRICT_SEEDS = {
    "demo": range(1001, 1021),
    "null": range(1201, 1221),
    "small_campaigns": range(1241, 1243),
    "covered": range(1241, 1243),
    "nothing_shared": range(1241, 1243),
}
"""Worlds hunted at the strict level, none of them one of those above."""

BLIND = {"demo without text": ("prompt", "system", "history", "completion"), "demo without accounts table": None}
"""Demo worlds hunted again with columns, or the accounts table, taken away; the first three seeds."""


def one(name: str, seed: int, level: float = LEVEL) -> dict[str, object]:
    """Hunt one world at the default settings but for the level, and score it against its truth."""
    world = worlds.make(name.split(" without ")[0], seed)
    accounts = world.accounts
    if name in BLIND:
        gone = BLIND[name]
        accounts = world.accounts if gone else None
        kept = [c for c in world.exchanges.column_names if c not in (gone or ())]
        world = replace(world, exchanges=world.exchanges.select(kept))
    began = time.perf_counter()
    used = time.process_time()
    result = pipeline.hunt(world.exchanges, accounts, world.events, key=KEY, level=level)
    used = time.process_time() - used
    seconds = time.perf_counter() - began
    score = backtest.score_hunt(result, world.truth, world.truth_exchanges)
    return {
        "world": name,
        "seed": seed,
        "level": level,
        "commit": COMMIT,
        "exchanges": result.n_exchanges,
        "accounts": result.n_accounts,
        "seconds": round(seconds, 1),
        "cpu": round(used, 1),
        "cohorts": len({c for c in world.truth.filter(pc.is_null(world.truth["campaign_id"]))["cohort"].to_pylist()}),
        "linked_not_accused": _linked(result, world),
        "reported": len(result.campaigns),
        "false": score.n_false,
        "campaigns": [
            {"cohort": c.cohort, "accounts": c.accounts, "accused": c.accused, "found": c.found}
            for c in score.campaigns
        ],
        "noticed": list(score.noticed),
        "honest": score.honest,
        "honest_accused": score.honest_accused,
        "precision": score.account_precision,
        "recall": score.account_recall,
        "purity_worst": score.purity_worst,
        "one_as_one": score.found_as_one,
    }


def _linked(result: Hunt, world: worlds.World) -> list[dict[str, object]]:
    """Return the linked sets that are mostly one campaign and accuse nobody: which campaign, and on which list they are."""
    campaign = dict(zip(world.truth["account_id"].to_pylist(), world.truth["campaign_id"].to_pylist(), strict=True))
    out = []
    for one in result.linked:
        members = Counter(campaign.get(a) for a in one.account_ids)
        name, n = members.most_common(1)[0]
        if name is not None and 2 * n > len(one.account_ids):
            out.append({"list": one.list_name, "accounts": n, "declared": one.declared_customers, "p": one.p_value})
    return out


def table(everything: list[dict[str, object]]) -> str:
    """Return the report of all worlds that were run."""
    rows = [r for r in everything if r.get("level", LEVEL) == LEVEL]
    told = "`python bench/held_out.py`; default settings; no seed was used in development before its row was made."
    out = ["# Held-out worlds", "", told, ""]
    demo = sorted((r for r in rows if r["world"] == "demo"), key=lambda r: r["seed"])
    if demo:
        out += [
            f"## Demo worlds: campaigns of at least {SMALLEST} accounts, and look-alikes",
            "",
            "| seed | commit | accounts | exchanges | campaigns found | missed | accounts accused / in campaigns | honest accused"
            " | look-alikes accused | false reports | worst purity | s |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        out += [_demo_row(r) for r in demo]
        large = [c for r in demo for c in r["campaigns"] if c["accounts"] >= SMALLEST]
        honest, accused = sum(r["honest"] for r in demo), sum(r["honest_accused"] for r in demo)
        out += [
            "",
            f"Found {sum(c['found'] for c in large)} of {len(large)} campaigns of {SMALLEST} accounts or more;"
            f" {sum(c['accused'] for c in large):,} of their {sum(c['accounts'] for c in large):,} accounts."
            f" Honest accounts accused: {accused} of {honest:,} ({1e5 * accused / honest:.1f} per 100,000)."
            " A campaign is found when reported sets that are mostly its accounts cover at least half of it;"
            " a look-alike is accused when more than 1 % of its accounts are.",
            "",
        ]
    out += _honest(rows)
    edge = [name for name in (*SEEDS, *BLIND) if name not in ("demo", "null") and any(r["world"] == name for r in rows)]
    out += [
        "## At the edge, and with less to see",
        "",
        "| worlds | seeds | campaigns found | accounts accused / in campaigns | linked and listed, not accused | honest accused |",
        "|---|---|---|---|---|---|",
        *(_kind_row(name, [r for r in rows if r["world"] == name]) for name in edge),
        "",
        "`linked and listed` counts sets, mostly of one campaign, on a list of linked sets: `one customer, many accounts` are sets"
        " that look like fewer than four customers, which by definition are not called campaigns; `honest group` are those that"
        " passed no test of joint operation; `not examined` are those of which nothing says how many customers they look like.",
        "",
    ]
    null = [r for r in rows if r["world"] == "null"]
    if null:
        wrong = [r for r in null if r["reported"]]
        bound = int(binom.ppf(0.95, len(null), LEVEL))
        out += [
            "## Null worlds: every look-alike, no campaign",
            "",
            f"{len(wrong)} of {len(null)} worlds report anything at all (seeds {min(r['seed'] for r in null)}–"
            f"{max(r['seed'] for r in null)}, at commit"
            f" {', '.join(dict.fromkeys(r['commit'] for r in null))}, level {LEVEL:.0%}). If the true rate were {LEVEL:.0%},"
            f" up to {bound} would be"
            f" within the 95 % point of the binomial; P(X ≥ {len(wrong)}) = {binom.sf(len(wrong) - 1, len(null), LEVEL):.3g}."
            f" Honest accounts accused: {sum(r['honest_accused'] for r in null)} of {sum(r['honest'] for r in null):,}.",
            "",
        ]
        out += [f"- seed {r['seed']}: {r['reported']} reported, {r['noticed']}" for r in wrong]
    out += _strict([r for r in everything if r.get("level", LEVEL) == STRICT])
    return "\n".join(out) + "\n"


def _strict(rows: list[dict[str, object]]) -> list[str]:
    """Return what was found, and who was accused, at the strict level."""
    if not rows:
        return []
    out = [
        f"## At a stated level of {STRICT:.0%}",
        "",
        f"`python bench/held_out.py --level {STRICT}`, at commit {', '.join(dict.fromkeys(r['commit'] for r in rows))}; other"
        " worlds than above. In the worlds of `demo` the campaigns are those of 25 accounts or more. Seed 1001 was"
        " hunted once before: it reported nothing, because key 1 then took all of a level of 1 %. That was corrected, and every"
        " row is of after it.",
        "",
        "| worlds | seeds | campaigns found | accounts accused / in campaigns | sets reported | mostly honest"
        " | look-alikes accused | honest accounts accused |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in STRICT_SEEDS:
        of = [r for r in rows if r["world"] == name]
        if not of:
            continue
        least = SMALLEST if name == "demo" else 0
        all_of = [c for r in of for c in r["campaigns"] if c["accounts"] >= least]
        found, accused, members = (sum(c[key] for c in all_of) for key in ("found", "accused", "accounts"))
        shares = (f" ({found / len(all_of):.0%})", f" ({accused / members:.1%})") if all_of else ("", "")
        out.append(
            f"| {name} | {min(r['seed'] for r in of)}–{max(r['seed'] for r in of)} | {found} of {len(all_of)}{shares[0]}"
            f" | {accused:,} / {members:,}{shares[1]} | {sum(r['reported'] for r in of)} | {sum(r['false'] for r in of)}"
            f" | {', '.join(n for r in of for n in r['noticed']) or '–'}"
            f" | {sum(r['honest_accused'] for r in of)} of {sum(r['honest'] for r in of):,} |"
        )
    reported, false = sum(r["reported"] for r in rows), sum(r["false"] for r in rows)
    bound = int(binom.ppf(0.95, reported, STRICT))
    upper = float(beta.ppf(0.95, false + 1, reported - false))
    return [
        *out,
        "",
        f"Mostly honest: {false} of {reported} sets reported. If the true rate were {STRICT:.0%}, up to {bound} would be within the"
        f" 95 % point of the binomial, P(X ≥ {false}) = {binom.sf(false - 1, reported, STRICT):.3g}; the 95 % upper bound of the"
        f" rate is {upper:.2%} (Clopper–Pearson).",
        "",
    ]


def _honest(rows: list[dict[str, object]]) -> list[str]:
    """Return what all worlds together say of honest customers and of the sets reported."""
    seen = [r for r in rows if r["world"] in SEEDS]
    honest, accused = sum(r["honest"] for r in seen), sum(r["honest_accused"] for r in seen)
    reported, false = sum(r["reported"] for r in seen), sum(r["false"] for r in seen)
    noticed = [f"{name} ({r['world']} {r['seed']})" for r in seen for name in r["noticed"]]
    upper = float(beta.ppf(0.95, false + 1, reported - false))
    demo = [r for r in rows if r["world"] == "demo"]
    large = [c for r in demo for c in r["campaigns"] if c["accounts"] >= SMALLEST]
    recall = sum(c["accused"] for c in large) / sum(c["accounts"] for c in large)
    return [
        "## Honest customers, all worlds together",
        "",
        f"{len(seen)} worlds. Look-alikes of which more than 1 % are accused: {len(noticed)}"
        f" ({', '.join(noticed) or 'none'}). Honest accounts accused: {accused} of {honest:,} ({1e5 * accused / honest:.2f} per"
        f" 100,000). Reported sets that are mostly honest: {false} of {reported:,}; 95 % upper bound of the rate {upper:.2%}"
        f" (Clopper–Pearson). In the demo worlds {recall:.1%} of the accounts of campaigns are accused,"
        f" {sum(r['one_as_one'] for r in demo) / len(demo):.1%} of the campaigns found come back as one, and the worst purity of"
        f" a reported set is {min(r['purity_worst'] for r in demo):.3f}.",
        "",
    ]


def _kind_row(name: str, rows: list[dict[str, object]]) -> str:
    """Return one line about all worlds of a kind."""
    all_of = [c for r in rows for c in r["campaigns"]]
    lists = Counter(one["list"] for r in rows for one in r["linked_not_accused"])
    seeds = f"{min(r['seed'] for r in rows)}–{max(r['seed'] for r in rows)}"
    found = sum(c["found"] for c in all_of)
    return (
        f"| {name} | {seeds} | {found} of {len(all_of)} ({found / len(all_of):.0%})"
        f" | {sum(c['accused'] for c in all_of):,} / {sum(c['accounts'] for c in all_of):,}"
        f" | {', '.join(f'{n} {kind}' for kind, n in sorted(lists.items())) or '–'} | {sum(r['honest_accused'] for r in rows)} |"
    )


def _demo_row(r: dict[str, object]) -> str:
    large = [c for c in r["campaigns"] if c["accounts"] >= SMALLEST]
    missed = ", ".join(f"{c['cohort']} of {c['accounts']}" for c in large if not c["found"]) or "–"
    return (
        f"| {r['seed']} | {r['commit']}"
        f" | {r['accounts']:,} | {r['exchanges']:,} | {sum(c['found'] for c in large)} of {len(large)} | {missed}"
        f" | {sum(c['accused'] for c in large):,} / {sum(c['accounts'] for c in large):,} | {r['honest_accused']}"
        f" | {', '.join(r['noticed']) or '–'} | {r['false']} | {r['purity_worst']:.3f} | {r['seconds']} |"
    )


def main() -> None:
    """Run what is missing and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--worlds", nargs="*", default=[*SEEDS, *BLIND])
    parser.add_argument("--seeds", help="first-last, instead of the held-out seeds")
    parser.add_argument("--level", type=float, choices=(LEVEL, STRICT), default=LEVEL, help="campaigns' stated level")
    parser.add_argument("--restart", action="store_true", help="forget earlier results")
    arguments = parser.parse_args()
    lines = RESULTS / "held_out.jsonl"
    RESULTS.mkdir(exist_ok=True)
    if arguments.restart:
        lines.unlink(missing_ok=True)
    rows = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    done = {(r["world"], r["seed"], r.get("level", LEVEL)) for r in rows}
    seeds = SEEDS if arguments.level == LEVEL else STRICT_SEEDS
    for name in [n for n in arguments.worlds if n in seeds or arguments.level == LEVEL]:
        for seed in _seeds(arguments.seeds, seeds.get(name, SEEDS["demo"][:3])):
            if (name, seed, arguments.level) in done:
                continue
            rows.append(one(name, seed, arguments.level))
            with lines.open("a") as out:
                out.write(json.dumps(rows[-1], sort_keys=True) + "\n")
            print(name, seed, rows[-1]["reported"], "reported;", rows[-1]["noticed"], flush=True)
    (RESULTS / "held_out.md").write_text(table(rows))


def _seeds(given: str | None, default: Iterable[int]) -> Iterable[int]:
    if given is None:
        return default
    first, last = given.split("-")
    return range(int(first), int(last) + 1)


if __name__ == "__main__":
    main()
