"""An audit as one page, as JSON, and as the exhibits of a dossier's section on student models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stillhunt.errors import StoreError
from stillhunt.report import canonical, numbers, words
from stillhunt.report.histogram import histogram
from stillhunt.report.page import keep_together, policy, share_bar
from stillhunt.trace.audit.detectable import account_sentence
from stillhunt.trace.audit.result import NOTHING, TRAINED, VOID, Audit, ChannelTest

FILES = ("audit.json", "audit.html", "exhibits.json", "students.toml")
ACCOUNTS_AT_MOST = 400
TITLES = {"coin": "Coin", "mark": "Mark", "canary": "Canaries"}
SECTION = "11"


def write(audit: Audit, out: Path) -> dict[str, Path]:
    """Write the four files and return where they are; raises `StoreError`."""
    content = {
        "audit.json": audit_json(audit),
        "audit.html": html(audit),
        "exhibits.json": canonical.encode(exhibits(audit)).decode(),
        "students.toml": students_toml(audit),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in content.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{out}: the audit cannot be written: {error.strerror}.\nGive another `--out`.") from error
    return {name: out / name for name in content}


def audit_json(audit: Audit) -> str:
    """Return the audit as canonical JSON."""
    return canonical.encode(plain(audit)).decode()


def plain(value: object) -> Any:
    """Return dataclasses as objects, with their names as keys; arrays are lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(part) for name, part in asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def html(audit: Audit) -> str:
    """Return the page: self-contained, nothing fetched, every value escaped; it reads the same without its script."""
    environment = surroundings("stillhunt.trace.audit")
    style, script = source(environment, "style.css"), source(environment, "script.js")
    positive = [c.campaign for c in audit.campaigns if c.verdict == TRAINED]
    keyed = any(t.channel != "coin" and t.found(audit.spec.alpha) for c in audit.campaigns for t in c.channels)
    return environment.get_template("audit.html.j2").render(
        audit=audit,
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        headline=headline(audit),
        positive=positive,
        keyed=keyed,
        titles=TITLES,
        most=ACCOUNTS_AT_MOST,
        specification=json.dumps(audit.spec.document(), indent=2, ensure_ascii=False),
    )


def headline(audit: Audit) -> str:
    """Return the sentence that opens the page."""
    verdicts = {c.verdict for c in audit.campaigns}
    name = words.printable(audit.spec.suspect)
    if VOID in verdicts:
        return f"A check failed: nothing is claimed about {name}"
    found = [c for c in audit.campaigns if c.verdict == TRAINED]
    if found:
        calls = sum(t.n for c in found for t in c.channels if t.channel == "coin")
        shown = numbers.counted(calls, "logged coin")
        return f"{name} learned from answers that this provider served: it prefers them in the test of {shown}"
    if verdicts <= {NOTHING}:
        return f"Nothing shows that {name} learned from the answers tested"
    return f"{name} carries this provider’s keyed choices; that it was trained on logged answers is not shown"


def sentence(channel: ChannelTest, alpha: float) -> str:
    """Return what one channel found, in words."""
    if channel.tail is None:
        return f"Did not run: {channel.why}."
    p = decades(channel.tail.p_log10)
    chance = {
        "coin": "if the coins had nothing to do with the model, the served answers would look this much preferred",
        "mark": "if the key had nothing to do with the model, its words would lean this far towards marked ones",
        "canary": "if the key had nothing to do with the model, it would choose favoured answers this often",
    }[channel.channel]
    kind = "with probability" if channel.tail.exact else "with probability at most"
    return f"{'Found' if channel.found(alpha) else 'Not found'}: {chance} {kind} {p}."


def decades(log10: float) -> str:
    """Return a probability given as a logarithm: a number, or a power of ten where it is small."""
    if log10 == float("-inf"):
        return "0"
    return numbers.figure(10.0**log10) if log10 > -4 else f"10^{log10:.1f}"


def exhibits(audit: Audit) -> dict[str, Any]:
    """
    Return what a dossier's section on student models needs: numbers with ids and what each needs to be checked.

    `recipe` is null throughout: recomputing needs the ledger, the texts, the keys and the suspect, not the dossier alone.
    """
    rows = []
    for c in audit.campaigns:
        for i, t in enumerate(c.channels):
            if t.tail is not None:
                rows.append(
                    _number(c.campaign, f"{t.channel}{i}.p_log10", f"{TITLES[t.channel]}: log10 of p", t.tail.p_log10)
                )
                rows.append(_number(c.campaign, f"{t.channel}{i}.n", f"{TITLES[t.channel]}: {t.unit}", t.n))
        named = sum(a.named for a in c.accounts)
        rows.append(_number(c.campaign, "accounts.named", "Accounts named (Holm)", named))
    return {
        "section": SECTION,
        "suspect": audit.spec.suspect,
        "specification": audit.spec_digest,
        "ledger_head": audit.ledger_head,
        "audit_sha256": hashlib.sha256(audit_json(audit).encode()).hexdigest(),
        "verdicts": {c.campaign: c.verdict for c in audit.campaigns},
        "statements": {c.campaign: c.statement for c in audit.campaigns},
        "assumptions": list(audit.assumptions),
        "numbers": rows,
    }


def _number(campaign: str, name: str, label: str, value: float | int) -> dict[str, Any]:
    return {
        "id": f"audit.{campaign}.{name}",
        "label": label,
        "section": SECTION,
        "value": value,
        "recipe": None,
        "needs": "the tracing ledger, its texts and keys, and the suspect",
    }


def students_toml(audit: Audit) -> str:
    """Return rows for the `students` table of a dossier's case file."""
    lines = []
    for c in audit.campaigns:
        ran = [t for t in c.channels if t.tail is not None]
        checks = [f"{k.what}: {'gave nothing' if k.passed else k.found}" for t in ran for k in t.checks]
        result = "; ".join(f"{TITLES[t.channel]} p {_plain_p(t)} on {t.n} {t.unit}" for t in ran) or "no test ran"
        lines += [
            "[[students]]",
            f"suspect = {toml(audit.spec.suspect)}",
            f"test = {toml('coin, mark and canaries of campaign ' + c.campaign + ', specified beforehand')}",
            f"result = {toml(c.verdict + ': ' + result)}",
            f"controls = {toml('; '.join(checks) or 'none')}",
            f"source = {toml('audit ' + audit.spec_digest[:16])}",
            "",
        ]
    return "\n".join(lines)


def _plain_p(t: ChannelTest) -> str:
    return "–" if t.tail is None else f"{'=' if t.tail.exact else '≤'} {decades(t.tail.p_log10)}"


def toml(text: str) -> str:
    """Return a TOML basic string; JSON's escapes are among TOML's."""
    return json.dumps(words.printable(text), ensure_ascii=False)


def source(environment: Environment, name: str) -> str:
    """Return a template as it is written."""
    if environment.loader is None:
        raise LookupError(name)
    return environment.loader.get_source(environment, name)[0]


@cache
def surroundings(package: str) -> Environment:
    """Return what a page of a package is rendered in: its own templates, and those of the report."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates"), PackageLoader("stillhunt.report", "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count=numbers.count,
        share=lambda x: keep_together(numbers.share(x)),
        figure=numbers.figure,
        effective=numbers.effective,
        odds=numbers.odds,
        listed=numbers.listed,
        plain=words.plain,
        printable=words.printable,
        prose=lambda text: keep_together(words.printable(str(text))),
    )
    environment.globals.update(
        counted=numbers.counted,
        histogram=histogram,
        share_bar=share_bar,
        sentence=sentence,
        decades=decades,
        account_sentence=account_sentence,
    )
    return environment
