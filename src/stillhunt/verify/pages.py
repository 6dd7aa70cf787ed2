"""
Do the pages say what `dossier.json` says, and are its numbers written as what they are?

A page is read as a browser shows it, without drawings, style and script. Each section must say the words of its blocks, in their
order, and nothing else; each number must carry the value and the text of its line.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from html.parser import HTMLParser

from stillhunt.errors import SealError
from stillhunt.report.numbers import MONTHS
from stillhunt.report.words import printable
from stillhunt.seal.canonical import Json, list_of, mapping_of, text_of

PAGE, LETTER, DOCUMENT = "dossier.html", "letter.html", "dossier.json"
VOID = ("meta", "br", "wbr", "img", "input", "hr", "link")
HIDDEN = ("style", "script", "svg", "title")
LETTER_TITLE = "Accounts that we believe one hand operates"
LETTER_FOOT = (
    "Small numbers in brackets are lines of the list at the end of dossier.html, which says how each number can be checked."
)
REFERENCES = re.compile(r"\b[Ss]ection \d+|\bkey \d|\bSHA-256\b")
"""Digits that count nothing."""

CLASSES_KEPT = frozenset({"supplied", "numeral", "line", "kicker", "envelope"})
SPREAD = re.compile(r"[\s^`\u200b]+")
TOKEN = re.compile(r"(?P<sign>-(?=\d))?(?P<body>\d[\d,]*(?:\.\d+)?)(?P<percent>%)?")


@dataclass(slots=True)
class _Shown:
    """What a page shows: text by section, the heading, the rows of the list, and each number with its line."""

    sections: dict[str, str] = field(default_factory=dict)
    heading: str = ""
    body: str = ""
    rows: dict[str, list[str]] = field(default_factory=dict)
    numbers: list[tuple[str, str, str]] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    """Words outside of numbers, names, tags, and what the operator supplied."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, Mapping[str, str]]] = []
        self.shown = _Shown()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is open; a number begins with the line that it has."""
        given = {name: value or "" for name, value in attrs}
        if tag in VOID:
            return
        self.open.append((tag, given))
        if tag == "tr" and "id" in given:
            self.shown.rows[given["id"]] = []
        if tag in ("th", "td") and self._row() is not None:
            self.shown.rows[str(self._row())].append("")
        if tag == "data":
            line = given.get("data-line") or next(
                (g["href"][1:] for t, g in reversed(self.open) if t == "a" and "href" in g), ""
            )
            self.shown.numbers.append((line, given.get("value", ""), ""))

    def handle_endtag(self, tag: str) -> None:
        """Close an element with whatever was left open in it."""
        while tag not in VOID and self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Put what is shown where it belongs; the lines that a letter names behind its numbers are no words of it."""
        tags = [tag for tag, _ in self.open]
        if any(tag in HIDDEN for tag in tags) or any(g.get("class") == "line" for _, g in self.open):
            return
        if "data" in tags:
            line, value, text = self.shown.numbers[-1]
            self.shown.numbers[-1] = (line, value, text + data)
        row = self._row()
        if row is not None:
            cells = self.shown.rows[row]
            if cells:
                cells[-1] += data
            return
        section = next((g["id"] for tag, g in self.open if tag == "section" and "id" in g), "")
        self.shown.sections[section] = self.shown.sections.get(section, "") + data
        if "h1" in tags:
            self.shown.heading += data
        if "body" in tags:
            self.shown.body += data
        if not any(_kept(tag, given) for tag, given in self.open):
            self.shown.loose.append(data)

    def _row(self) -> str | None:
        return next((g["id"] for tag, g in self.open if tag == "tr" and g.get("id") in self.shown.rows), None)


def _kept(tag: str, given: Mapping[str, str]) -> bool:
    """Return whether what stands in an element may have digits that are no number of the dossier's."""
    classes = given.get("class", "").split()
    named = tag in ("code", "nav", "data") or "data-name" in given or given.get("id") in ("numbers", "terms")
    return named or not CLASSES_KEPT.isdisjoint(classes)


