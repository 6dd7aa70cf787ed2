"""
A second verifier of dossiers: one file, the standard library and NumPy, written from the reference pages.

Usage: `python tools/verify_dossier.py DOSSIER [--key FILE] [--json]`

It shares no code with Stillhunt: signatures (Ed25519, RFC 8032), the journal, the Merkle proofs and every statistic are
computed here once more, slowly and plainly. The queue test is drawn again with other random numbers and must agree within what
chance allows; everything else must be equal to nine digits. Timestamps and disclosed records are left to `stillhunt
verify`. Exit status: 0 everything that was checked holds, 1 something does not, 2 there is no dossier.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import math
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P
CLASSES, OUTSIDE = 20, (1, 2, 5, 20, 100)
LOG10 = math.log(10.0)
Array = Any
Found = dict[str, Any]


class Wrong(Exception):
    """Something in the dossier does not hold; the message names the place."""


# ---------------------------------------------------------------- signatures, journal, proofs


def _x_of(y: int, sign: int) -> int:
    """Return the x coordinate of a point from its y and the sign bit (RFC 8032, 5.1.3)."""
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        raise Wrong("no point of the curve")
    return P - x if x & 1 != sign else x


def _add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """Add two points in extended coordinates."""
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: tuple[int, ...]) -> tuple[int, ...]:
    """Multiply a point."""
    out: tuple[int, ...] = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            out = _add(out, point)
        point = _add(point, point)
        scalar >>= 1
    return out


def _point(data: bytes) -> tuple[int, ...]:
    """Return the point that 32 bytes stand for."""
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if y >= P:
        raise Wrong("no point of the curve")
    x = _x_of(y, sign)
    return x, y, 1, x * y % P


def signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """Return whether an Ed25519 signature is by a public key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    try:
        a, r = _point(public), _point(signature[:32])
    except Wrong:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + data).digest(), "little") % ORDER
    x = _x_of(BASE_Y, 0)
    left, right = _times(s, (x, BASE_Y, 1, x * BASE_Y % P)), _add(r, _times(k, a))
    same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return same_x and (left[1] * right[2] - right[1] * left[2]) % P == 0


def plain_json(data: bytes, place: str) -> Any:
    """Return JSON whose spelling is the one that sorting keys and leaving out spaces gives (no numbers but whole ones)."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise Wrong(f"{place}: this is not JSON") from error
    if json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") != data:
        raise Wrong(f"{place}: this is not canonical")
    return value


def decoded(text: Any, place: str) -> bytes:
    """Return what Base64 stands for, in its one canonical spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, TypeError) as error:
        raise Wrong(f"{place}: this is not Base64") from error
    if base64.b64encode(data).decode() != text:
        raise Wrong(f"{place}: this Base64 has a second spelling")
    return data


def opened(envelope: Any, keys: dict[str, bytes], kind: str, place: str) -> bytes:
    """Return the payload of a DSSE envelope after every signature of it has verified."""
    try:
        if set(envelope) != {"payload", "payloadType", "signatures"} or envelope["payloadType"] != kind:
            raise Wrong(f"{place}: this is another kind of envelope")
        payload = decoded(envelope["payload"], place)
        pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
        if not envelope["signatures"]:
            raise Wrong(f"{place}: there is no signature")
        for one in envelope["signatures"]:
            if set(one) != {"keyid", "sig"} or one["keyid"] not in keys:
                raise Wrong(f"{place}: signed by a key that is not known")
            if not signed(keys[one["keyid"]], decoded(one["sig"], place), pae):
                raise Wrong(f"{place}: the signature does not verify")
    except (KeyError, TypeError, AttributeError) as error:
        raise Wrong(f"{place}: this is no envelope") from error
    return payload


