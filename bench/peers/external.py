"""
The two peers that come as packages, run in an environment of their own that need not hold Stillhunt.

    python external.py NAME FOLDER SETTINGS.json OUT.json

FOLDER has held.parquet (owner, kind, value, holders) and calls.parquet (owner, at_s, network_h, device_h, system_h); OUT gets,
for each setting, the sets of owners and the CPU seconds.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import networkx as nx
import pandas as pd

SMALLEST = 5


def components(pairs: list[tuple[int, int]]) -> list[list[int]]:
    """Return the connected components of at least five owners."""
    return [sorted(c) for c in nx.connected_components(nx.Graph(pairs)) if len(c) >= SMALLEST]


def coordination(folder: Path, settings: list[dict]) -> list[list[list[int]]]:
    """Co-link networks: the values of a call are its links; accounts that use one within the window are joined."""
    import sqlite3

    from coordination_network_toolkit.compute_networks import compute_co_link_network
    from coordination_network_toolkit.preprocess import preprocess_data

    calls = pd.read_parquet(folder / "calls.parquet")
    out = []
    for setting in settings:
        links: list[list[str]] = [[] for _ in range(len(calls))]
        for column in ("network_h", "device_h", "system_h"):
            holders = calls.groupby(column)["owner"].nunique()
            rare = set(holders[(holders >= 2) & (holders <= setting["cap"])].index) - {0}
            for row, value in enumerate(calls[column].tolist()):
                if value in rare:
                    links[row].append(f"{column}:{value}")
        rows = zip(calls["owner"].tolist(), calls["at_s"].tolist(), links, strict=True)
        with tempfile.TemporaryDirectory() as place:
            database = f"{place}/messages.db"
            preprocess_data(
                database,
                ((str(n), str(o), str(o), None, None, "", int(t), u) for n, (o, t, u) in enumerate(rows) if u),
            )
            compute_co_link_network(database, setting["window_s"], n_threads=1, min_edge_weight=setting["weight"])
            edges = sqlite3.connect(database).execute("select user_1, user_2 from co_link_network where user_1 < user_2")
            out.append(components([(int(a), int(b)) for a, b in edges]))
    return out


def splink(folder: Path, settings: list[dict]) -> list[list[list[int]]]:
    """Fellegi and Sunter's model, trained by EM with term-frequency adjustments; clusters at a match probability."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    held = pd.read_parquet(folder / "held.parquet").sort_values(["owner", "kind", "holders", "value"])
    held = held[held["holders"] >= 2]
    held["value"] = held["value"].astype(str)
    first = held.groupby(["owner", "kind"])["value"].first().unstack()
    second = held[held["kind"] == "network"].groupby("owner")["value"].nth(1)
    owners = pd.RangeIndex(int(pd.read_parquet(folder / "calls.parquet")["owner"].max()) + 1)
    table = first.reindex(owners).assign(network_2=pd.Series(second.to_numpy(), index=held.loc[second.index, "owner"]))
    table = table.reset_index(names="unique_id").astype(object).where(lambda t: t.notna(), None)
    kinds = [k for k in ("card", "network", "network_2", "device", "phone", "email_domain", "referral", "signup_hour", "tls", "agent", "system") if k in table]  # noqa: E501
    compared = [cl.ExactMatch(k).configure(term_frequency_adjustments=True) for k in kinds]
    narrow = [k for k in ("card", "network", "network_2", "device", "phone", "referral", "system") if k in table]
    for kind in narrow:
        sizes = table[kind].value_counts()
        table[f"{kind}_block"] = table[kind].where(table[kind].map(sizes) <= 200)
    rules = [block_on(f"{kind}_block") for kind in narrow]
    model = SettingsCreator(link_type="dedupe_only", comparisons=compared, blocking_rules_to_generate_predictions=rules)
    api = DuckDBAPI()
    linker = Linker(api.register(table) if hasattr(api, "register") else table, model, log_level=40)
    linker.training.estimate_probability_two_random_records_match(rules[:1], recall=0.5)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for rule in (rules[0], rules[1]):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    scored = linker.inference.predict(threshold_match_probability=min(s["threshold"] for s in settings))
    pairs = scored.as_pandas_dataframe()[["unique_id_l", "unique_id_r", "match_probability"]]
    out = []
    for setting in settings:
        strong = pairs[pairs["match_probability"] >= setting["threshold"]]
        out.append(components(list(zip(strong["unique_id_l"].tolist(), strong["unique_id_r"].tolist(), strict=True))))
    return out


def main() -> None:
    """Run one peer at each of some settings."""
    name, folder, settings, out = sys.argv[1:]
    began = time.process_time()
    method = {"Splink": splink, "coordination-network-toolkit": coordination}[name]
    wanted = json.loads(Path(settings).read_text())
    sets = method(Path(folder), wanted)
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = time.process_time() - began + usage[1].ru_utime + usage[1].ru_stime
    memory = max(u.ru_maxrss for u in usage) / 1024
    Path(out).write_text(json.dumps({"sets": sets, "seconds": seconds, "memory_mb": round(memory)}))


if __name__ == "__main__":
    main()