def differing(files: Mapping[str, bytes]) -> list[str]:
    """
    Return what pages and document do not agree in, as sentences; nothing where they agree.

    1. Every line has an id of its own, and its text is how its value is written.
    2. Each section of the page says its blocks, the title what the letter begins with, the list its lines.
    3. The letter says its blocks.
    4. Every number on a page is that of the line it leads to, and none stands in words alone.

    Raises `SealError` where a file is missing or has another form.
    """
    document = mapping_of(_read(files, DOCUMENT), DOCUMENT)
    rows = [mapping_of(row, DOCUMENT) for row in _list(document, "numbers")]
    lines = {text_of(row.get("id"), DOCUMENT): row for row in rows}
    found = [] if len(lines) == len(rows) else [f"{DOCUMENT}: two numbers have one line"]                    # 1.
    for line, row in lines.items():
        if not _written(row):
            found.append(f"{DOCUMENT}: {line}: `{row['text']}` is not how {row['value']} is written")
    page, letter = _shown(files, PAGE), _shown(files, LETTER)
    found += _of_sections(document, page)                                                                   # 2.
    found += [f"{PAGE}: line {n} of the list is another" for n, row in lines.items() if not _listed(row, page.rows.get(n, []))]
    if plain(letter.body) != plain(_letter(document)):                                                      # 3.
        found.append(f"{LETTER}: it does not say what {DOCUMENT} says")
    for name, shown in ((PAGE, page), (LETTER, letter)):                                                    # 4.
        for line, value, text in shown.numbers:
            if line not in lines or not _same(lines[line], value, text):
                found.append(f"{name}: the number `{text.strip()}` is not that of line {line}")
        alone = [text for text in shown.loose if re.search(r"\d", REFERENCES.sub("", text))]
        found += [f"{name}: “{text.strip()[:60]}” has a number that is no line" for text in alone]
    return found


def _letter(document: Mapping[str, Json]) -> str:
    """Return all words of the letter: its head and signature from the case file, its blocks between them."""
    whole = mapping_of(document.get("case_file"), DOCUMENT)
    case = mapping_of(whole.get("case", {}), DOCUMENT)
    marking = f"TLP:{case['tlp']} · " if "tlp" in case else ""
    recipients = "; ".join(map(str, list_of(case.get("recipients", []), DOCUMENT))) or "not supplied"
    authors = "; ".join(map(str, list_of(case.get("authors", []), DOCUMENT))) or "authors not supplied"
    dated = _day(str(case["dated"])) if "dated" in case else "not supplied"
    head = f"{marking}{case.get('id') or document['campaign']} From {case.get('provider') or 'not supplied'} To {recipients}"
    return f"{head} Date {dated} {LETTER_TITLE} {''.join(_blocks(_list(document, 'letter')))} {authors} {LETTER_FOOT}"


def _of_sections(document: Mapping[str, Json], page: _Shown) -> Iterator[str]:
    sections = [mapping_of(row, DOCUMENT) for row in _list(document, "sections")]
    for one in sections:
        number, title = text_of(one.get("number"), DOCUMENT), text_of(one.get("title"), DOCUMENT)
        said = plain(number + title + "".join(_blocks(_list(one, "blocks"))))
        shown = plain(page.sections.get(f"s{number}", ""))
        if said != shown:
            at = next(
                (i for i, (a, b) in enumerate(zip(said, shown, strict=False)) if a != b), min(len(said), len(shown))
            )
            yield f"{PAGE}: section {number} does not say what {DOCUMENT} says, from “{shown[max(at - 10, 0) : at + 30]}” on"
    names = {f"s{one['number']}" for one in sections} | {"numbers", "terms", ""}
    yield from (
        f"{PAGE}: there is a section `{name}` that {DOCUMENT} does not have"
        for name in sorted(page.sections.keys() - names)
    )
    first = "".join(_blocks(_list(document, "letter")[:1]))
    if plain(first) != plain(page.heading):
        yield f"{PAGE}: its title is not what the letter begins with"


def _blocks(blocks: Sequence[Json]) -> Iterator[str]:
    """Yield the words of blocks in the order in which a page shows them."""
    for block in blocks:
        one = mapping_of(block, DOCUMENT)
        if "heading" in one:
            yield str(one["heading"])
        elif "items" in one:
            yield from (_text(item) for item in _list(one, "items"))
        elif "facts" in one:
            yield from (str(mapping_of(fact, DOCUMENT)["name"]) + _text(fact) for fact in _list(one, "facts"))
        elif "table" in one:
            yield from (str(name) for name in _list(one, "head"))
            yield from (_text(cell) for row in _list(one, "rows") for cell in list_of(row, DOCUMENT))
        elif "drawing" in one:
            yield str(one["drawing"])
        elif "more" in one:
            yield str(one["more"])
            yield from _blocks(_list(one, "blocks"))
        elif "not_supplied" in one:
            table = str(one["case_file"])
            place = table if table == "the log" or table.startswith("-") else f"[[{table}]] in the case file"
            yield f"not supplied {one['not_supplied']}. Would come from {place}."
        elif "ladder" in one:
            yield from (_rung(mapping_of(rung, DOCUMENT)) for rung in _list(one, "ladder"))
        else:
            yield str(one.get("text", ""))