def ring(data: bytes) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the public keys of keys.json by id, and when keys were revoked; each event vouched for by the key before."""
    document = plain_json(data, "keys.json")
    keys: dict[str, bytes] = {}
    revoked: dict[str, str] = {}
    order: list[str] = []
    previous = ""
    if set(document) != {"events", "format"} or document["format"] != "stillhunt/keys/v1":
        raise Wrong("keys.json: this is no list of keys")
    for event in document["events"]:
        try:
            row = json.loads(decoded(event["payload"], "keys.json"))
            public = bytes.fromhex(row.get("public", ""))
            brought = {hashlib.sha256(public).hexdigest(): public} if public else {}
            opened(event, {**keys, **brought}, "application/vnd.stillhunt.key-event+json", "keys.json")
            by = {one["keyid"] for one in event["signatures"]}
        except (KeyError, TypeError, ValueError) as error:
            raise Wrong("keys.json: an event cannot be read") from error
        must = {*brought, *order[-1:]} if brought else by & {row.get("keyid"), *order[-1:]}
        if row["previous"] != previous or by != must or not by:
            raise Wrong("keys.json: an event does not follow from those before")
        keys |= brought
        order += brought
        if row["event"] == "revoke":
            revoked[row["keyid"]] = row["time"]
        previous = hashlib.sha256(json.dumps(event, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return keys, revoked


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node of a Merkle tree (RFC 6962)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(low: int, high: int, leaves: dict[int, bytes], rest: list[bytes]) -> bytes:
    """Return the root of a part of a tree, from some leaves and the roots of the parts without any."""
    if not any(low <= i < high for i in leaves):
        return rest.pop(0)
    if high - low == 1:
        return leaves[low]
    middle = low + (1 << ((high - low - 1).bit_length() - 1))
    left = {i: h for i, h in leaves.items() if i < middle}
    right = {i: h for i, h in leaves.items() if i >= middle}
    first = root_of(low, middle, left, rest)
    return node(first, root_of(middle, high, right, rest))


def journal(data: bytes) -> list[Found]:
    """Return the lines of the journal with their hashes, each naming the one before."""
    lines, previous = [], "0" * 64
    if not data.endswith(b"\n"):
        raise Wrong("journal.jsonl: the last line is unfinished")
    for number, line in enumerate(data.split(b"\n")[:-1]):
        try:
            row = json.loads(line)
            follows = row["seq"] == number and row["previous"] == previous
        except (ValueError, KeyError, TypeError) as error:
            raise Wrong(f"journal.jsonl:{number + 1}: this is no line of a journal") from error
        if not follows:
            raise Wrong(f"journal.jsonl:{number + 1}: this line does not follow from the one before")
        previous = hashlib.sha256(b"\x00" + line).hexdigest()
        lines.append({**row, "hash": previous})
    return lines


def seal(files: dict[str, bytes], key: bytes | None) -> list[tuple[str, str]]:
    """
    Return what was checked of the seal; raise `Wrong` at the first thing that does not hold.

    1. Every file has the hash that the signed statement gives it; none is missing, none was added.
    2. The signature, and that the key was not revoked before.
    3. The journal ends where the statement says; the bundle and its settings are journaled.
    """
    for name in ("envelope.json", "keys.json"):
        if name not in files:
            raise Wrong(f"{name}: this file is missing")
    envelope = plain_json(files["envelope.json"], "envelope.json")
    try:
        statement = json.loads(base64.b64decode(envelope["payload"]))
        listed = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    except (ValueError, KeyError, TypeError) as error:
        raise Wrong("envelope.json: the statement cannot be read") from error
    for name in sorted({*listed, *files} - {"envelope.json", "timestamp.json"}):                  # 1.
        if name not in files or hashlib.sha256(files[name]).hexdigest() != listed.get(name):
            raise Wrong(f"{name}: this file was changed, added or taken away")
    keys, revoked = ring(files["keys.json"])                                                       # 2.
    if json.loads(opened(envelope, keys, "application/vnd.in-toto+json", "envelope.json")) != statement:
        raise Wrong("envelope.json: the statement is another")
    by = envelope["signatures"][-1]["keyid"]
    when = statement["predicate"]["signedAt"]
    if by in revoked and revoked[by] <= when:
        raise Wrong("envelope.json: the key was revoked before it signed")
    if key is not None and keys[by] != key:
        raise Wrong("envelope.json: the key is not the one that was given")
    checks = [("files", f"{len(listed)} files"), ("signature", f"{by[:16]} at {when}")]
    if "timestamp.json" in files:
        opened(plain_json(files["timestamp.json"], "timestamp.json"), keys, "application/timestamp-reply", "timestamp.json")
    if "journal.jsonl" not in files:
        return checks
    lines = journal(files["journal.jsonl"])                                                        # 3.
    if statement["predicate"]["journal"] != {"head": lines[-1]["hash"], "lines": len(lines)}:
        raise Wrong("journal.jsonl: it does not end where the statement says")
    index = json.loads(files["bundle/bundle.json"])
    about = index["about"]
    mine = [x for x in lines if about["configuration"] in (x["body"].get("configuration"), x["body"].get("sha256"))]
    settled = [x for x in mine if x["kind"] == "configuration"]
    results = [x for x in mine if x["kind"] == "campaigns"]
    digest = hashlib.sha256(files["bundle/bundle.json"]).hexdigest()
    if not settled or not results or results[-1]["body"]["bundles"].get(about["campaign"]) != digest:
        raise Wrong("bundle/bundle.json: this is not the bundle that was journaled")
    journaled = settled[-1]["body"]["settings"]
    if any(journaled.get(name, value) != value for name, value in about["settings"].items()):
        raise Wrong("bundle/bundle.json: the settings are not those that were journaled")
    calls = proofs(Bundle(files), lines)
    return [*checks, ("journal", f"{len(lines)} lines"), ("calls committed", f"{calls} calls")]


class Bundle:
    """The replay bundle of a dossier: `about`, and columns by table and name."""

    def __init__(self, files: dict[str, bytes]) -> None:
        index = json.loads(files["bundle/bundle.json"])
        self.about: Found = index["about"]
        self._tables: dict[str, Found] = {}
        for name, row in index["tables"].items():
            content = files[f"bundle/{name}.npz"]
            if hashlib.sha256(content).hexdigest() != row["sha256"]:
                raise Wrong(f"bundle/{name}.npz: this is not the file that bundle.json lists")
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                self._tables[name] = {column: archive[column] for column in archive.files}

    def has(self, table: str) -> bool:
        """Return whether there is such a table."""
        return table in self._tables

    def of(self, table: str, column: str) -> Array:
        """Return a column; whole numbers and truth values as int64."""
        found = self._tables[table][column]
        return found.astype(np.int64) if found.dtype.kind in "iub" else found


def proofs(bundle: Bundle, lines: list[Found]) -> int:
    """Return how many calls point to a record that was journaled beforehand; raise `Wrong` where one does not."""
    roots: dict[str, tuple[int, str]] = {}
    for line in lines:
        if line["kind"] == "exchanges":
            roots |= {day["day"]: (day["size"], day["root"]) for day in line["body"]["days"]}
    index, leaf = bundle.of("proof-leaves", "index").tolist(), bundle.of("proof-leaves", "leaf").astype(np.uint8)
    hashes = [bytes(h) for h in bundle.of("proof-hashes", "hash").astype(np.uint8)]
    at, day_of = 0, []
    for day, size, n, m in zip(*(bundle.of("proof-days", c).tolist() for c in ("day", "size", "leaves", "hashes")), strict=True):
        mine = {i: bytes(h) for i, h in zip(index[at : at + n], leaf[at : at + n], strict=True)}
        rest, hashes = hashes[:m], hashes[m:]
        name = (date(1970, 1, 1) + timedelta(days=day)).isoformat()
        if (size, root_of(0, size, mine, rest).hex()) != roots.get(name) or rest or len(mine) != n:
            raise Wrong(f"bundle/proof-leaves.npz: the calls of {name} were not journaled")
        at += n
        day_of += [day] * n
    used: list[int] = []
    for number, strand in enumerate(bundle.about["strands"], 1):
        first = (date.fromisoformat(strand["first_day"]) - date(1970, 1, 1)).days
        points = bundle.of(f"strand-{number}", "leaf")
        if not np.array_equal(np.array(day_of)[points], bundle.of(f"strand-{number}", "hour") // 24 + first):
            raise Wrong(f"bundle/strand-{number}.npz: a call points to a record of another day")
        used += points.tolist()
    if len(used) != len(set(used)):
        raise Wrong("bundle: two calls point to one record")
    return len(used)


# ---------------------------------------------------------------- key 1, membership, key 3


class Owners:
    """The owners of a bundle with what each holds, and how popular that is in the whole log."""

    def __init__(self, bundle: Bundle) -> None:
        about = bundle.about["population"]
        self.n = about["owners"]
        self.groups: list[str] = about["groups"]
        self.group_of = about["kind_group"]
        self.kinds: list[str] = about["kinds"]
        self.kind = bundle.of("values", "kind").tolist()
        self.holders = bundle.of("values", "holders").tolist()
        self.in_country = bundle.of("values", "holders_in_country")
        self.of_kind = bundle.of("kinds", "holdings").tolist()
        self.of_kind_in_country = bundle.of("kinds", "holdings_in_country")
        self.country = bundle.of("owners", "country").tolist()
        self.number = bundle.of("owners", "number").tolist()
        self.flag = {name: bundle.of("owners", name).astype(bool) for name in ("proposed", "core", "member", "acting")}
        self.held: list[list[int]] = [[] for _ in self.number]
        self.identity: list[dict[int, int]] = [{} for _ in self.number]
        rows = (bundle.of("holdings", column).tolist() for column in ("owner", "value", "identity"))
        for owner, value, counted in zip(*rows, strict=True):
            self.held[owner].append(value)
            if counted:
                self.identity[owner][self.kind[value]] = value

    def popularity(self, owner: int, value: int, set_count: float, set_total: float) -> float:
        """Return how popular a value is outside a set, the larger of the world's and the country's."""
        kind, country = self.kind[value], self.country[owner]
        world = (self.holders[value] - set_count + 1) / (self.of_kind[kind] - set_total + 1)
        there = max(float(self.in_country[value, country]) - set_count, 0.0)
        total = max(float(self.of_kind_in_country[kind, country]) - set_total, 0.0)
        return float(max(world, (there + 50 * world) / (total + 50)))


def linking(bundle: Bundle) -> Found:
    """Return the urn bet on the proposed set, taken owner by owner."""
    owners = Owners(bundle)
    proposed = [i for i, flag in enumerate(owners.flag["proposed"]) if flag]
    in_set: dict[int, int] = {}
    for i in proposed:
        for value in owners.held[i]:
            in_set[value] = in_set.get(value, 0) + 1
    total = [0] * len(owners.kinds)
    for value, n in in_set.items():
        total[owners.kind[value]] += n
    before: dict[int, int] = {}
    before_total = [0] * len(owners.kinds)
    stakes = (0.05, 0.3, 0.8)
    wealth = [[0.0] * 3 for _ in owners.groups]
    for i in proposed:
        per_kind: dict[int, list[float]] = {}
        for value in owners.held[i]:
            kind = owners.kind[value]
            u = owners.popularity(i, value, in_set[value], total[kind])
            seen = before_total[kind]
            per_kind.setdefault(kind, []).append(before.get(value, 0) / seen / u if seen else 1.0)
        for group in range(len(owners.groups)):
            means = [sum(r) / len(r) for kind, r in per_kind.items() if owners.group_of[kind] == group]
            mean = sum(means) / len(means) if means else 1.0
            for at, stake in enumerate(stakes):
                wealth[group][at] += math.log1p(stake * (mean - 1))
        for value in owners.held[i]:
            before[value] = before.get(value, 0) + 1
            before_total[owners.kind[value]] += 1
    logs = [(max(w) + math.log(sum(math.exp(x - max(w)) for x in w) / 3)) / LOG10 for w in wealth]
    s, n = len(proposed), owners.n
    price = (math.log(2) + 2 * math.log(s) + math.lgamma(n + 1) - math.lgamma(s + 1) - math.lgamma(n - s + 1)) / LOG10
    out: Found = {f"linkage.group.{name}": x for name, x in zip(owners.groups, logs, strict=True)}
    out |= {"linkage.price_log10": price, "linkage.log10": sum(logs) - price, "owners": int(owners.flag["member"].sum())}
    out["linkage.without_strongest_log10"] = out["linkage.log10"] - max(logs)
    return {**out, **membership(bundle, owners), **concealment(owners)}


def class_of(inside: int, outside: int, size: int) -> int:
    """Return the class of a value held by so many of a core and so many others."""
    rarity = min(sum(outside > edge for edge in OUTSIDE), len(OUTSIDE) - 1)
    spread = sum(inside >= edge for edge in (2.0, max(3.0, 0.1 * size), max(4.0, 0.4 * size)))
    return spread * len(OUTSIDE) + rarity


def returns_of(i: int, owners: Owners, inside: dict[int, int], total: list[int], size: int, out: Found) -> list[float]:
    """Return what each bet on an owner of the core returns: a mean bet for each kind, then the pooled bets."""
    n_kinds = len(owners.kinds)
    per_kind: dict[int, list[float]] = {}
    cells: dict[int, int] = {}
    count = [0] * n_kinds
    for value in owners.held[i]:
        count[owners.kind[value]] += 1
    for value in owners.held[i]:
        kind = owners.kind[value]
        others, left = inside[value] - 1, total[kind] - count[kind]
        u = owners.popularity(i, value, others + 1, left + count[kind])
        per_kind.setdefault(kind, []).append(others / left / u if left > 0 else 1.0)
        outside = owners.holders[value] - inside[value] + 1
        if others >= 1 and outside <= OUTSIDE[-1]:
            cell = kind * CLASSES + class_of(others, outside, size)
            cells[cell] = cells.get(cell, 0) + outside - 1
    found = [sum(per_kind[k]) / len(per_kind[k]) if k in per_kind else 1.0 for k in range(n_kinds)]
    for cell in range(n_kinds * CLASSES):
        kind = cell // CLASSES
        if not count[kind]:
            found.append(1.0)
        elif cell not in cells:
            found.append(0.0)
        else:
            country, volume = owners.country[i], min(count[kind].bit_length() - 1, 5)
            world = (out["hits"][cell] + cells[cell] + 1) / max(out["rest"][kind] + 1, 1)
            near = (out["hits_country"][cell, country] + 50 * world) / (out["rest_country"][kind, country] + 50)
            alike = (out["hits_volume"][cell, volume] + 50 * world) / (out["rest_volume"][kind, volume] + 50)
            found.append(1.0 / min(max(world, near, alike), 1.0))
    return found


def portfolio(returns: Array) -> Array:
    """Return the stakes that Cover's iteration gives after forty rounds, the first what is not staked."""
    n, m = returns.shape
    if not n or not m:
        return np.concatenate([[1.0], np.zeros(m)])
    with_cash = np.concatenate([np.ones((n, 1)), returns], axis=1)
    stakes = np.concatenate([[0.5], np.full(m, 0.5 / m)])
    for _ in range(40):
        stakes = stakes * np.mean(with_cash / (with_cash @ stakes)[:, None], axis=0)
    return stakes / stakes.sum()


