"""
A second verifier of dossiers: one file, the standard library and NumPy, written from the reference pages.

Usage: `python tools/verify_dossier.py DOSSIER [--disclosed FILE] [--key FILE] [--json]`

It shares no code with Stillhunt: signatures (Ed25519, RFC 8032), the journal, the Merkle proofs and every statistic are
computed here once more, slowly and plainly. The queue test is drawn again with other random numbers and must agree within what
chance allows; everything else must be equal to nine digits. Timestamps are left to `stillhunt verify`.
Exit status: 0 everything that was checked holds, 1 something does not, 2 there is no dossier.
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import io
import json
import math
import re
import sys
import unicodedata
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
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
HELD_OUT = {
    ("accused", "honest"): r"Honest accounts accused: ([\d,]+) of ([\d,]+)",
    ("reporting", "null_worlds"): r"^(\d+) of (\d+) worlds report anything",
}
TABLES = {"cohorts": "bench/results/cohorts.md", "held_out": "bench/results/held_out.md"}
RULE = {
    "accounts_shown": 25, "calls_of_a_schedule": 100, "circle": 8, "clock_ratio": 0.9, "controls_confidence": 0.95,
    "copies_share": 0.25, "copies_window_s": 60, "interchange_accounts": 8, "interchange_prompts": 3, "intervals": 0.95,
    "measures_needed": 2, "own_accounts": 3, "pairing_holders": 100, "queue_share": 0.75,
    "references_needed": 19, "single_test": 0.05, "superiority": 0.64, "template_share": 0.25, "wakes_within_h": 12,
    "word_lists": 7, "words_in_lists": 320,
}  # fmt: skip
"""Constants of the rule, from the reference page of the dossier."""

BEYOND = {
    "who wrote the log": "that the log holds what was served, and nothing else",
    "who else": "that nobody outside the set belongs to it as well",
    "exact counts": "what the hunt's own exact counts gave: where one outsider holds a value, the bundle says two",
    "others": "what was counted of others: holders of a value, users of a template, matched accounts, other sets",
    "calls": "that hour, account and equal prompts of calls are those of their records: seen of records that are disclosed",
    "words": "that the words around a number mean what its recipe is, and what drawings, titles, notes and PDF files say",
}
"""What no outsider can check, by name."""


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


@functools.cache
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


def once(data: bytes, place: str) -> Any:
    """Return JSON in which no object has a name twice."""

    def pairs(found: list[tuple[str, Any]]) -> Found:
        if len(dict(found)) != len(found):
            raise Wrong(f"{place}: a name stands twice in one object")
        return dict(found)

    try:
        return json.loads(data, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"{place}: this is not JSON") from error


def plain_json(data: bytes, place: str) -> Any:
    """Return JSON whose spelling is the one that sorting keys and leaving out spaces gives (no numbers but whole ones)."""
    value = once(data, place)
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


def ring(data: bytes) -> tuple[dict[str, bytes], dict[str, str], dict[str, str]]:
    """Return the public keys of keys.json by id, when keys were revoked and followed; each event vouched for by the key before."""
    document = plain_json(data, "keys.json")
    keys: dict[str, bytes] = {}
    revoked: dict[str, str] = {}
    followed: dict[str, str] = {}
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
        followed |= {order[-1]: row["time"]} if brought and order else {}
        keys |= brought
        order += brought
        if row["event"] == "revoke":
            revoked[row["keyid"]] = row["time"]
        previous = hashlib.sha256(json.dumps(event, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return keys, revoked, followed


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


def seal(
    files: dict[str, bytes], key: bytes | None, later: bytes | None = None, head: str | None = None
) -> list[tuple[str, str]]:
    """
    Return what was checked of the seal; raise `Wrong` at the first thing that does not hold.

    1. The signature; everything else rests on what was signed.
    2. Every file has the hash that the signed statement gives it; none is missing, none was added. The key was not revoked before.
    3. The journal ends where the statement says, and has the head that was noted; the bundle and its settings are journaled.
    """
    for name in ("envelope.json", "keys.json"):
        if name not in files:
            raise Wrong(f"{name}: this file is missing")
    envelope, statement, listed = statement_of(files["envelope.json"])
    keys, revoked, followed = ring(files["keys.json"])                                                       # 1.
    if json.loads(opened(envelope, keys, "application/vnd.in-toto+json", "envelope.json")) != statement:
        raise Wrong("envelope.json: the statement is another")
    for name in sorted({*listed, *files} - {"envelope.json", "timestamp.json"}):                  # 2.
        if name not in files or hashlib.sha256(files[name]).hexdigest() != listed.get(name):
            raise Wrong(f"{name}: this file was changed, added or taken away")
    by = envelope["signatures"][-1]["keyid"]
    when = statement["predicate"]["signedAt"]
    if by in revoked and revoked[by] <= when:
        raise Wrong("envelope.json: the key was revoked before it signed")
    if by in followed and followed[by] < when:
        raise Wrong("envelope.json: the key had been followed by another before it signed")
    if key is not None and keys[by] != key:
        raise Wrong("envelope.json: the key is not the one that was given")
    checks = [("files", f"{len(listed)} files"), ("signature", f"{by[:16]} at {when}")]
    if "timestamp.json" in files:
        opened(plain_json(files["timestamp.json"], "timestamp.json"), keys, "application/timestamp-reply", "timestamp.json")
    if "journal.jsonl" not in files and head is None:
        return checks
    lines = journal(files["journal.jsonl"])                                                        # 3.
    if statement["predicate"]["journal"] != {"head": lines[-1]["hash"], "lines": len(lines)}:
        raise Wrong("journal.jsonl: it does not end where the statement says")
    if head is not None and not any(len(head) >= 16 and x["hash"].startswith(head.lower()) for x in lines):
        raise Wrong(f"journal.jsonl: no line has the hash {head}")
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
    checks += [("journal", f"{len(lines)} lines"), ("calls committed", f"{calls} calls")]
    early, all_days = days_before(lines, about["configuration"])
    late = sorted(all_days - early)
    if early:
        checks.append(("days fixed before", f"{len(early)} of {len(all_days)} days" + f"; not {', '.join(late)}" * bool(late)))
    shown = later if later is not None else files.get("disclosure.json")
    return checks if shown is None else [*checks, ("disclosed records", disclosed(shown, Bundle(files), lines, tags_of(files)))]


def statement_of(data: bytes) -> tuple[Found, Found, dict[str, str]]:
    """Return the envelope, the statement in it, and the hash of each file that it names."""
    envelope = plain_json(data, "envelope.json")
    try:
        statement = once(base64.b64decode(envelope["payload"]), "envelope.json")
        listed = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
        if len(listed) != len(statement["subject"]):
            raise Wrong("envelope.json: it names a file twice")
    except (ValueError, KeyError, TypeError) as error:
        raise Wrong("envelope.json: the statement cannot be read") from error
    return envelope, statement, listed


def tags_of(files: dict[str, bytes]) -> list[str]:
    """Return the tags of the accounts that the dossier lists, in their order."""
    return [one["tag"] for one in json.loads(files.get("dossier.json", b"{}")).get("accounts", [])]


def days_before(lines: list[Found], configuration: str) -> tuple[set[str], set[str]]:
    """Return the days that had been fixed before a hunt with the records that it used, and all of its days."""
    begun = max((x["seq"] for x in lines if x["kind"] == "configuration" and x["body"]["sha256"] == configuration), default=0)
    earlier = set()
    for line in lines[:begun]:
        if line["kind"] == "exchanges":
            earlier |= {(d["day"], d["size"], d["root"]) for d in line["body"]["days"]}
        elif line["kind"] == "day":
            earlier.add((line["body"]["day"], line["body"]["exchanges"]["size"], line["body"]["exchanges"]["root"]))
    hunts = [x["body"]["days"] for x in lines if x["kind"] == "exchanges" and x["body"].get("configuration") == configuration]
    now = hunts[-1] if hunts else []
    return {d["day"] for d in now if (d["day"], d["size"], d["root"]) in earlier}, {d["day"] for d in now}


def disclosed(data: bytes, bundle: Bundle, lines: list[Found], tags: list[str] | None = None) -> str:
    """Return what was checked of records that were disclosed; raise `Wrong` where one was not fixed beforehand."""
    place = "disclosure.json"
    whole = plain_json(data, place)
    roots = {
        (x["kind"], day["day"]): (day["size"], day["root"]) for x in lines if x["kind"] in ("exchanges", "traits")
        for day in x["body"]["days"]
    }  # fmt: skip
    shown: dict[str, list[int]] = {}
    try:
        if set(whole) != {"asked", "days", "format", "table"} or whole["format"] != "stillhunt/disclosure/v1":
            raise Wrong(f"{place}: this is no disclosure")
        for day in whole["days"]:
            leaves = {}
            for row in day["records"]:
                plain_json(row["record"].encode(), place)
                salt = bytes.fromhex(row["salt"])
                if set(row) != {"index", "record", "salt"} or salt.hex() != row["salt"]:
                    raise Wrong(f"{place}: a record has other entries than it should")
                leaves[row["index"]] = hashlib.sha256(b"\x00" + salt + row["record"].encode()).digest()
            rest = [bytes.fromhex(h) for h in day["proof"]]
            plain = set(day) == {"day", "proof", "records", "size"} and [h.hex() for h in rest] == day["proof"]
            places = [row["index"] for row in day["records"]]
            if not plain or sorted(leaves) != places or not all(0 <= i < day["size"] for i in leaves):
                raise Wrong(f"{place}: the records of {day['day']} are not in order")
            root = root_of(0, day["size"], leaves, rest).hex()
            if rest or roots.get((whole["table"], day["day"])) != (day["size"], root):
                raise Wrong(f"{place}: the records of {day['day']} were not journaled")
            shown[day["day"]] = sorted(leaves)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise Wrong(f"{place}: this is no disclosure") from error
    n, asked = sum(map(len, shown.values())), whole["asked"]
    if asked == {"by": "the operator's choice"}:
        said = f"{n} records, chosen by the operator"
        if whole["table"] == "traits":
            return f"{said}: {traits_shown(whole, set(tags or []))}"
        return said + calls_shown(whole, bundle, tags or [])
    if not isinstance(asked, dict) or set(asked) != {"by", "records", "word"} or asked["by"] != "sample":
        raise Wrong(f"{place}: it does not say how the records were chosen")
    if whole["table"] != "exchanges" or shown != sample_of(bundle, asked["records"], asked["word"]):
        raise Wrong(f"{place}: the records are not those that the word draws")
    return f"{n} records, drawn by the word {asked['word']!r}" + calls_shown(whole, bundle, tags or [])


def calls_shown(whole: Found, bundle: Bundle, tags: list[str]) -> str:
    """Return how many records are calls of the campaign; raise `Wrong` where hour, account or prompt are not the bundle's."""
    leaves = [bytes(row) for row in bundle.of("proof-leaves", "leaf").astype(np.uint8)]
    rows: dict[bytes, Any] = {}
    for number, about in enumerate(bundle.about["strands"], 1):
        first = (date.fromisoformat(about["first_day"]) - date(1970, 1, 1)).days * 24
        columns = [bundle.of(f"strand-{number}", name).tolist() for name in ("leaf", "hour", "login", "prompt")]
        rows |= {leaves[leaf]: (number, hour + first, *rest) for leaf, hour, *rest in zip(*columns, strict=True)}
    met: dict[Any, Any] = {}
    calls = 0
    for day in whole["days"]:
        for shown in day["records"]:
            record, text = json.loads(shown["record"]), shown["record"].encode()
            row = rows.get(hashlib.sha256(b"\x00" + bytes.fromhex(shown["salt"]) + text).digest())
            if row is None:
                continue
            calls += 1
            strand, hour, login, code = row
            prompt, account = record["prompt"], record["account"]
            pairs = [(("a", account), login), (("l", login), account), (("p", strand, prompt), code), (("c", strand, code), prompt)]
            same = all(met.setdefault(name, value) == value for name, value in pairs) and (code == 0) == (prompt is None)
            tagged = login >= len(tags) or not tags[login] or account.startswith(tags[login])
            if not same or not tagged or int(datetime.fromisoformat(record["at"]).timestamp() // 3600) != hour:
                raise Wrong(f"disclosure.json: the record of {day['day']}, place {shown['index']}, is not the call of the bundle")
    return f"; {calls} of them are calls of the campaign, with hour, account and equal prompts as in the bundle" if calls else ""


def traits_shown(whole: Found, accounts: set[str]) -> str:
    """Return what trait records show, kind by kind: values, and how many accounts of the dossier, and others, have them."""
    try:
        rows = [json.loads(row["record"]) for day in whole["days"] for row in day["records"]]
        seen = sorted({(r["kind"], r["value"], r["account"]) for r in rows})
        said = []
        for kind in dict.fromkeys(k for k, _, _ in seen):
            holders = {a for k, _, a in seen if k == kind}
            mine = sum(a[:12] in accounts for a in holders)
            beside = f" and {len(holders) - mine} others" if len(holders) > mine else ""
            values = len({v for k, v, _ in seen if k == kind})
            said.append(f"{kind}, {values} different among {mine} accounts of this dossier{beside}")
    except (KeyError, TypeError, ValueError) as error:
        raise Wrong("disclosure.json: a record is no trait") from error
    return "; ".join(said)


def sample_of(bundle: Bundle, number: int, word: str) -> dict[str, list[int]]:
    """Return the places, by day, of the campaign's calls whose leaves come first when hashed after a word."""
    index, leaf = bundle.of("proof-leaves", "index").tolist(), bundle.of("proof-leaves", "leaf").astype(np.uint8)
    days = np.repeat(bundle.of("proof-days", "day"), bundle.of("proof-days", "leaves")).tolist()
    order = sorted(range(len(index)), key=lambda at: hashlib.sha256(word.encode() + bytes(leaf[at])).digest())
    found: dict[str, list[int]] = {}
    for at in order[:number]:
        found.setdefault(iso(days[at]), []).append(index[at])
    return {day: sorted(places) for day, places in found.items()}


def columns(content: bytes, place: str) -> dict[str, Array]:
    """Return the columns of an archive; nothing in it may be compressed, stand twice, or say that it is larger than it is."""
    found: dict[str, Array] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if entry.compress_type != zipfile.ZIP_STORED or name in found:
                raise Wrong(f"{place}: this archive has entries that it should not have")
            data = archive.read(entry)
            file = io.BytesIO(data)
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
                raise Wrong(f"{place}: an array says that it is larger than it is")
            file.seek(0)
            found[name] = np.lib.format.read_array(file, allow_pickle=False)
    return found


class Bundle:
    """The replay bundle of a dossier: `about`, and columns by table and name."""

    def __init__(self, files: dict[str, bytes]) -> None:
        index = once(files["bundle/bundle.json"], "bundle/bundle.json")
        if index.get("format") != "stillhunt/bundle/v3":
            raise Wrong("bundle/bundle.json: this is no bundle of the format stillhunt/bundle/v3")
        self.about: Found = index["about"]
        self._tables: dict[str, Found] = {}
        for name, row in index["tables"].items():
            content = files[f"bundle/{name}.npz"]
            if hashlib.sha256(content).hexdigest() != row["sha256"]:
                raise Wrong(f"bundle/{name}.npz: this is not the file that bundle.json lists")
            self._tables[name] = columns(content, f"bundle/{name}.npz")
            if {column: [a.dtype.str, list(a.shape)] for column, a in self._tables[name].items()} != {
                column: [said["dtype"], said["shape"]] for column, said in row["columns"].items()
            }:
                raise Wrong(f"bundle/{name}.npz: the columns are not those listed")

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
        names = ("proposed", "core", "member", "acting", "without")
        self.flag = {name: bundle.of("owners", name).astype(bool) for name in names}
        self.held: list[list[int]] = [[] for _ in self.number]
        self.identity: list[dict[int, int]] = [{} for _ in self.number]
        rows = (bundle.of("holdings", column).tolist() for column in ("owner", "value", "identity"))
        for owner, value, counted in zip(*rows, strict=True):
            self.held[owner].append(value)
            if counted:
                self.identity[owner][self.kind[value]] = value

    def rows(self, flag: str) -> list[int]:
        """Return the owners of which something is said."""
        return [i for i, said in enumerate(self.flag[flag]) if said]

    def popularity(self, owner: int, value: int, set_count: float, set_total: float) -> float:
        """Return how popular a value is outside a set, the larger of the world's and the country's."""
        kind, country = self.kind[value], self.country[owner]
        world = (self.holders[value] - set_count + 1) / (self.of_kind[kind] - set_total + 1)
        there = max(float(self.in_country[value, country]) - set_count, 0.0)
        total = max(float(self.of_kind_in_country[kind, country]) - set_total, 0.0)
        return float(max(world, (there + 50 * world) / (total + 50)))


def linking(bundle: Bundle) -> Found:
    """Return the numbers of key 1, membership and key 3."""
    owners = Owners(bundle)
    return linked(bundle, owners, owners.rows("proposed"))


def bet(owners: Owners, proposed: list[int]) -> list[float]:
    """Return what the urn bet on a set has paid in each group, taken owner by owner, as powers of ten."""
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
    return [(max(w) + math.log(sum(math.exp(x - max(w)) for x in w) / 3)) / LOG10 for w in wealth]


def price_of(s: int, n: int) -> float:
    """Return the price of choosing s of n owners, as a power of ten."""
    return (math.log(2) + 2 * math.log(s) + math.lgamma(n + 1) - math.lgamma(s + 1) - math.lgamma(n - s + 1)) / LOG10


def linked(bundle: Bundle, owners: Owners, proposed: list[int]) -> Found:
    """Return the numbers of key 1, membership and key 3, for the set proposed."""
    logs, price = bet(owners, proposed), price_of(len(proposed), owners.n)
    out: Found = {"linkage.price_log10": price, "linkage.log10": sum(logs) - price, "owners": int(owners.flag["member"].sum())}
    for name, x in zip(owners.groups, logs, strict=True):
        out |= {f"linkage.group.{name}": x, f"without.{name}.log10": out["linkage.log10"] - x}
    out["linkage.without_strongest_log10"] = out["linkage.log10"] - max(logs)
    return {**out, **membership(bundle, owners), **concealment(owners, owners.rows("acting")), **shared(bundle, owners)}


def class_of(inside: int, outside: int, size: int) -> int:
    """Return the class of a value held by so many of a core and so many others."""
    rarity = min(sum(outside > edge for edge in OUTSIDE), len(OUTSIDE) - 1)
    spread = sum(inside >= edge for edge in (2.0, max(3.0, 0.1 * size), max(4.0, 0.4 * size)))
    return spread * len(OUTSIDE) + rarity


def returns_of(
    i: int, owners: Owners, inside: dict[int, int], total: list[int], size: int, out: Found, own: int = 1
) -> list[float]:
    """Return what each bet on an owner returns, mean bets by kind, then pooled bets; `own` is 1 for one of the core, else 0."""
    n_kinds = len(owners.kinds)
    per_kind: dict[int, list[float]] = {}
    cells: dict[int, int] = {}
    count = [0] * n_kinds
    for value in owners.held[i]:
        count[owners.kind[value]] += 1
    for value in owners.held[i]:
        kind = owners.kind[value]
        others, left = inside.get(value, 0) - own, total[kind] - own * count[kind]
        u = owners.popularity(i, value, others + 1, left + count[kind])
        per_kind.setdefault(kind, []).append(others / left / u if left > 0 else 1.0)
        outside = owners.holders[value] - inside.get(value, 0) + own if value in inside else 0
        if others >= 1 and outside <= OUTSIDE[-1]:
            cell = kind * CLASSES + class_of(others, outside, size)
            cells[cell] = cells.get(cell, 0) + own * (outside - 1)
    found = [sum(per_kind[k]) / len(per_kind[k]) if k in per_kind else 1.0 for k in range(n_kinds)]
    for cell in range(n_kinds * CLASSES):
        kind = cell // CLASSES
        if not count[kind]:
            found.append(1.0)
        elif cell not in cells:
            found.append(0.0)
        else:
            country, volume = owners.country[i], min(count[kind].bit_length() - 1, 5)
            world = (out["hits"][cell] + cells[cell] + own) / max(out["rest"][kind] + own, 1)
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


def scored(
    bundle: Bundle, owners: Owners, core: list[int], name: str, without: int = -1, more: tuple[int, ...] = ()
) -> tuple[Array, Array]:
    """
    Return the e-values (natural logarithms) of a core's owners, each against the others, and its factors by group.

    `name` tells whose counts of outsiders are read; the group `without` says nothing; `more` are owners that are not in the core.
    """
    inside: dict[int, int] = {}
    for i in core:
        for value in owners.held[i]:
            inside[value] = inside.get(value, 0) + 1
    total = [0] * len(owners.kinds)
    for value, n in inside.items():
        total[owners.kind[value]] += n
    out = {column: bundle.of(f"{name}outside-kinds", column) for column in ("rest", "rest_country", "rest_volume")}
    out |= {column: bundle.of(f"{name}outside-classes", column) for column in ("hits", "hits_country", "hits_volume")}
    mine = [returns_of(i, owners, inside, total, len(core), out) for i in core]
    returns = np.array(mine + [returns_of(i, owners, inside, total, len(core), out, 0) for i in more])
    in_core, scoring = np.arange(len(returns)) < len(core), [*core, *more]
    kinds = [*range(len(owners.kinds)), *(k for k in range(len(owners.kinds)) for _ in range(CLASSES))]
    fold = np.array([owners.number[i] % 5 for i in scoring])
    logs, factors = np.zeros((2, len(scoring))), np.ones((len(scoring), len(owners.groups)))
    for group in range(len(owners.groups)):
        if group == without:
            continue
        columns = [c for c, kind in enumerate(kinds) if owners.group_of[kind] == group and (returns[in_core, c] > 0).any()]
        part = returns[:, columns]
        for one in sorted(set(fold.tolist())):
            stakes = portfolio(part[in_core & (fold != one)])
            factor = stakes[0] + part[fold == one] @ stakes[1:]
            kept = max(0.0, (0.7 - stakes[0]) / max(1.0 - stakes[0], 1e-9))
            factors[fold == one, group] = factor
            logs[0, fold == one] += np.log(np.maximum(factor, 1e-12))
            logs[1, fold == one] += np.log(np.maximum(kept + (1 - kept) * factor, 1e-12))
    return np.logaddexp(logs[0], logs[1]) - math.log(2), factors


def passing_e(bundle: Bundle, owners: Owners, core: list[int], e: Array) -> set[int]:
    """Return the owners that e-BH keeps."""
    order = np.argsort(-e, kind="stable")
    level = bundle.about["settings"]["membership_level"]
    passing = [r for r in range(len(e)) if e[order[r]] >= math.log(owners.n) - math.log(level * (r + 1))]
    return {core[at] for at in order[: passing[-1] + 1].tolist()} if passing else set()


def owner_of_login(bundle: Bundle, members: list[int]) -> dict[int, int]:
    """Return the owner of each account, accounts in the order in which the campaign lists them."""
    found: dict[int, int] = {}
    for number in range(1, len(bundle.about["strands"]) + 1):
        pair = (bundle.of(f"strand-{number}", column).tolist() for column in ("login", "account"))
        found |= {login: members[account] for login, account in zip(*pair, strict=True)}
    return found


def membership(bundle: Bundle, owners: Owners) -> Found:
    """Return the members' e-values, each account's factors, and who stays when a group says nothing."""
    core, members = owners.rows("core"), owners.rows("member")
    more = tuple(i for i in members if i not in core)
    e, factors = scored(bundle, owners, core, "", more=more)
    kept, place = passing_e(bundle, owners, [*core, *more], e), {i: at for at, i in enumerate([*core, *more])}
    out: Found = {
        "membership.kept": sum(i in kept for i in members),
        "membership.log10": [float(e[place[i]]) / LOG10 for i in members],
    }
    owner = owner_of_login(bundle, members)
    for login, i in owner.items():
        for group, name in enumerate(owners.groups):
            if i in place:
                factor = max(float(factors[place[i], group]), 1e-12)
                out[f"account.{login + 1}.factor.{name}"] = round(math.log(factor) / LOG10, 4)
    hanging: set[int] = set()
    for group, name in enumerate(owners.groups):
        stays = passing_e(bundle, owners, members, scored(bundle, owners, members, "members-", group)[0])
        gone = {login for login, i in owner.items() if i not in stays}
        out[f"without.{name}.accounts"] = len(owner) - len(gone)
        hanging |= gone
    return {**out, "membership.hanging": len(hanging)}


def shared(bundle: Bundle, owners: Owners) -> Found:
    """Return who holds each value that is listed: in the set, elsewhere, and at most which share of all."""
    out: Found = {}
    members = owners.rows("member")
    for value, listed in enumerate(bundle.of("values", "shared").tolist()):
        if listed:
            inside = sum(value in owners.held[i] for i in members)
            outside = owners.holders[value] - inside
            most = 2 if 0 < outside < 3 else outside
            out |= {f"shared.{listed}.inside": inside, f"shared.{listed}.outside": outside}
            out[f"shared.{listed}.share"] = (inside + most) / owners.n
    return out


def concealment(owners: Owners, acting: list[int]) -> Found:
    """Return the effective number of customers that some members present themselves as."""
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
        **of_draws(0.9 * np.array([ratio(k[best]) for k in kept]), ratio(observed[best])),
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

    def look(who: Array) -> tuple[float, float, float]:
        part = excess[who] / alike - rho0 * m[who]
        error = float(np.std(part, ddof=1) * math.sqrt(len(part)))
        p = max(1e-6, student(float(part.sum()) / max(error, 1e-12), len(part) - 1))
        return float(excess[who].sum()) / (float(m[who].sum()) * alike), error / float(m[who].sum()), p

    rho, error, p = look(np.ones(k, dtype=bool))
    quieter, extra, shown = m <= np.median(m), {}, (rho, error, k)
    if not quieter.all() and quieter.sum() >= 20:
        rho_q, error_q, p_q = look(quieter)
        p_q = p_q if rho <= 2 * rho0 else 1.0
        if p_q / 0.1 <= p / 0.9 and p_q < 0.1:
            shown = (rho_q, error_q, int(quieter.sum()))
        p = min(1.0, p / 0.9, p_q / 0.1)
        extra = {
            "quieter_rho": rho_q, "quieter_standard_error": error_q, "quieter_accounts": int(quieter.sum()), "quieter_p_value": p_q,
        }  # fmt: skip
    spread = rho0 + student_point(np.linspace(0.0005, 0.9995, 400), shown[2] - 1) * shown[1]
    return {
        "p_value": p, "rho": rho, "standard_error": error, "overlap": overlap, "accounts": k, "fills": int(n), "alike": alike,
        **extra, **of_draws(spread, shown[0]),
    }  # fmt: skip


def student(t: Any, df: int) -> Any:
    """Return the distribution function of Student's t, by the continued fraction of the incomplete beta function."""
    t = np.asarray(t, dtype=float)
    x, y, a, b = df / (df + t * t), t * t / (df + t * t), df / 2, 0.5
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    with np.errstate(divide="ignore"):
        front = np.exp(a * np.log(x) + b * np.log(y) + front)
    large = x > (a + 1) / (a + b + 2)
    near = 1 - front * _fraction(b, a, np.where(large, y, 0.0)) / b
    tail = np.where(large, near, front * _fraction(a, b, np.where(large, 0.0, x)) / a)
    found = np.where(y == 0, 0.5, np.where(t < 0, tail / 2, 1 - tail / 2))
    return float(found) if found.ndim == 0 else found


def _fraction(a: float, b: float, x: Any) -> Any:
    """Return the continued fraction of the incomplete beta function (Lentz)."""
    c, d = np.ones_like(x), 1 / (1 - (a + b) * x / (a + 1))
    out = d
    for m in range(1, 400):
        for up in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 / (1 + up * d)
            c = 1 + up / c
            out = out * c * d
        if np.all(np.abs(c * d - 1) < 1e-16):
            break
    return out


def student_point(p: Any, df: int) -> Any:
    """Return where Student's distribution function reaches some values, by bisection."""
    low, high = np.full(np.shape(p), -1e4), np.full(np.shape(p), 1e4)
    for _ in range(80):
        middle = (low + high) / 2
        below = student(middle, df) < p
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def drawn(counts: Array, edges: Array, observed: float) -> Found:
    """Return a null as it is drawn: its ends, what was observed, and where a twentieth of it lies."""
    edges = np.array([round(float(e), 6) for e in edges])
    filled = np.flatnonzero(counts)
    below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    half = 0.5 if (edges % 1 == 0.5).all() else 0.0
    return {
        "null.low": float(edges[filled[0]]) + half, "null.high": float(edges[filled[-1] + 1]) - half,
        "null.observed": round(float(observed), 6),
        "null.point": float(np.interp(0.05, below, edges)),
    }  # fmt: skip


def of_draws(draws: Array, observed: float) -> Found:
    """Return a null that was drawn, in forty bars; whole numbers in bars of as many numbers as it takes."""
    if float(observed).is_integer() and (draws == np.rint(draws)).all():
        least, most = int(min(draws.min(), observed)), int(max(draws.max(), observed))
        width = -(-(most - least + 1) // 40)
        edges = least - 0.5 + width * np.arange(-(-(most - least + 1) // width) + 1)
        return drawn(np.histogram(draws, bins=edges)[0], edges, observed)
    low, high = float(min(draws.min(), observed)), float(max(draws.max(), observed))
    pad = 0.05 * max(high - low, 1e-9)
    return drawn(*np.histogram(draws, bins=40, range=(low - pad, high + pad)), observed)


def of_mass(mass: Array, observed: int) -> Found:
    """Return a null that is known exactly on 0, 1, …, as a thousand draws would lie."""
    upto = max(observed, int(np.flatnonzero(mass > 0.0005).max(initial=0))) + 1
    width = -(-upto // 40)
    shown = np.zeros(-(-upto // width) * width)
    shown[: min(len(mass), upto)] = mass[:upto]
    counts = np.rint(1000 * shown.reshape(-1, width).sum(axis=1))
    return drawn(counts, np.arange(len(counts) + 1) * width - 0.5, observed)


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
    if co_use > 0.5:
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
        "null_mean": float(null.mean()), "k_less": k - 1, "k_more": k + 1, **of_draws(null.astype(float), int(n[k])),
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
    passing: Found = {name: said[name] for name in ("p_value", "expected", "null_mean", "draws") if name in said and agrees}
    return {**out, **passing, **{name: said[name] for name in said if name.startswith("null.") and agrees}}


def copies(hour: Array, close: Array) -> Found | None:
    """Return the binomial test of hours in which most shared prompts left two accounts within a minute."""
    _, at, count = np.unique(hour, return_inverse=True, return_counts=True)
    if len(count) < 16:
        return None
    x, n = int((2 * np.bincount(at, weights=close) > count).sum()), len(count)
    tail = sum(math.comb(n, i) * 3 ** (n - i) for i in range(x, n + 1)) / 4**n
    upto = np.cumsum([math.comb(n, i) * 3 ** (n - i) / 4**n for i in range(n + 1)])
    null = np.minimum(np.searchsorted(upto, np.linspace(0.0005, 0.9995, 400)), n).astype(float)
    out: Found = {"p_value": max(1e-6, tail), "hours": n, "simultaneous": x, "prompts": len(hour), "within": int(close.sum())}
    return {**out, **of_draws(null, x)}


def repeats_of(m: int, c: int) -> Array:
    """Return the chances of 0 … m - 1 repeats among m draws from c partners."""
    distinct = [1.0] + [0.0] * m
    for _ in range(m):
        distinct = [distinct[k] * k / c + (distinct[k - 1] * (c - k + 1) / c if k else 0.0) for k in range(m + 1)]
    return np.array(distinct[:0:-1])


def added(masses: list[tuple[Array, int]]) -> Array:
    """Return the distribution of a sum of independent counts, each kind so many times."""
    out = np.ones(1)
    for mass, times in masses:
        for _ in range(times):
            out = np.convolve(out, mass)
    return out


def circles(giver: Array, taker: Array, circle: int) -> Found | None:
    """Return the test of what was taken from whom, in the order of time: from few partners, or from anybody."""
    mine: dict[int, list[int]] = {}
    for g, t in zip(giver.tolist(), taker.tolist(), strict=True):
        mine.setdefault(t, []).append(g)
    first = [givers[:4] for givers in mine.values() if len(givers) >= 2]
    if len(first) < 5:
        return None
    seen = sum(len(givers) - len(set(givers)) for givers in first)
    sizes = [len(givers) for givers in first]
    null = added([(repeats_of(m, circle), sizes.count(m)) for m in (2, 3, 4)])
    return {
        "p_value": float(min(1.0, max(1e-6, null[: seen + 1].sum()))), "takers": len(first), "things": sum(sizes), "repeats": seen,
        "circle": circle, "expected": float((null * np.arange(len(null))).sum()), **of_mass(null, seen),
    }  # fmt: skip


def hypergeometric(n: int, marked: int, taken: int) -> Array:
    """Return the chances of 0 … marked among `taken` of n."""
    upto = range(min(marked, taken) + 1)
    return np.array([math.comb(marked, i) * math.comb(n - marked, taken - i) / math.comb(n, taken) for i in upto])


def takeover(blocks: list[Array], giver: Array, taker: Array) -> Found | None:
    """Return the test of failed prompts taken over: blocks of calls, of which some failed and some were followed."""
    calls, failed, followed, both, times = blocks
    rows = list(zip(calls.tolist(), failed.tolist(), followed.tolist(), times.tolist(), strict=True))
    null = added([(hypergeometric(n, f, g), k) for n, f, g, k in rows if f and g])
    seen, circle = int((both * times).sum()), circles(giver, taker, 3)
    if circle is None:
        return None
    return {
        "p_value": float(min(1.0, max(1e-6, null[seen:].sum(), circle["p_value"]))), "failed": int((failed * times).sum()),
        "taken_over": seen, "served": int(((calls - failed) * times).sum()), "followed": int(((followed - both) * times).sum()),
        "expected": float((null * np.arange(len(null))).sum()), "circle": 3, "circle_p_value": circle["p_value"],
        **of_mass(null, seen),
    }  # fmt: skip


def tests_of(bundle: Bundle, name: str, others: str, accounts: int, said: Found) -> Found:
    """Return the eight tests of a strand, those that run; `said` are the numbers of its queue test as the dossier has them."""
    settings = bundle.about["settings"]
    account, hour, prompt = (bundle.of(name, column) for column in ("account", "hour", "prompt"))
    if not len(hour):
        return {}
    pairs = np.unique(np.stack([account, prompt])[:, prompt != 0], axis=1)
    tested = pairs[:, pairs[1] % 4 != 0]
    tests = {"clock": clock(account, hour, accounts, settings["draws"], settings["seed"])}
    tests["multiplicity"] = multiplicity(tested[0], tested[1])
    if bundle.has(f"{name}-texts"):
        of, told, sketch = (bundle.of(f"{name}-texts", c) for c in ("account", "prompt", "sketch"))
        tests["interchange"] = interchange(of, told, sketch, settings["rho0"], settings["seed"])
    if bundle.has(others):
        owner, filled = (bundle.of(others, c) for c in ("owner", "prompt"))
        known = filled % 4 != 0
        tests["queue"] = queue(tested[0], tested[1], owner[known], filled[known], settings["seed"], said)
    if bundle.has(f"{name}-copies"):
        tests["copies"] = copies(bundle.of(f"{name}-copies", "hour"), bundle.of(f"{name}-copies", "close"))
    for join in ("replay", "feedback"):
        if bundle.has(f"{name}-{join}"):
            tests[join] = circles(bundle.of(f"{name}-{join}", "giver"), bundle.of(f"{name}-{join}", "taker"), 8)
    if bundle.has(f"{name}-blocks"):
        blocks = [bundle.of(f"{name}-blocks", column) for column in ("calls", "failed", "followed", "both", "blocks")]
        tests["takeover"] = takeover(blocks, bundle.of(f"{name}-takeover", "giver"), bundle.of(f"{name}-takeover", "taker"))
    return {test: found for test, found in tests.items() if found}


def combined(bundle: Bundle, p: Found) -> float:
    """Return the smallest p-value over its share, at most 1."""
    shares = bundle.about["settings"]["shares"]
    return float(min(1.0, min((x / shares[test] for test, x in p.items()), default=1.0)))


def strand(bundle: Bundle, number: int, said: Found) -> tuple[Found, Found]:
    """Return the numbers of one strand and the p-values of its tests."""
    name, about = f"strand-{number}", bundle.about["strands"][number - 1]
    account, hour, prompt = (bundle.of(name, column) for column in ("account", "hour", "prompt"))
    pairs = np.unique(np.stack([account, prompt])[:, prompt != 0], axis=1)
    tests = tests_of(bundle, name, f"{name}-others", about["accounts"], said)
    out: Found = {f"{test}.{key}": v for test, found in tests.items() for key, v in found.items()}
    p = {test: found["p_value"] for test, found in tests.items() if "p_value" in found}
    out["p_value"] = combined(bundle, p)
    for join in ("replay", "feedback"):
        taken = bundle.of(f"{name}-{join}", "taker").tolist() if bundle.has(f"{name}-{join}") else []
        out |= {f"{join}.passed": len(taken), f"{join}.by": len(set(taken))}
    if pairs.size:
        out["overlap"] = overlap_of(pairs[0], pairs[1])
    middle = float(np.median(hour))
    sides = [(hour[account == who].min() <= middle <= hour[account == who].max()) for who in np.unique(account)]
    out["together"] = float(np.mean(sides))
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
    return {**out, "hours": np.bincount(hour % 24, minlength=24).tolist()}, p


def iso(day: int) -> str:
    """Return a day since 1970 as an ISO date."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def traffic(bundle: Bundle) -> Found:
    """Return calls, days, tokens and kinds of call of all strands, and each account's calls and first day."""
    calls: list[tuple[int, int]] = []
    week = np.zeros(168, dtype=np.int64)
    for number, about in enumerate(bundle.about["strands"], 1):
        first = (date.fromisoformat(about["first_day"]) - date(1970, 1, 1)).days
        hour, login = (bundle.of(f"strand-{number}", column) for column in ("hour", "login"))
        calls += list(zip((hour // 24 + first).tolist(), login.tolist(), strict=True))
        week += np.bincount((hour + 24 * (first + 3)) % 168, minlength=168)
    days = [d for d, _ in calls]
    per_day = {iso(d): days.count(d) for d in range(min(days), max(days) + 1)}
    active = [len({who for x, who in calls if x == d}) for d in set(days)]
    out: Found = {
        "traffic.accounts": len({who for _, who in calls}), "traffic.calls": len(calls), "traffic.days": len(set(days)),
        "traffic.first_day": iso(min(days)), "traffic.last_day": iso(max(days)), "traffic.per_day": per_day,
        "traffic.peak_calls": max(per_day.values()), "traffic.peak_accounts": max(active),
        "traffic.pools": len(bundle.about["strands"]), "traffic.week": week.tolist(),
    }  # fmt: skip
    other, all_calls = bundle.about["traffic"]["other_calls"], bundle.about["traffic"]["calls_of_set"]
    out |= {"traffic.other_share": other / max(other + len(calls), 1), "traffic.outside": 1 - len(calls) / max(1, all_calls)}
    out |= {f"traffic.{t}": int(bundle.of("days", t).sum()) for t in ("tokens_in", "tokens_out", "tokens_reasoning")}
    if out["traffic.tokens_out"]:
        out["traffic.reasoning_rate"] = out["traffic.tokens_reasoning"] / out["traffic.tokens_out"]
    counts = bundle.of("capabilities", "calls").tolist()
    for name, n in zip(bundle.of("capabilities", "name").tolist(), counts, strict=True):
        out |= {f"traffic.capability.{name.decode()}": n / sum(counts)} if n else {}
    for who in {who for _, who in calls}:
        mine = [d for d, x in calls if x == who]
        out |= {f"account.{who + 1}.calls": len(mine), f"account.{who + 1}.first_day": iso(min(mine))}
    return out


def standing(bundle: Bundle, strands: list[str], p: list[Found], hidden: list[Found], owners: Owners) -> Found:
    """Return q-value and accounts still accused with other p-values of the strands; no accounts where that cannot be told."""
    settings, selection = bundle.about["settings"], bundle.about["selection"]
    of_strand = [combined(bundle, one) for one in [*p, *hidden]]
    own, q_all = q_values(selection, of_strand)
    level = settings["level"] - settings["linkage_level"]
    out: Found = {"p_value": own, "q_value": q_all[selection["number"]]}
    if out["q_value"] > level:
        return {**out, "accounts": 0}
    bound = level * sum(q <= level for q in q_all) / len(q_all)
    passes = [x * len(of_strand) <= bound for x in of_strand]
    if any(passes[len(p) :]):
        return out
    names = [name for name, passing in zip(strands, passes, strict=False) if passing]
    members = owners.rows("member")
    acting = sorted({members[a] for name in names for a in bundle.of(name, "account").tolist()})
    customers = concealment(owners, acting).get("concealment.customers", 0.0) if acting else 0.0
    logins = {login for name in names for login in bundle.of(name, "login").tolist()}
    return {**out, "accounts": len(logins) if customers >= settings["declared_customers"] else 0}


def q_values(selection: Found, strands: list[float]) -> tuple[float, list[float]]:
    """Return the p-value of the set, and the q-values of all sets tested with it in its place."""
    p = [float(x) for x in selection["p_values"]]
    p[selection["number"]] = own = min(1.0, len(strands) * min(strands))
    ranked = sorted(p)
    return own, [min(1.0, min(x * len(p) / (r + 1) for r, x in enumerate(ranked) if x >= mine)) for mine in p]


TESTS = ("clock", "interchange", "queue", "multiplicity", "copies", "replay", "feedback", "takeover")


def again(bundle: Bundle, shown: list[Found], said: list[Found]) -> Found:
    """Return what is left of the accusation without its strongest test, and without its strongest kind of shared values."""
    owners, about, shares = Owners(bundle), bundle.about["without"], bundle.about["settings"]["shares"]
    hidden, names = bundle.about["selection"]["other_strands"], [f"strand-{n}" for n in range(1, len(shown) + 1)]
    smallest = {test: min(p.get(test, 1.0) / shares[test] for p in [*shown, *hidden]) for test in TESTS}
    best = min(TESTS, key=lambda test: smallest[test])
    left = [{test: x for test, x in p.items() if test != best} for p in [*shown, *hidden]]
    found = standing(bundle, names, left[: len(shown)], left[len(shown) :], owners)
    out: Found = {f"ablation.operation.{name}": x for name, x in found.items()}
    group, core = owners.groups.index(about["group"]), owners.rows("without")
    kept = sorted(passing_e(bundle, owners, core, scored(bundle, owners, core, "without-", group)[0]))
    strands = [f"without-strand-{n}" for n in range(1, len(bundle.about["again"]) + 1)]
    logs = bet(owners, kept) if kept else []
    log10 = sum(logs) - price_of(len(kept), owners.n) - logs[group] if kept else 0.0
    out["ablation.linkage.log10"] = log10
    if not about["passes"]:
        return {**out, "ablation.linkage.accounts": 0}
    members, names = owners.rows("member"), strands or names
    acting = {members[a] for name in names for a in bundle.of(name, "account").tolist()}
    out["ablation.linkage.beyond"] = len(acting - set(kept))
    if strands:
        shown = []
        for n, (name, one) in enumerate(zip(names, bundle.about["again"], strict=True), 1):
            tests = tests_of(bundle, name, f"strand-{n}-others", one["accounts"], said[n - 1] if n <= len(said) else {})
            shown.append({test: x["p_value"] for test, x in tests.items() if "p_value" in x})
    found = standing(bundle, names, shown, about["other_strands"], owners)
    return {**out, **{f"ablation.linkage.{name}": x for name, x in found.items()}}


# ---------------------------------------------------------------- effect sizes, indicators, events


def contrasts(bundle: Bundle) -> Found:
    """Return how far the set's accounts lie above matched ones in each measure."""
    out: Found = {}
    lows: list[Any] = []
    most = 0
    for number, name in enumerate(bundle.about.get("contrasts", []), 1):
        mine, tie = (bundle.of(f"contrast-{number}", column) for column in ("campaign", "tie"))
        value = bundle.of(f"contrast-{number}", "value")
        ours, theirs = tie[mine == 1], np.sort(tie[mine == 0])
        m, n = len(ours), len(theirs)
        below, upto = np.searchsorted(theirs, ours), np.searchsorted(theirs, ours, side="right")
        s = float((below + upto).sum()) / 2 / (m * n)
        low, high = interval(s, m, n)
        lows, most = [*lows, low], max(most, n)
        numbers = {"superiority": s, "low": low, "high": high}
        numbers |= {"campaign": float(np.median(value[mine == 1])), "matched": float(np.median(value[mine == 0]))}
        out |= {f"contrast.{name}.{key}": x for key, x in numbers.items()}
    if lows:
        out |= {"contrasts": len(lows), "contrasts.above": sum(low >= 0.64 for low in lows), "contrasts.matched": most}
    return out


def interval(s: float, m: int, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a superiority (Newcombe 2006, method 5), by bisection."""
    star = (m + n) / 2 - 1

    def gap(x: float) -> float:
        spread = x * (1 - x) * (1 + star * (1 - x) / (2 - x) + star * x / (1 + x)) / (m * n)
        return abs(s - x) - 1.959963984540054 * math.sqrt(max(spread, 0.0))

    def root(inside: float, outside: float) -> float:
        for _ in range(200):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if gap(middle) < 0 else (inside, middle)
        return (inside + outside) / 2

    low = 0.0 if s <= 0 else root(min(s, 1 - 1e-9), 0.0)
    return low, 1.0 if s >= 1 else root(max(s, 1e-9), 1.0)


def indicators(bundle: Bundle) -> Found:
    """Return moves to new models, pools that wake after bans, unserved histories, and the search for techniques."""
    out: Found = {}
    settings = bundle.about["settings"]
    if bundle.has("pivots"):
        columns = (bundle.of("pivots", c).tolist() for c in ("members", "members_moved", "peers", "peers_moved"))
        for number, (s, x, n, moved) in enumerate(zip(*columns, strict=True), 1):
            null = np.zeros(s + 1)
            low = max(0, x + moved - n)
            chances = [math.comb(x + moved, i) * math.comb(s + n - x - moved, s - i) for i in range(low, min(s, x + moved) + 1)]
            null[low : low + len(chances)] = [c / math.comb(s + n, s) for c in chances]
            found = {"p_value": float(min(1.0, max(1e-6, null[x:].sum()))), "members": s, "members_moved": x, "peers": n}
            found |= {"peers_moved": moved, "expected": float((null * np.arange(s + 1)).sum()), **of_mass(null, x)}
            out |= {f"pivot.{number}.{key}": v for key, v in found.items()}
    if bundle.has("failover"):
        null, about = bundle.of("failover", "woken"), bundle.about["failover"]
        p = min(1.0, about["events"] * (1 + int((null >= about["woken"]).sum())) / (len(null) + 1))
        found = {**about, "p_value": p, "null_mean": float(null.mean()), **of_draws(null.astype(float), about["woken"])}
        found |= {"others": len(null), "most": int(null.max(initial=0))}
        out |= {f"failover.{key}": v for key, v in found.items()}
    if bundle.has("histories"):
        found = histories(bundle, settings["draws"], settings["seed"])
        out |= {f"unserved.{key}": v for key, v in found.items()}
    if bundle.has("search"):
        found = search(bundle, min(settings["draws"], 400), settings["seed"])
        out |= {f"search.{key}": v for key, v in found.items()}
    return out


def histories(bundle: Bundle, draws: int, seed: int) -> Found:
    """Return the test of histories that were never served: the set's mean excess beside that of accounts as busy."""
    turns, unserved, expected = (bundle.of("histories", column) for column in ("turns", "unserved", "expected"))
    sizes, excess = bundle.of("histories-outside", "turns"), bundle.of("histories-outside", "excess")
    generator, null = np.random.default_rng([seed, 31]), np.zeros(draws)
    for m in np.minimum(turns, 50).tolist():
        low, high = int(np.searchsorted(sizes, m / 2)), int(np.searchsorted(sizes, 2 * m, side="right"))
        if high - low < 20:
            low = max(0, low - 20 + high - low)
            high = min(len(sizes), max(high, low + 20))
            low = max(0, high - 20)
        null += excess[generator.integers(low, high, draws)]
    null /= len(turns)
    mine = float(((unserved - expected) / turns).mean())
    return {
        "p_value": float((1 + (null >= mine).sum()) / (draws + 1)), "accounts": len(turns), "turns": int(turns.sum()),
        "unserved": int(unserved.sum()), "expected": float(expected.sum()), "excess": mine, "null_mean": float(null.mean()),
        **of_draws(null, mine),
    }  # fmt: skip


def search(bundle: Bundle, draws: int, seed: int) -> Found:
    """Return the search for techniques: the moment after which forms are fewest, against calls in any order."""
    form, refused = bundle.of("search", "form"), bundle.of("search", "refused")
    n = len(form)
    cuts = np.unique(np.linspace(0.1 * n, 0.9 * n, 30).astype(int))

    def entropy(some: Array) -> float:
        counts = np.bincount(some, minlength=int(form.max()) + 1)
        p = counts[counts > 0] / max(len(some), 1)
        return float(-(p * np.log(p)).sum()) + float((counts > 0).sum() - 1) / (2 * max(len(some), 1))

    def at(order: Array) -> tuple[list[float], list[float]]:
        f, r = form[order], refused[order]
        falls = [entropy(f[:c]) - entropy(f[c:]) for c in cuts]
        return falls, [float(r[:c].mean() - r[c:].mean()) for c in cuts]

    falls, eases = at(np.arange(n))
    best = int(np.argmax(falls))
    generator = np.random.default_rng([seed, 37])
    null = [tuple(map(max, at(generator.permutation(n)))) for _ in range(draws)]
    tails = [(1 + sum(d[i] >= seen for d in null)) / (draws + 1) for i, seen in ((0, falls[best]), (1, eases[best]))]
    cut = int(cuts[best])
    counts = np.bincount(bundle.of("search", "category")[refused == 1])
    fall_null = np.array([d[0] for d in null])
    return {
        "p_value": max(tails), "before": cut / n, "forms_before": math.exp(entropy(form[:cut])),
        "forms_after": math.exp(entropy(form[cut:])), "refused_before": float(refused[:cut].mean()),
        "refused_after": float(refused[cut:].mean()), "category_share": float(counts.max() / counts.sum()),
        "drop": falls[best], "null_mean": float(fall_null.mean()), **of_draws(fall_null, falls[best]),
    }  # fmt: skip


def events(bundle: Bundle) -> Found:
    """Return calls and first calls in the day before and the day after each event."""
    out: Found = {}
    if bundle.has("events"):
        for table, names in (("calls", ("calls_before", "calls_after")), ("entered", ("entered_before", "entered"))):
            hours = bundle.of("events", table)
            for number, row in enumerate(hours, 1):
                half = len(row) // 2
                out |= {f"event.{number}.{names[0]}": int(row[:half].sum()), f"event.{number}.{names[1]}": int(row[half:].sum())}
        first, wave = -24, 0
        banned: dict[int, set[int]] = {}
        rows = zip(*(bundle.of("events", column).tolist() for column in ("hour", "ban", "subject")), strict=True)
        for number, (hour, ban, subject) in enumerate(rows, 1):
            out[f"event.{number}.day"] = (date(1970, 1, 1) + timedelta(days=hour // 24)).isoformat()
            if ban and (not wave or hour - first >= 24):
                first, wave = hour, wave + 1
            if ban:
                banned.setdefault(wave, set()).add(subject)
        out |= {f"wave.{wave}.accounts": len(who) for wave, who in banned.items()}
    return out


def journaled(lines: list[Found], configuration: str) -> Found:
    """Return the size of the log, from the records that were fixed day by day."""
    mine = [x["body"] for x in lines if x["kind"] == "exchanges" and x["body"].get("configuration") == configuration]
    if not mine or not mine[-1]["days"]:
        return {}
    sizes, days = [d["size"] for d in mine[-1]["days"]], [d["day"] for d in mine[-1]["days"]]
    out: Found = {"journal.days": len(days), "journal.lines": len(lines), "journal.records": sum(sizes), "log.calls": sum(sizes)}
    out["journal.days_before"] = len(days_before(lines, configuration)[0])
    out |= {f"log.{name}": mine[-1][name] for name in ("accounts", "licensed", "lines")}
    out["log.silent_days"] = (date.fromisoformat(max(days)) - date.fromisoformat(min(days))).days + 1 - len(set(days))
    return {**out, "log.busiest_day": max(sizes), "log.first_day": min(days), "log.last_day": max(days)}


def published() -> Found:
    """Return the numbers of the published tables, where this file lies beside them: error rates on synthetic worlds."""
    folder = Path(__file__).resolve().parents[1] / "bench" / "results"
    out: Found = {}
    if (folder / "cohorts.md").is_file():
        rows = re.findall(r"^\| (\w+) \| ([\d,]+) \| ([\d,]+) \|", (folder / "cohorts.md").read_text("utf-8"), re.MULTILINE)
        for name, accounts, accused in rows:
            out[f"published.cohorts.{name}.accounts"] = int(accounts.replace(",", ""))
            out[f"published.cohorts.{name}.accused"] = int(accused.replace(",", ""))
        out["published.cohorts.kinds"] = sum(name != "independent" for name, _, _ in rows)
    if (folder / "held_out.md").is_file():
        text = (folder / "held_out.md").read_text("utf-8")
        for names, pattern in HELD_OUT.items():
            found = re.search(pattern, text, re.MULTILINE)
            for name, number in zip(names, found.groups() if found else (), strict=False):
                out[f"published.held_out.{name}"] = int(number.replace(",", ""))
    return out


# ---------------------------------------------------------------- what the pages say


class Page(HTMLParser):
    """A page as it is shown: words by section, all words, the title, rows of the list, numbers with the line they lead to."""

    def __init__(self, content: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, Found]] = []
        self.sections: dict[str, str] = {}
        self.words = self.title = ""
        self.rows: dict[str, list[str]] = {}
        self.numbers: list[list[str]] = []
        self.loose: list[str] = []
        self.feed(content.decode())
        self.close()

    def within(self, tag: str) -> str | None:
        """Return the id of the innermost open element of a kind that has one."""
        return next((given["id"] for name, given in reversed(self.open) if name == tag and "id" in given), None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element opens."""
        if tag in ("meta", "br", "wbr", "img", "input", "hr", "link"):
            return
        given = {name: value or "" for name, value in attrs}
        self.open.append((tag, given))
        if tag == "tr" and "id" in given:
            self.rows[given["id"]] = []
        elif tag in ("td", "th") and self.within("tr"):
            self.rows[str(self.within("tr"))].append("")
        elif tag == "data":
            links = [g["href"][1:] for name, g in self.open if name == "a" and "href" in g]
            self.numbers.append([given.get("data-line") or "".join(links[-1:]), given.get("value", ""), ""])

    def handle_endtag(self, tag: str) -> None:
        """An element closes, with what was left open in it."""
        while self.open and tag not in ("br", "wbr") and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Words are shown, but in drawings, style and script, and the small numbers of lines in a letter."""
        names = {name for name, _ in self.open}
        if names & {"svg", "style", "script", "title"} or any(given.get("class") == "line" for _, given in self.open):
            return
        if "data" in names:
            self.numbers[-1][2] += data
        row = self.rows.get(self.within("tr") or "")
        if row is not None:
            row[-1:] = [row[-1] + data] if row else []
            return
        section = self.within("section") or ""
        self.sections[section] = self.sections.get(section, "") + data
        self.words += data if "body" in names else ""
        self.title += data if "h1" in names else ""
        kept = {"supplied", "numeral", "line", "kicker", "envelope"}
        given = [g for _, g in self.open]
        named = any("data-name" in g or g.get("id") in ("numbers", "terms") or kept & {*g.get("class", "").split()} for g in given)
        if not named and not names & {"code", "nav", "data"}:
            self.loose.append(data)


def spelled(text: Any) -> str:
    """Return words without spaces and without the ways of setting a power of ten or a minus sign."""
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in "".join(
        re.split("[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", str(text).replace("\xa0", " "))))  # fmt: skip
    plain = unicodedata.normalize("NFKC", visible).translate({0x2212: "-", 0x2010: "-", 0x2011: "-"})
    return re.sub(r"[\s^`]+", "", plain).replace("×10", "e").replace("e+", "e")


def said(blocks: list[Found]) -> Iterator[str]:
    """Yield what a page shows of blocks, in order."""
    for block in blocks:
        if "ladder" in block:
            for r in block["ladder"]:
                kind = r["evidence_class"]
                yield r["rung"] + r["confidence"]["text"] + ("no evidence" if kind == "none" else f"evidence: {kind}")
                yield ("Rests on" if r["claimed"] else "Why not") + r["basis"]["text"] + "Strongest innocent explanation"
                yield r["innocent"]["text"] + "What would change our mind" + r["would_change"]["text"]
        elif "not_supplied" in block:
            table = block["case_file"]
            place = table if table == "the log" or table[0] == "-" else f"[[{table}]] in the case file"
            yield f"not supplied {block['not_supplied']}. Would come from {place}."
        elif "table" in block:
            yield from block["head"]
            yield from (cell["text"] for row in block["rows"] for cell in row)
        else:
            yield block.get("heading", "") + block.get("drawing", "") + block.get("more", "") + block.get("text", "")
            yield from (fact["name"] + fact["text"] for fact in block.get("facts", []))
            yield from (item["text"] for item in block.get("items", []))
            yield from said(block.get("blocks", []))


def rounded(text: str, value: Any) -> bool:
    """Return whether a text is how a value is written: one number to which it rounds, a day, or `none`."""
    if isinstance(value, str):
        day = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", value)
        return text == (f"{int(day[3])} {date(2000, int(day[2]), 1):%B} {day[1]}" if day else value)
    words = spelled(text)
    if isinstance(value, bool) or words in ("under0.1%", "over99.9%"):
        return not isinstance(value, bool) and (0 < value <= 0.001 if words[0] == "u" else value >= 0.999)
    flat = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace(",", "").replace("^", "")
    power = re.fullmatch(r"(?:(-?[\d.]+)\s*×\s*)?10(-?\d+(?:\.\d+)?)(?: to 1)?", flat.strip())
    if power and (power[1] or "^" in text or not text.replace(",", "").isascii()):
        places = 10.0 ** -len(power[2].partition(".")[2])
        as_exponent = power[1] is None and abs(float(power[2]) - value) <= 0.5005 * places
        scale = 10 ** min(float(power[2]), 300.0)
        return bool(as_exponent or abs(float(power[1] or 1) * scale - value) <= 0.0501 * scale)
    found = re.findall(r"(-?)(\d[\d,]*(?:\.\d+)?)(%?)", words)
    if len(found) != 1:
        return value == 0 and words == "none"
    sign, body, percent = found[0]
    number = float(body.replace(",", "")) * (-1 if sign else 1)
    scale = 0.01 if percent else 1e6 if "million" in words else 1e9 if "billion" in words else 1.0
    return bool(abs(number * scale - value) <= 0.5005 * 10.0 ** -len(body.partition(".")[2]) * scale)


def letter_of(dossier: Found) -> str:
    """Return all words of the letter."""
    case = dossier["case_file"].get("case", {})
    dated = date.fromisoformat(case["dated"]) if "dated" in case else None
    day = f"{dated.day} {dated:%B} {dated.year}" if dated else "not supplied"
    head = (f"TLP:{case['tlp']} ·" if "tlp" in case else "") + case.get("id", dossier["campaign"])
    to = "; ".join(case.get("recipients", [])) or "not supplied"
    foot = "Small numbers in brackets are lines of the list at the end of dossier.html, which says how each number can be checked."
    title = "Accounts that we believe one hand operates"
    by = "; ".join(case.get("authors", [])) or "authors not supplied"
    middle = f"From {case.get('provider', 'not supplied')} To {to} Date {day} {title} {' '.join(said(dossier['letter']))}"
    return f"{head} {middle} {by} {foot}"


def pages(files: dict[str, bytes], dossier: Found) -> list[str]:
    """Return in what the pages do not say what `dossier.json` says, section by section and number by number."""
    page, letter = Page(files["dossier.html"]), Page(files["letter.html"])
    lines = {n["id"]: n for n in dossier["numbers"]}
    out = [] if len(lines) == len(dossier["numbers"]) else ["dossier.json: two numbers have one line"]
    out += [f"dossier.json: {i}: {n['text']!r} is not how {n['value']} is written" for i, n in lines.items()
            if not rounded(n["text"], n["value"])]  # fmt: skip
    for s in dossier["sections"]:
        if spelled(s["number"] + s["title"] + "".join(said(s["blocks"]))) != spelled(page.sections.get(f"s{s['number']}", "")):
            out.append(f"dossier.html: section {s['number']} does not say what dossier.json says")
    known = {f"s{s['number']}" for s in dossier["sections"]} | {"numbers", "terms", ""}
    out += [f"dossier.html: there is a section {x!r} that dossier.json does not have" for x in sorted(set(page.sections) - known)]
    if spelled("".join(said(dossier["letter"][:1]))) != spelled(page.title):
        out.append("dossier.html: its title is not what the letter begins with")
    if spelled(letter.words) != spelled(letter_of(dossier)):
        out.append("letter.html: it does not say what dossier.json says")
    for i, n in lines.items():
        told = [i[1:], n["text"], n["label"], n["section"], n["recipe"] or f"needs {n['needs']}"]
        if [spelled(cell) for cell in page.rows.get(i, [])] != [spelled(one) for one in told]:
            out.append(f"dossier.html: line {i} of the list is another")
    for where, numbers in (("dossier.html", page.numbers), ("letter.html", letter.numbers)):
        for line, value, text in numbers:
            n = lines.get(line, {"value": None, "text": ""})
            equal = str(n["value"]) == value or (isinstance(n["value"], int | float) and same(n["value"], float(value)))
            if not equal or spelled(text) != spelled(n["text"]):
                out.append(f"{where}: the number {text.strip()!r} is not that of line {line}")
    for where, found in (("dossier.html", page), ("letter.html", letter)):
        for text in found.loose:
            if re.search(r"\d", re.sub(r"\b[Ss]ection \d+|\bkey \d|\bSHA-256\b", "", text)):
                out.append(f"{where}: {text.strip()[:60]!r} has a number that is no line")
    return out


# ---------------------------------------------------------------- what the operator supplied


def supplied(dossier: Found, given: Found) -> Found:
    """Return the numbers that follow from what `dossier.json` holds of the operator; `given` is what the bundle gives."""
    case, sworn = dossier.get("case_file") or {}, dossier.get("acceptances") or []
    quoted = {
        "case.version": case.get("case", {}).get("version"), "case.excerpt.pool": case.get("excerpt", {}).get("strand"),
        "case.releases.lag_days": case.get("releases_watched", {}).get("lag_days"),
    }  # fmt: skip
    for n, action in enumerate(case.get("actions", []), 1):
        quoted[f"case.action.{n}.accounts"] = action.get("accounts")
    for n, seen in enumerate(case.get("observations", []), 1):
        for side in ("if_true", "otherwise"):
            if side in seen:
                quoted |= {f"case.observation.{n}.{side}.seen": seen[side][0], f"case.observation.{n}.{side}.of": seen[side][1]}
    for n, terms in enumerate(case.get("terms", []), 1):
        days = sworn[n - 1] if len(sworn) >= n else None
        quoted[f"case.terms.{n}.accepted"] = terms.get("accepted") if days is None else sum(day is not None for day in days)
        quoted |= {f"case.terms.{n}.accepted.{k}": day for k, day in enumerate(days or [], 1)}
    tried = ["lab", "reseller mix", "data vendor", "researcher", "false flag", "other"]
    for name in [*tried, *(h["name"] for h in case.get("hypotheses", []))]:
        for word, side in (("for", "speaks_for"), ("against", "against")):
            quoted[f"case.hypothesis.{name}.{word}"] = sum(name in o.get(side, []) for o in case.get("observations", []))
    quoted |= {f"case.hypothesis.{h['name']}.pool": h.get("strand") for h in case.get("hypotheses", [])}
    out = {name: value for name, value in quoted.items() if value is not None}
    if "traffic.last_day" in given and case.get("releases") and case.get("releases_watched"):
        out |= releases(case, date.fromisoformat(given["traffic.first_day"]), date.fromisoformat(given["traffic.last_day"]))
    for n, past in enumerate(dossier.get("earlier") or [], 1):
        out |= {f"earlier.{n}.{name}": value for name, value in earlier(past, given).items()}
    return {**out, **controls(dossier.get("controls"))}


def releases(case: Found, first: date, last: date) -> Found:
    """Return the releases of each lab in the window after the campaign, and how often any window of that length has one."""
    watch, labs = case["releases_watched"], sorted({one["lab"] for one in case["releases"]})
    start, end = date.fromisoformat(watch["start"]), date.fromisoformat(watch["end"])
    until = last + timedelta(days=watch["lag_days"])
    length = (until - first).days
    moves = max((end - start).days - length + 1, 0)
    out: Found = {"case.releases.labs": len(labs), "case.releases.windows": moves}

    def rate(days: list[date]) -> float:
        return sum(any(0 <= (day - start).days - s <= length for day in days) for s in range(moves)) / moves

    out["case.releases.labs_in_window"] = 0
    for n, lab in enumerate(labs, 1):
        days = [date.fromisoformat(one["at"]) for one in case["releases"] if one["lab"] == lab]
        inside = sum(first <= day <= until for day in days)
        out |= {f"case.releases.{n}.listed": len(days), f"case.releases.{n}.in_window": inside}
        out["case.releases.labs_in_window"] += inside > 0
        out |= {f"case.releases.{n}.base_rate": rate(days)} if moves else {}
    everybody = [date.fromisoformat(one["at"]) for one in case["releases"]]
    return {**out, "case.releases.base_rate": rate(everybody)} if moves else out


def earlier(past: Found, given: Found) -> Found:
    """Return what is shared with an earlier campaign, and the chance that an unrelated set as large holds something as rare."""
    out: Found = {"accounts": len(past["accounts"])}
    for group in {value["group"] for value in past["values"]} if "owners" in given else ():
        mine = [value for value in past["values"] if value["group"] == group]
        chances = [1 - (1 - min(1.0, (v["outside"] + 1) / (past["owners"] + 1))) ** given["owners"] for v in mine]
        shared = [chance for chance, v in zip(chances, mine, strict=True) if v["here"]]
        out |= {f"{group}.values": len(mine), f"{group}.shared": len(shared)}
        if shared:
            out[f"{group}.chance"] = min(1.0, sum(chance for chance in chances if chance <= min(shared)))
    calls, others = past["schedules"]["calls"], past["schedules"]["others"]
    if calls and "traffic.week" in given:
        generator = np.random.default_rng([given["settings.seed"], 43, 0])
        left = generator.multivariate_hypergeometric(np.array(given["traffic.week"], dtype=np.int64), calls)
        own = alike(np.array(past["week"]), left)
        above = sum(other >= own for other in others)
        out |= {"schedule.likeness": own, "schedule.sets": len(others), "schedule.as_alike": above, "schedule.calls": calls}
        out["schedule.floor"] = 1 / (len(others) + 1)
        out |= {"schedule.chance": (1 + above) / (len(others) + 1)} if len(others) >= RULE["references_needed"] else {}
    return out


def alike(past: Array, week: Array) -> float:
    """Return the correlation of two schedules by hour of the week, each hour taken with two before and two after it."""
    x, y = (sum(np.roll(one.astype(float), by) for by in (-2, -1, 0, 1, 2)) for one in (past, week))
    if x.std() < 1e-12 or y.std() < 1e-12:
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    return round(float((x * y).sum() / math.sqrt(float((x * x).sum()) * float((y * y).sum()))), 3)


def controls(found: Found | None) -> Found:
    """Return the bound from sets that the operator has verified to be honest, counted over what became of each."""
    if not found:
        return {}
    sets, rejected = len(found["rejected"]), sum(found["rejected"])
    rate = upper(rejected, sets, 1 - RULE["controls_confidence"])
    out = {"controls.linked": sets, "controls.rejected": rejected, "controls.rate": rate}
    return {**out, "controls.bound": (rate * found["judged"] + found["falsely"]) / found["reported"]} if found["reported"] else out


# ---------------------------------------------------------------- numbers that follow from others


def formula(recipe: str, numbers: list[Found]) -> Any:
    """Return what a formula over other lines of the list gives."""
    name, _, words = recipe.removesuffix(")").partition("(")
    if name == "lines":
        last, _, kind = words.partition(", ")
        mine = numbers[: int(last)]
        return sum(kind in ("any", n["needs"]) or (kind == "a recipe" and n["recipe"] is not None) for n in mine)
    value = {n["id"]: n["value"] for n in numbers}
    if any(word not in value for word in words.split(", ")):
        return None
    of = [float(value[word]) for word in words.split(", ")]
    if name in ("reach", "power"):
        rho0, error, accounts = of
        point = float(student_point(np.array(0.05), int(accounts) - 1))
        return rho0 + point * error if name == "reach" else student(point + rho0 / max(error, 1e-12), int(accounts) - 1)
    if name == "fair_coin":
        heads, tosses = int(of[0]), int(of[1])
        return sum(math.comb(tosses, i) for i in range(heads, tosses + 1)) / 2**tosses
    if name.startswith("likelihood"):
        a, n1, b, n0 = of[0] + 0.5, of[1] + 1, of[2] + 0.5, of[3] + 1
        spread = 1.959963984540054 * math.sqrt(max(1 / a - 1 / n1, 0.0) + max(1 / b - 1 / n0, 0.0))
        return a / n1 / (b / n0) * math.exp({"likelihood_low": -spread, "likelihood_high": spread}.get(name, 0.0))
    simple = {"difference": lambda: of[0] - of[1], "inverse": lambda: 1 / max(of[0], 1e-300), "sum": lambda: math.fsum(of)}
    return simple[name]() if name in simple else upper(int(of[0]), int(of[1])) if name == "upper" else None


def upper(hits: int, trials: int, tail: float = 0.025) -> float:
    """Return the upper end of the exact interval of a rate with some tail above it (Clopper and Pearson), by bisection."""
    if hits == trials:
        return 1.0
    logs = [math.log(math.comb(trials, i)) for i in range(hits + 1)]
    low, high = 0.0, 1.0
    for _ in range(200):
        x = (low + high) / 2
        if not 0.0 < x < 1.0:
            break
        chance = math.fsum(math.exp(c + i * math.log(x) + (trials - i) * math.log1p(-x)) for i, c in enumerate(logs))
        low, high = (x, high) if chance > tail else (low, x)
    return (low + high) / 2


def recomputed(bundle: Bundle, said: Found) -> Found:
    """Return every number by the name of its recipe; `said` is what the dossier says, by recipe."""
    settings, selection = bundle.about["settings"], bundle.about["selection"]
    out: Found = {f"settings.{name}": x for name, x in settings.items() if isinstance(x, int | float)}
    out |= {"population.owners": bundle.about["population"]["owners"], "linkage.level": settings["linkage_level"]}
    out["linkage.power"] = -math.log10(settings["linkage_level"])
    out |= {"key2.level": settings["level"] - settings["linkage_level"], "membership.level": settings["membership_level"]}
    out["settings.key2_level"] = out["key2.level"]
    out |= {f"log.left_out.{n}": row["count"] for n, row in enumerate(bundle.about["left_out"], 1)}
    repeated = [row["count"] for row in bundle.about["left_out"] if row["reason"].startswith("its exchange id was read before")]
    out["log.duplicates"] = sum(repeated)
    out |= {"concealment.threshold": settings["declared_customers"], **linking(bundle), **traffic(bundle)}
    shown, queues = [], []
    for number in range(1, len(bundle.about["strands"]) + 1):
        start = f"strand.{number}.queue."
        mine = {name.removeprefix(start): v for name, v in said.items() if name.startswith(start)}
        queues.append(mine if {"p_value", "expected", "draws"} <= mine.keys() else {})
        found, p = strand(bundle, number, queues[-1])
        shown.append(p)
        out |= {f"strand.{number}.{name}": v for name, v in found.items()}
    own, q = q_values(selection, [combined(bundle, p) for p in [*shown, *selection["other_strands"]]])
    out |= {"key2.p_value": own, "key2.q_value": q[selection["number"]], "key2.tested": len(q)}
    return {**out, **again(bundle, shown, queues), **contrasts(bundle), **indicators(bundle), **events(bundle)}


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


def short(value: Any) -> str:
    """Return a value as a line of text holds it."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:21] + "…"


def counted(numbers: Found, sources: Found) -> str:
    """Return how many numbers have which status, in words, and what those that are reproduced follow from."""
    results = list(numbers.values())
    by = [sources[line] for line, status in numbers.items() if status == "reproduced"]
    order = [SUPPLIED, "published tables", "the rule"]
    named = [f"{by.count(s)} from {s}" for s in ["the bundle", "the journal", "other numbers", *order] if s in by]
    said = [f"{results.count('reproduced')} reproduced" + (f" ({', '.join(named)})" if named else "")]
    for status in ["not reproduced", *sorted(set(results) - {"reproduced", "not reproduced"})]:
        n = results.count(status)
        said.append(f"{n} {status if n == 1 or not status.startswith('needs') else status.replace('needs', 'need', 1)}")
    return ", ".join(said)


SUPPLIED = "what the operator supplied"


def source_of(recipe: str | None) -> str:
    """Return what a number with some recipe follows from."""
    start = (recipe or "").split(".")[0]
    if recipe and "(" in recipe and not recipe.startswith(("case.", "earlier.")):
        return "other numbers"
    if start in ("journal", "log") and recipe and not recipe.startswith(("log.left_out", "log.duplicates")):
        return "the journal"
    named = {"published": "published tables", "rule": "the rule", "case": SUPPLIED, "controls": SUPPLIED, "earlier": SUPPLIED}
    return named.get(start, "the bundle")


def not_made(made: set[str], key: bytes | None, head: str | None) -> Found:
    """Return the checks that were not made, and why."""
    out = {"timestamp": "timestamps are left to `stillhunt verify`"}
    if key is None:
        out["signer"] = "whose key it is: give the signer's public key, from another source, with `--key`"
    if head is None:
        out["journal noted before"] = "give a head of the journal that you noted earlier with `--head`"
    if "days fixed before" not in made:
        out["days fixed before"] = "no day was fixed before this hunt"
    if "pages" not in made:
        out["pages"] = "dossier.json has no sections to hold them against"
    if "disclosed records" not in made:
        out["disclosed records"] = "none were disclosed"
    return out | BEYOND


def verify(files: dict[str, bytes], key: bytes | None, later: bytes | None = None, head: str | None = None) -> Found:
    """Return the verdict on a dossier: what of the seal was checked, and what became of every number."""
    out: Found = {"failed": [], "seal": [], "numbers": {}, "sources": {}}
    try:
        out["seal"] = seal(files, key, later, head)
        dossier = once(files["dossier.json"], "dossier.json")
        numbers = dossier["numbers"]
        said = {n["recipe"]: n["value"] for n in numbers if n["recipe"] is not None}
        found = {}
        if "bundle/bundle.json" in files:
            bundle = Bundle(files)
            if bundle.about["campaign"] != dossier["campaign"]:
                raise Wrong("bundle/bundle.json: this is the bundle of another campaign")
            lines = journal(files["journal.jsonl"]) if "journal.jsonl" in files else []
            found = {**recomputed(bundle, said), **journaled(lines, bundle.about.get("configuration", "")), **published()}
        found |= {f"rule.{name}": value for name, value in RULE.items()} | supplied(dossier, found)
        out["sources"] = {n["id"]: source_of(n["recipe"]) for n in numbers}
        for n in numbers:
            if n["recipe"] is None:
                out["numbers"][n["id"]] = f"needs {n['needs']}"
                continue
            gives = found[n["recipe"]] if n["recipe"] in found else formula(n["recipe"], numbers) if "(" in n["recipe"] else None
            out["numbers"][n["id"]] = "reproduced" if gives is not None and same(n["value"], gives) else "not reproduced"
            if n["recipe"].startswith("published.") and out["numbers"][n["id"]] != "reproduced":
                out["numbers"][n["id"]] = f"needs the published table `{TABLES[n['recipe'].split('.')[1]]}` of its version"
                continue
            if out["numbers"][n["id"]] != "reproduced":
                said_so = "nothing" if gives is None else short(gives)
                out["failed"].append(f"{n['id']} says {short(n['value'])}; the bundle gives {said_so}.")
        if "sections" in dossier or "schema" in dossier:
            wrong = pages(files, dossier)
            out["failed"] += wrong
            out["seal"] += [] if wrong else [("pages", "sections, letter and numbers say what dossier.json says")]
    except Wrong as error:
        out["failed"].append(str(error))
    except (KeyError, IndexError, ValueError, TypeError, OSError, AttributeError, zipfile.BadZipFile) as error:
        out["failed"].append(f"the dossier does not hang together ({type(error).__name__}: {error})")
    return out


def read_files(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder; raise `Wrong` for links, for what is neither file nor folder, and for more than 4 GiB."""
    found: dict[str, bytes] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise Wrong(f"{name}: this is no file")
        size += path.stat().st_size if path.is_file() else 0
        if size > 4 * 2**30:
            raise Wrong(f"{name}: the dossier is larger than 4 GiB")
        found |= {name: path.read_bytes()} if path.is_file() else {}
    return found


def main(arguments: list[str]) -> int:
    """Check the dossier named on the command line."""
    parser = argparse.ArgumentParser(description="Verify a dossier with the standard library and NumPy alone.")
    parser.add_argument("dossier", type=Path)
    parser.add_argument("--key", type=Path, help="the signer's public key, a PEM file")
    parser.add_argument("--disclosed", type=Path, help="records that were disclosed later")
    parser.add_argument("--head", help="a head of the operator's journal, noted before (16 hex digits or more)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if not (given.dossier / "dossier.json").is_file():
        print(f"{given.dossier}: there is no dossier.json here.", file=sys.stderr)
        return 2
    try:
        files = read_files(given.dossier)
    except Wrong as error:
        print(f"DOES NOT HOLD: {error}")
        return 1
    key = None
    if given.key is not None:
        key = base64.b64decode("".join(given.key.read_text().splitlines()[1:-1]))[-32:]
    verdict = verify(files, key, None if given.disclosed is None else given.disclosed.read_bytes(), given.head)
    if given.json:
        print(json.dumps(verdict, indent=2))
    else:
        for name, what in verdict["seal"]:
            print(f"{name}: holds, {what}")
        for name, why in not_made({name for name, _ in verdict["seal"]}, key, given.head).items():
            print(f"{name}: not made, {why}")
        print(f"numbers: {counted(verdict['numbers'], verdict['sources'])}")
        for failed in verdict["failed"]:
            print(f"DOES NOT HOLD: {failed}")
    return 1 if verdict["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