def _rung(rung: Mapping[str, Json]) -> str:
    kind = "no evidence" if rung["evidence_class"] == "none" else f"evidence: {rung['evidence_class']}"
    basis = ("Rests on" if rung["claimed"] else "Why not") + _text(rung["basis"])
    innocent = "Strongest innocent explanation" + _text(rung["innocent"])
    change = "What would change our mind" + _text(rung["would_change"])
    return f"{rung['rung']}{_text(rung['confidence'])}{kind}{basis}{innocent}{change}"


def _text(cell: Json) -> str:
    return text_of(mapping_of(cell, DOCUMENT).get("text"), DOCUMENT)


def plain(text: str) -> str:
    """Return a text without spaces and as plain letters: what is left when every way of setting it is taken away."""
    shown = "".join(printable(line) for line in text.replace("\xa0", " ").splitlines())
    spelled = unicodedata.normalize("NFKC", shown).translate({0x2212: "-", 0x2010: "-", 0x2011: "-"})
    return SPREAD.sub("", spelled).replace("×10", "e").replace("e+", "e")


def _listed(row: Mapping[str, Json], cells: Sequence[str]) -> bool:
    """Return whether a row of the list shows its line: number, text, label, section, and recipe or need."""
    needs = f"needs {row['needs']}" if row["recipe"] is None else row["recipe"]
    wanted = [str(row["id"]).removeprefix("n"), row["text"], row["label"], row["section"], needs]
    return [plain(cell) for cell in cells] == [plain(str(one)) for one in wanted]


def _same(row: Mapping[str, Json], value: str, text: str) -> bool:
    """Return whether a number on a page has the value and the text of its line."""
    own = row["value"]
    equal = value == str(own)
    if isinstance(own, int | float) and not isinstance(own, bool):
        try:
            equal = math.isclose(float(value), own, rel_tol=1e-9, abs_tol=1e-12)
        except ValueError:
            return False
    return equal and plain(text) == plain(str(row["text"]))


def _written(row: Mapping[str, Json]) -> bool:
    """Return whether the text of a line is its value, rounded: one number, a day, or the word for nothing."""
    value, text = row["value"], str(row["text"])
    if isinstance(value, str):
        return text == (_day(value) or value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return says(text, value)


def says(text: str, value: float) -> bool:
    """Return whether a text holds exactly one number, and a value rounds to it."""
    words = plain(text)
    if words in ("under0.1%", "over99.9%"):
        return 0 < value <= 0.001 if words[0] == "u" else value >= 0.999
    if value == 0 and words == "none":
        return True
    if "10^" in text or re.search("10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]", text):
        return _power(text, value)
    found = list(TOKEN.finditer(words))
    if len(found) != 1:
        return False
    one = found[0]
    body = one["body"].replace(",", "")
    number, step = float(body), 0.5 * 10.0 ** -len(body.partition(".")[2])
    scale = 0.01 if one["percent"] else 1e6 if "million" in words else 1e9 if "billion" in words else 1.0
    number *= -1 if one["sign"] else 1
    return abs(number * scale - value) <= step * scale * 1.001


def _power(text: str, value: float) -> bool:
    """Return whether a power of ten says a value: as itself, or as its exponent."""
    spelled = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("^", "").replace(",", "")
    found = re.fullmatch(r"(?:(-?[\d.]+)\s*×\s*)?10(-?\d+(?:\.\d+)?)(?: to 1)?", spelled.strip())
    if found is None:
        return False
    exponent = float(found[2])
    step = 0.5 * 10.0 ** -len(found[2].partition(".")[2])
    if found[1] is None and abs(exponent - value) <= step * 1.001:
        return True
    mantissa = float(found[1] or 1)
    return abs(exponent) < 300 and abs(mantissa * 10**exponent - value) <= 0.0501 * 10**exponent


def _day(value: str) -> str | None:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _shown(files: Mapping[str, bytes], name: str) -> _Shown:
    if name not in files:
        raise SealError(f"{name}: this file is missing.\nGet the whole dossier.")
    reader = _Reader()
    try:
        reader.feed(files[name].decode())
        reader.close()
    except (UnicodeDecodeError, IndexError, KeyError) as error:
        raise SealError(f"{name}: this is no page of a dossier.\nIt was changed; get it anew.") from error
    return reader.shown


def _read(files: Mapping[str, bytes], name: str) -> Json:
    try:
        whole: Json = json.loads(files[name])
    except (KeyError, ValueError, RecursionError) as error:
        raise SealError(f"{name}: this is not JSON.\nIt was changed; get the dossier anew.") from error
    return whole


def _list(row: Mapping[str, Json], name: str) -> Sequence[Json]:
    return list_of(row.get(name), f"{DOCUMENT}: {name}")