def membership(bundle: Bundle, owners: Owners) -> Found:
    """Return the e-values of the members against the core, and how many e-BH keeps."""
    core = [i for i, flag in enumerate(owners.flag["core"]) if flag]
    inside: dict[int, int] = {}
    for i in core:
        for value in owners.held[i]:
            inside[value] = inside.get(value, 0) + 1
    total = [0] * len(owners.kinds)
    for value, n in inside.items():
        total[owners.kind[value]] += n
    out = {name: bundle.of("outside-kinds", name) for name in ("rest", "rest_country", "rest_volume")}
    out |= {name: bundle.of("outside-classes", name) for name in ("hits", "hits_country", "hits_volume")}
    returns = np.array([returns_of(i, owners, inside, total, len(core), out) for i in core])
    kinds = [*range(len(owners.kinds)), *(k for k in range(len(owners.kinds)) for _ in range(CLASSES))]
    fold = np.array([owners.number[i] % 5 for i in core])
    logs = np.zeros((2, len(core)))
    for group in range(len(owners.groups)):
        columns = [c for c, kind in enumerate(kinds) if owners.group_of[kind] == group and (returns[:, c] > 0).any()]
        part = returns[:, columns]
        for one in sorted(set(fold.tolist())):
            stakes = portfolio(part[fold != one])
            factor = stakes[0] + part[fold == one] @ stakes[1:]
            kept = max(0.0, (0.7 - stakes[0]) / max(1.0 - stakes[0], 1e-9))
            logs[0, fold == one] += np.log(np.maximum(factor, 1e-12))
            logs[1, fold == one] += np.log(np.maximum(kept + (1 - kept) * factor, 1e-12))
    e = np.logaddexp(logs[0], logs[1]) - math.log(2)
    order = np.argsort(-e, kind="stable")
    level = bundle.about["settings"]["membership_level"]
    passing = [r for r in range(len(e)) if e[order[r]] >= math.log(owners.n) - math.log(level * (r + 1))]
    kept_owners = set(order[: passing[-1] + 1].tolist()) if passing else set()
    member = [at for at, i in enumerate(core) if owners.flag["member"][i]]
    return {
        "membership.kept": sum(at in kept_owners for at in member),
        "membership.log10": [float(e[at]) / LOG10 for at in member],
    }


