"""A dossier and its letter as pages that can be read offline and printed, and the dossier as canonical JSON."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from stillhunt.report.canonical import plain
from stillhunt.report.dossier.blocks import Block, Mark, Part, Parts, Supplied, Tag
from stillhunt.report.dossier.numbered import Name, Number
from stillhunt.report.dossier.writing import Dossier
from stillhunt.report.page import environment, keep_together, policy, source
from stillhunt.report.words import printable
from stillhunt.seal.canonical import canonical


def dossier_json(dossier: Dossier) -> bytes:
    """Return `dossier.json`: RFC 8785, floats rounded to twelve significant digits."""
    return canonical(plain(dossier.document()))


def dossier_html(dossier: Dossier) -> str:
    """Return `dossier.html`: one self-contained page, the same without its script."""
    return _page("dossier.html.j2", dossier, _linked)


def letter_html(dossier: Dossier) -> str:
    """Return `letter.html`: one page, each number with the number of its line in the dossier."""
    return _page("letter.html.j2", dossier, _with_line)


def _page(template: str, dossier: Dossier, number: object) -> str:
    style = source("style.css") + source("dossier.css") + _page_marks(dossier.case.case.tlp)
    script = source("dossier.js")
    return (
        environment()
        .get_template(template)
        .render(
            d=dossier,
            style=Markup(style),
            script=Markup(script),
            policy=policy(style, script),
            write=_linked_parts if number is _linked else _lined_parts,
            kind=_kind,
            line=_line_of,
            breakable=_breakable,
        )
    )


def _page_marks(tlp: str | None) -> str:
    """Return the style of printed sheets: the marking at head and foot of each, as TLP 2.0 asks, and the number of the sheet."""
    mark = "" if tlp is None else f"TLP:{tlp}"
    page = 'counter(page) " of " counter(pages)'
    boxes = {"@top-right": f'"{mark}"', "@bottom-left": f'"{mark}"', "@bottom-right": page}
    return "@page { " + " ".join(f"{box} {{ content: {content} }}" for box, content in boxes.items()) + " }\n"


def _breakable(name: str) -> Markup:
    """Return a name of parts with dots and underscores that may be broken after them, and nowhere else."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[._,])", printable(name)))


def _kind(block: Block) -> str:
    return type(block).__name__


def _line_of(number: Number) -> str:
    return number.id.removeprefix("n")


def _linked_parts(parts: Parts) -> Markup:
    if len(parts) == 1 and isinstance(parts[0], Supplied):
        return Markup('<span class="supplied alone">{}</span>').format(printable_lines(parts[0].text))
    return Markup("").join(_linked(p) if isinstance(p, Number) else _part(p) for p in parts)


def _lined_parts(parts: Parts) -> Markup:
    return Markup("").join(_with_line(p) if isinstance(p, Number) else _part(p) for p in parts)


def _linked(n: Number) -> Markup:
    """A number in the dossier leads to its line."""
    return Markup('<a class="num" href="#{}"><data value="{}">{}</data></a>').format(
        n.id, str(n.value), keep_together(n.text)
    )


def _with_line(n: Number) -> Markup:
    """A number in the letter carries the number of its line."""
    shown = Markup('<data class="num" value="{}" data-line="{}">{}</data>').format(
        str(n.value), n.id, keep_together(n.text)
    )
    return Markup('<span class="nowrap">{}<sup class="line">{}</sup></span>').format(shown, _line_of(n))


def _part(part: Part) -> Markup:
    match part:
        case Supplied():
            return Markup('<span class="supplied">{}</span>').format(printable_lines(part.text))
        case Name():
            return Markup("<span data-name>{}</span>").format(printable(part.text))
        case Tag():
            frame = '<code class="id">{}</code>' if part.code else "<span data-name>{}</span>"
            return Markup(frame).format(printable(part.text))
        case Mark():
            return Markup('<span class="tag {}">{}</span>').format("yes" if part.strong else "no", part.text)
        case str():
            return keep_together(part)
    raise TypeError(part)


def printable_lines(text: str) -> Markup:
    """Return the operator's words, their line breaks kept, every other control character visible."""
    return Markup("<br>").join(escape(printable(line)) for line in text.strip().splitlines())