def concealment(owners: Owners) -> Found:
    """Return the effective number of customers that the acting members present themselves as."""
    acting = [i for i, flag in enumerate(owners.flag["acting"]) if flag]
    out: Found = {}
    for name, kind_name in (("by_card", "card"), ("by_domain", "email_domain")):
        kind = owners.kinds.index(kind_name) if kind_name in owners.kinds else -1
        seen = {i: owners.identity[i][kind] for i in acting if kind in owners.identity[i]}
        if not seen or len(seen) < 0.5 * len(acting):
            continue
        free = max(0.005 * owners.n, 20.0)
        counts: dict[Any, int] = {}
        for i, value in seen.items():
            who: Any = (i,) if kind_name == "email_domain" and owners.holders[value] > free else value
            counts[who] = counts.get(who, 0) + 1
        out[f"concealment.{name}"] = len(seen) ** 2 / sum(n * n for n in counts.values())
    if out:
        out["concealment.customers"] = min(out.values())
    return out


# ---------------------------------------------------------------- key 2


def clock(account: Array, hour: Array, accounts: int, draws: int, seed: int) -> Found | None:
    """Return the variance-ratio test; the generator is the one that NumPy and Numba share."""
    days = int(hour.max()) // 24 + 1
    if len(hour) < 60 or len(np.unique(account)) < 5 or days < 4:
        return None
    cube = np.zeros((accounts, days, 24), dtype=np.int64)
    np.add.at(cube, (account, hour // 24, hour % 24), 1)

    def squares(total: Array) -> list[int]:
        flat = total.reshape(-1)
        return [int((flat.reshape(-1, scale).sum(axis=1) ** 2).sum()) for scale in (1, 6, 24)]

    observed, keep = squares(cube.sum(axis=0)), min(1000, draws)
    level = [len(hour) ** 2 * scale / (24 * days) for scale in (1, 6, 24)]
    steady = [math.floor((square - flat) / 0.9 + flat) for square, flat in zip(observed, level, strict=True)]
    generator = np.random.RandomState(seed % 2**32)
    at_most, used_at, kept, used = [0, 0, 0], [0, 0, 0], [], 0
    rows = np.arange(accounts)[:, None]
    while used < draws:
        shift = generator.randint(0, days, accounts)
        total = cube[rows, (np.arange(days)[None] - shift[:, None]) % days].sum(axis=0)
        found = squares(total)
        used += 1
        if used <= keep:
            kept.append(found)
        for scale in range(3):
            if at_most[scale] < 20:
                at_most[scale] += found[scale] <= steady[scale]
                used_at[scale] = used
        if used >= keep and min(at_most) >= 20:
            break
    p = [a / u if a >= 20 else (a + 1) / (u + 1) for a, u in zip(at_most, used_at, strict=True)]
    best = int(np.argmin(p))
    scale = (1, 6, 24)[best]
    bins = 24 * days // scale
    binned = cube.reshape(accounts, bins, scale).sum(axis=2)
    own = float((binned.astype(np.float64) ** 2).sum()) / bins - float(((binned.sum(axis=1) / bins) ** 2).sum())

    def ratio(square: float) -> float:
        return (square / bins - (len(hour) / bins) ** 2) / max(own, 1e-12)

    return {
        "p_value": min(1.0, 3 * p[best]), "scale_h": scale, "variance_ratio": ratio(observed[best]), "calls": len(hour),
        "draws": max(used_at), "null_mean": 0.9 * float(np.mean([ratio(k[best]) for k in kept])),
    }  # fmt: skip


def overlap_of(account: Array, prompt: Array) -> float:
    """Return the upper bound of the share of its prompts that an account shares with one other."""
    counts = np.bincount(account)
    serves = prompt % 4 != 0
    own = np.bincount(account[serves], minlength=len(counts)).astype(float)
    _, users = np.unique(prompt[serves], return_counts=True)
    x, n = float((users * (users - 1) / 2).sum()), float(serves.sum())
    pairs = (n * n - float((own**2).sum())) / 2
    return (x + 3 + 2 * math.sqrt(x)) / max(pairs, 1.0) * float(counts[counts > 0].mean()) if n else 0.0


def interchange(account: Array, prompt: Array, sketch: Array, rho0: float, seed: int) -> Found | None:
    """Return the test of subject coherence on blinded sketches."""
    overlap = overlap_of(account, prompt)
    if overlap > 0.05:
        return None
    unit = sketch / 254.0
    rows = np.arange(len(account))
    if len(account) > 4000:
        rows = np.sort(np.random.default_rng([seed, 4]).permutation(len(account))[:4000])
    a, f, x = account[rows], prompt[rows], unit[rows]
    found = np.zeros(len(a))
    for choose, measure in ((slice(0, 64), slice(64, 128)), (slice(64, 128), slice(0, 64))):
        base = x[:, measure].sum(axis=0)
        for begin in range(0, len(a), 500):
            part = slice(begin, begin + 500)
            near = x[part, choose] @ x[:, choose].T
            near[(a[part, None] == a[None]) | (f[part, None] == f[None])] = -np.inf
            best = np.argpartition(-near, 3, axis=1)[:, :3]
            common = np.einsum("ij,ikj->i", x[part, measure], x[:, measure][best]) / 3
            found[part] += common - x[part, measure] @ base / len(a)
    alike = float(found.mean())
    if alike / max(float(found.std()) / math.sqrt(len(found)), 1e-12) < 4:
        return None
    ids, at, m = np.unique(account, return_inverse=True, return_counts=True)
    total = np.zeros((len(ids), 128))
    np.add.at(total, at, unit)
    within = (total**2).sum(axis=1) - np.bincount(at, weights=(unit**2).sum(axis=1))
    n, k = float(len(account)), len(ids)
    between = (float((total.sum(axis=0) ** 2).sum()) - float((total**2).sum())) / (n * n - float((m**2).sum()))
    excess = within / (m - 1) - between * m
    part = excess / alike - rho0 * m
    error = float(np.std(part, ddof=1) * math.sqrt(k))
    return {
        "p_value": max(1e-6, student(float(part.sum()) / max(error, 1e-12), k - 1)), "rho": float(excess.sum()) / (n * alike),
        "standard_error": error / n, "overlap": overlap, "accounts": k, "fills": int(n), "alike": alike,
    }  # fmt: skip


def student(t: float, df: int) -> float:
    """Return the distribution function of Student's t, by the continued fraction of the incomplete beta function."""
    x, y, a, b = df / (df + t * t), t * t / (df + t * t), df / 2, 0.5
    if y == 0.0:
        return 0.5
    front = math.exp(a * math.log(x) + b * math.log(y) - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b))
    large = x > (a + 1) / (a + b + 2)
    tail = 1 - front * _fraction(b, a, y) / b if large else front * _fraction(a, b, x) / a
    return tail / 2 if t < 0 else 1 - tail / 2


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function (Lentz)."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    out = d
    for m in range(1, 400):
        for up in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 / (1 + up * d)
            c = 1 + up / c
            out *= c * d
    return out


def multiplicity(account: Array, prompt: Array) -> Found | None:
    """Return the test of how many accounts each prompt went to."""
    _, at, times = np.unique(prompt, return_inverse=True, return_counts=True)
    shared = times >= 2
    if len(np.unique(account)) < 8 or int(shared.sum()) < 30:
        return None
    used = (shared & (times <= 128))[at]
    _, a = np.unique(account[used], return_inverse=True)
    _, f = np.unique(at[used], return_inverse=True)
    sent = np.zeros((a.max() + 1, f.max() + 1))
    sent[a, f] = 1
    together, own = sent @ sent.T, sent.sum(axis=1)
    np.fill_diagonal(together, 0)
    weight = together[own > 1]
    if not weight.sum():
        return None
    co_use = float((weight * (weight - 1) / (own[own > 1, None] - 1)).sum() / weight.sum())
    if co_use > 0.75:
        return None
    mean, n = len(a) / (f.max() + 1), np.bincount(times, minlength=66)
    best: tuple[float, int, list[int], list[float]] | None = None
    looked_at = [k for k in range(2, 65) if k + 1 < len(n) and n[k - 1] + n[k] + n[k + 1] >= 20]
    for k in looked_at:
        size = max(min(k, mean) / max(co_use, 1e-9), k + 1.0)
        r = 2 * (k + 1) * (size - k + 1) / (k * (size - k))
        total, weighted = int(n[k - 1] + n[k] + n[k + 1]), int(n[k] + 2 * n[k + 1])
        values = [x for x in range(weighted % 2, total + 1, 2) if x <= weighted and total - x - (weighted - x) // 2 >= 0]
        logs = [x / 2 * math.log(r) - math.lgamma(total - x - (weighted - x) // 2 + 1) - math.lgamma(x + 1)
                - math.lgamma((weighted - x) // 2 + 1) for x in values]  # fmt: skip
        mass = [math.exp(v - max(logs)) for v in logs]
        p = sum(w for x, w in zip(values, mass, strict=True) if x >= n[k]) / sum(mass)
        if best is None or p < best[0]:
            best = p, k, values, [w / sum(mass) for w in mass]
    if best is None:
        return None
    p, k, values, mass = best
    steps = np.searchsorted(np.cumsum(mass), (np.arange(400) + 0.5) / 400)
    null = np.array(values)[np.minimum(steps, len(values) - 1)]
    return {
        "p_value": min(1.0, max(1e-6, p * len(looked_at))), "k": k, "below": int(n[k - 1]), "at": int(n[k]),
        "above": int(n[k + 1]), "co_use": co_use, "prompts": int(shared.sum()), "looked_at": len(looked_at),
        "null_mean": float(null.mean()),
    }  # fmt: skip


def queue(account: Array, prompt: Array, owner: Array, filled: Array, seed: int, said: Found) -> Found | None:
    """
    Return the queue test, drawn with random numbers of its own; what chance allows is held against what is said.

    The number of coincidences and of other users must be equal; expectation and p-value within five standard errors.
    """
    others, sizes_of = np.unique(owner, return_counts=True)
    if not said:
        return None
    most = len(others) // 2
    ids = np.unique(account)
    if len(ids) > most:
        keep = np.isin(account, np.random.default_rng([seed, 5]).permutation(ids)[:most])
        account, prompt = account[keep], prompt[keep]
    largest = int(np.sort(sizes_of)[max(0, len(others) - 10)])
    generator = np.random.default_rng([seed, 3])
    order = np.lexsort((generator.random(len(account)), account))
    account, prompt = account[order], prompt[order]
    keep = np.arange(len(account)) - np.searchsorted(account, account, side="left") < largest
    account, prompt = account[keep], prompt[keep]
    _, users = np.unique(prompt, return_counts=True)
    observed = int((users * (users - 1) // 2).sum())
    by_owner = [filled[owner == o] for o in others[np.argsort(sizes_of, kind="stable")]]
    sorted_sizes = np.sort(sizes_of)
    need = np.unique(account, return_counts=True)[1].tolist()
    rng, drawn = np.random.default_rng(20260301), []
    for _ in range(1500):
        taken: set[int] = set()
        lent = []
        for m in need:
            first = int(np.searchsorted(sorted_sizes, m, side="left"))
            free = [o for o in range(first, len(by_owner)) if o not in taken]
            one = int(rng.choice(free)) if free else max(o for o in range(len(by_owner)) if o not in taken)
            taken.add(one)
            lent.append(rng.permutation(by_owner[one])[:m])
        _, users = np.unique(np.concatenate(lent), return_counts=True)
        drawn.append(int((users * (users - 1) // 2).sum()))
    null = np.array(drawn, dtype=float)
    p = float((rng.binomial(null.astype(np.int64), 0.75) <= observed).mean())
    slack = 5 * math.sqrt(max(said["p_value"], 1e-3) / 1500 + said["p_value"] / max(said["draws"] * said["p_value"], 20.0))
    near = abs(null.mean() - said["expected"]) < 7 * null.std() / math.sqrt(1000) + 1e-9
    agrees = abs(p - said["p_value"]) < slack + 5 / 1500 and near
    out: Found = {"coincidences": observed, "others": len(others)}
    return {**out, **{name: said[name] for name in ("p_value", "expected", "null_mean", "draws") if name in said and agrees}}


def copies(hour: Array, close: Array) -> Found | None:
    """Return the binomial test of hours in which most shared prompts left two accounts within a minute."""
    _, at, count = np.unique(hour, return_inverse=True, return_counts=True)
    if len(count) < 16:
        return None
    x, n = int((2 * np.bincount(at, weights=close) > count).sum()), len(count)
    tail = sum(math.comb(n, i) * 3 ** (n - i) for i in range(x, n + 1)) / 4**n
    return {"p_value": max(1e-6, tail), "hours": n, "simultaneous": x, "prompts": len(hour), "within": int(close.sum())}


def strand(bundle: Bundle, number: int, said: Found) -> Found:
    """Return the numbers of one strand; `said` are those of its queue test as the dossier or the first verifier says them."""
    name, about, settings = f"strand-{number}", bundle.about["strands"][number - 1], bundle.about["settings"]
    account, hour, prompt = (bundle.of(name, column) for column in ("account", "hour", "prompt"))
    pairs = np.unique(np.stack([account, prompt])[:, prompt != 0], axis=1)
    tested = pairs[:, pairs[1] % 4 != 0]
    tests = {"clock": clock(account, hour, about["accounts"], settings["draws"], settings["seed"])}
    tests["multiplicity"] = multiplicity(tested[0], tested[1])
    if bundle.has(f"{name}-texts"):
        of, told, sketch = (bundle.of(f"{name}-texts", c) for c in ("account", "prompt", "sketch"))
        tests["interchange"] = interchange(of, told, sketch, settings["rho0"], settings["seed"])
    if bundle.has(f"{name}-others"):
        owner, filled = (bundle.of(f"{name}-others", c) for c in ("owner", "prompt"))
        known = filled % 4 != 0
        tests["queue"] = queue(tested[0], tested[1], owner[known], filled[known], settings["seed"], said)
    if bundle.has(f"{name}-copies"):
        tests["copies"] = copies(bundle.of(f"{name}-copies", "hour"), bundle.of(f"{name}-copies", "close"))
    out: Found = {f"{test}.{key}": v for test, found in tests.items() if found for key, v in found.items()}
    p = {test: found["p_value"] for test, found in tests.items() if found and "p_value" in found} | about["given"]
    out["p_value"] = min(1.0, min((x / settings["shares"][test] for test, x in p.items()), default=1.0))
    together: set[tuple[int, int]] = set()
    senders: dict[int, list[int]] = {}
    for a, f in pairs.T.tolist():
        senders.setdefault(f, []).append(a)
    for who in senders.values():
        together.update((a, b) for a in who for b in who if a < b)
    n = len(set(pairs[0].tolist()))
    out |= {"pairs": n * (n - 1) // 2, "pairs_sharing": len(together), "prompts": len(senders)}
    out["prompts_shared"] = sum(len(who) > 1 for who in senders.values())
    first = (date.fromisoformat(about["first_day"]) - date(1970, 1, 1)).days
    days = {(d, who) for d, who in zip((hour // 24 + first).tolist(), bundle.of(name, "login").tolist(), strict=True)}
    active = {iso(d): sum(x == d for x, _ in days) for d in sorted({d for d, _ in days})}
    out |= {"accounts": len(set(account.tolist())), "calls": len(account), "active_per_day": active}
    out |= {"first_day": min(active), "last_day": max(active), "peak_accounts": max(active.values())}
    return {**out, "hours": np.bincount(hour % 24, minlength=24).tolist()}


def iso(day: int) -> str:
    """Return a day since 1970 as an ISO date."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def traffic(bundle: Bundle) -> Found:
    """Return calls, days, tokens and kinds of call of all strands, and each account's calls and first day."""
    calls = []
    for number, about in enumerate(bundle.about["strands"], 1):
        first = (date.fromisoformat(about["first_day"]) - date(1970, 1, 1)).days
        hour, login = (bundle.of(f"strand-{number}", column) for column in ("hour", "login"))
        calls += list(zip((hour // 24 + first).tolist(), login.tolist(), strict=True))
    days = [d for d, _ in calls]
    per_day = {iso(d): days.count(d) for d in range(min(days), max(days) + 1)}
    active = [len({who for x, who in calls if x == d}) for d in set(days)]
    out: Found = {
        "traffic.accounts": len({who for _, who in calls}), "traffic.calls": len(calls), "traffic.days": len(set(days)),
        "traffic.first_day": iso(min(days)), "traffic.last_day": iso(max(days)), "traffic.per_day": per_day,
        "traffic.peak_calls": max(per_day.values()), "traffic.peak_accounts": max(active),
    }  # fmt: skip
    out |= {f"traffic.{t}": int(bundle.of("days", t).sum()) for t in ("tokens_in", "tokens_out", "tokens_reasoning")}
    counts = bundle.of("capabilities", "calls").tolist()
    for name, n in zip(bundle.of("capabilities", "name").tolist(), counts, strict=True):
        out |= {f"traffic.capability.{name.decode()}": n / sum(counts)} if n else {}
    for who in {who for _, who in calls}:
        mine = [d for d, x in calls if x == who]
        out |= {f"account.{who + 1}.calls": len(mine), f"account.{who + 1}.first_day": iso(min(mine))}
    return out


def recomputed(bundle: Bundle, said: Found) -> Found:
    """Return every number by the name of its recipe; `said` is what the dossier says, by recipe."""
    settings, selection = bundle.about["settings"], bundle.about["selection"]
    out: Found = {f"settings.{name}": x for name, x in settings.items() if isinstance(x, int | float)}
    out |= {"population.owners": bundle.about["population"]["owners"], "linkage.level": settings["linkage_level"]}
    out |= {"key2.level": settings["level"] - settings["linkage_level"], "membership.level": settings["membership_level"]}
    out |= {"concealment.threshold": settings["declared_customers"], **linking(bundle), **traffic(bundle)}
    p = list(selection["other_strands"])
    for number in range(1, len(bundle.about["strands"]) + 1):
        start = f"strand.{number}.queue."
        mine = {name.removeprefix(start): v for name, v in said.items() if name.startswith(start)}
        found = strand(bundle, number, mine if {"p_value", "expected", "draws"} <= mine.keys() else {})
        p.append(found["p_value"])
        out |= {f"strand.{number}.{name}": v for name, v in found.items()}
    all_p = list(selection["p_values"])
    all_p[selection["number"]] = min(1.0, len(p) * min(p))
    ranked = sorted(all_p)
    own = all_p[selection["number"]]
    q = min(x * len(ranked) / (r + 1) for r, x in enumerate(ranked) if x >= own)
    return {**out, "key2.p_value": own, "key2.q_value": min(1.0, q), "key2.tested": len(all_p)}


def same(says: Any, found: Any) -> bool:
    """Return whether two values are equal, numbers to nine digits."""
    if isinstance(says, bool) or isinstance(found, bool):
        return says is found
    if isinstance(says, int | float) and isinstance(found, int | float):
        return math.isclose(says, found, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(says, dict) and isinstance(found, dict):
        return says.keys() == found.keys() and all(same(says[k], found[k]) for k in says)
    if isinstance(says, list) and isinstance(found, list):
        return len(says) == len(found) and all(map(same, says, found))
    return bool(says == found)


def verify(files: dict[str, bytes], key: bytes | None) -> Found:
    """Return the verdict on a dossier: what of the seal was checked, and what became of every number."""
    out: Found = {"failed": [], "seal": [], "numbers": {}}
    try:
        out["seal"] = seal(files, key)
        numbers = json.loads(files["dossier.json"])["numbers"]
        said = {n["recipe"]: n["value"] for n in numbers if n["recipe"] is not None}
        found = recomputed(Bundle(files), said) if "bundle/bundle.json" in files else {}
        for n in numbers:
            if n["recipe"] is None:
                out["numbers"][n["id"]] = f"needs {n['needs']}"
            elif n["recipe"] in found and same(n["value"], found[n["recipe"]]):
                out["numbers"][n["id"]] = "reproduced"
            else:
                out["numbers"][n["id"]] = "not reproduced"
                out["failed"].append(f"{n['id']} ({n['recipe']}): says {n['value']}, the bundle gives {found.get(n['recipe'])}")
    except Wrong as error:
        out["failed"].append(str(error))
    except (KeyError, IndexError, ValueError, TypeError, OSError) as error:
        out["failed"].append(f"the dossier does not hang together ({type(error).__name__}: {error})")
    return out


def main(arguments: list[str]) -> int:
    """Check the dossier named on the command line."""
    parser = argparse.ArgumentParser(description="Verify a dossier with the standard library and NumPy alone.")
    parser.add_argument("dossier", type=Path)
    parser.add_argument("--key", type=Path, help="the signer's public key, a PEM file")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if not (given.dossier / "dossier.json").is_file():
        print(f"{given.dossier}: there is no dossier.json here.", file=sys.stderr)
        return 2
    files = {p.relative_to(given.dossier).as_posix(): p.read_bytes() for p in sorted(given.dossier.rglob("*")) if p.is_file()}
    key = None
    if given.key is not None:
        key = base64.b64decode("".join(given.key.read_text().splitlines()[1:-1]))[-32:]
    verdict = verify(files, key)
    if given.json:
        print(json.dumps(verdict, indent=2))
    else:
        for name, what in verdict["seal"]:
            print(f"{name}: holds, {what}")
        results = list(verdict["numbers"].values())
        for result in sorted(set(results)):
            print(f"{results.count(result)} numbers: {result}")
        for failed in verdict["failed"]:
            print(f"DOES NOT HOLD: {failed}")
    return 1 if verdict["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
