"""`stillhunt trace audit`: options to an audit, its files, and the few lines that say what came out."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt.errors import ConfigError
from stillhunt.trace import ledger
from stillhunt.trace.audit import page
from stillhunt.trace.audit.channels import Encode
from stillhunt.trace.audit.result import Audit
from stillhunt.trace.audit.run import Inputs, run
from stillhunt.trace.audit.spec import CHANNELS, AuditSpec
from stillhunt.trace.audit.suspects.api import ApiSuspect
from stillhunt.trace.audit.suspects.cache import Budget, Cache
from stillhunt.trace.audit.suspects.open_weights import OpenWeights
from stillhunt.trace.audit.suspects.suspect import Suspect
from stillhunt.trace.keys import read_master
from stillhunt.trace.store import Store

Tell = Callable[[str], object]
KEY_VARIABLE = "STILLHUNT_SUSPECT_KEY"


def command(arguments: argparse.Namespace, say: Tell, out: Tell) -> int:
    """
    Run an audit.

    1. Open suspect and references; 2. commit the specification; 3. score and test; 4. write the files.
    """
    if (arguments.suspect is None) == (arguments.suspect_url is None):
        raise ConfigError("Give one suspect: `--suspect PATH` for weights, or `--suspect-url URL` for an API.")
    if not arguments.store.exists():
        raise ConfigError(
            f"There are no texts at {arguments.store}.\nGive the file that `--store` named while serving."
        )
    with ExitStack() as stack:
        master = read_master(arguments.key_file, make=False)
        suspect = suspect_of(arguments, stack)  # 1.
        references = [OpenWeights.load(path) for path in arguments.reference or ()]
        for reference in references:
            reference.temperature = arguments.temperature
        own = None if arguments.own is None else OpenWeights.load(arguments.own)
        spec = _spec(arguments, suspect, references, own)
        now = datetime.now(UTC)
        digest = spec.commit(arguments.ledger, at=now)  # 2.
        if not arguments.quiet:
            say(f"Committed the specification {digest[:16]}… to the ledger; scoring …")
        inputs = Inputs(
            folder=arguments.ledger,
            texts=stack.enter_context(Store.open(arguments.store, master)),
            keys=master,
            suspect=suspect,
            references=references,
            own=own,
            probes=_probes(arguments.probes),
            encode=_encoder(arguments.tokenizer),
            spent=lambda: _spent(suspect),
            lost=lambda: getattr(suspect, "left_out", {}),
        )
        audit = run(inputs, spec, digest, at=now.isoformat(timespec="seconds"))  # 3.
    places = page.write(audit, arguments.out)  # 4.
    out(
        page.audit_json(audit)
        if arguments.json
        else "\n".join([*told(audit), "", f"Report: {places['audit.html']}", ""])
    )
    return 0


def told(audit: Audit) -> list[str]:
    """Return the result in a few lines."""
    lines = [page.headline(audit) + "."]
    for c in audit.campaigns:
        lines += ["", f"{c.campaign}: {c.verdict}"]
        for t in c.channels:
            if t.tail is None:
                lines.append(f"  {t.channel}: did not run: {t.why}")
                continue
            lines.append(
                f"  {t.channel}: p {'=' if t.tail.exact else '<='} {page.decades(t.tail.p_log10)} on {t.n} {t.unit}"
            )
            if not t.found(audit.spec.alpha) and t.detectable is not None:
                lines.append(f"    {t.detectable.sentence()}")
            lines += [f"    check failed: {k.what}: {k.found}" for k in t.checks if k.passed is False]
        named = [a.account for a in c.accounts if a.named]
        if c.accounts:
            lines.append(f"  accounts named: {len(named)} of {len(c.accounts)} (Holm, {audit.spec.level:g})")
        lines += [f"  left out: {row.count} {row.what}: {row.reason}" for row in c.left_out]
    return lines


def suspect_of(arguments: argparse.Namespace, stack: ExitStack) -> Suspect:
    """Return the model that the options name; its cache closes with the stack. Asked for refusals it is greedy."""
    if (arguments.suspect is None) == (arguments.suspect_url is None):
        raise ConfigError("Give one suspect: `--suspect PATH` for weights, or `--suspect-url URL` for an API.")
    warm = getattr(arguments, "temperature", 0.0)
    if arguments.suspect is not None:
        model = OpenWeights.load(arguments.suspect)
        model.temperature = warm
        return model
    beside = arguments.out if arguments.out.is_dir() or not arguments.out.suffix else arguments.out.parent
    cache = stack.enter_context(Cache(arguments.cache or beside / "answers.sqlite"))
    return ApiSuspect(
        url=arguments.suspect_url,
        model=arguments.suspect_model or "",
        cache=cache,
        shows=arguments.shows,
        key=os.environ.get(KEY_VARIABLE),
        budget=_budget(arguments),
        temperature=warm,
        chat=not arguments.completions,
    )


def _budget(arguments: argparse.Namespace) -> Budget:
    return Budget(
        calls=arguments.most_calls,
        tokens=arguments.most_tokens,
        money=arguments.most_money,
        price_in=arguments.price_in,
        price_out=arguments.price_out,
        per_second=arguments.per_second,
    )


def _spec(
    arguments: argparse.Namespace, suspect: Suspect, references: Sequence[Suspect], own: Suspect | None
) -> AuditSpec:
    channels = tuple(arguments.channels.split(","))
    for name in channels:
        if name not in CHANNELS:
            raise ConfigError(f"There is no channel {name!r}.\nThose there are: {', '.join(CHANNELS)}.")
    campaigns = tuple(arguments.campaign or sorted({p.campaign for p in ledger.plans(arguments.ledger)}))
    if not campaigns:
        raise ConfigError(f"The ledger in {arguments.ledger} has no plan, so there is nothing to audit.")
    return AuditSpec(
        suspect=suspect.name,
        references=tuple(r.name for r in references),
        own=None if own is None else own.name,
        campaigns=campaigns,
        channels=channels,
        alpha=arguments.alpha,
        level=arguments.level,
        exchanges=arguments.exchanges,
        samples=arguments.samples,
        max_tokens=arguments.max_tokens,
        temperature=arguments.temperature,
        indicators=arguments.indicators,
        seed=arguments.seed,
        budget=None if arguments.suspect_url is None else asdict(_budget(arguments)),
        weights=_weights(suspect, references, own),
    )


def _weights(suspect: Suspect, references: Sequence[Suspect], own: Suspect | None) -> dict[str, str]:
    """Return the digests of the models in memory, by the part they play."""
    parts = {"suspect": suspect, "own": own, **{f"reference {i + 1}": r for i, r in enumerate(references)}}
    return {part: model.digest for part, model in parts.items() if isinstance(model, OpenWeights)}


def _spent(suspect: Suspect) -> dict[str, float | int]:
    if not isinstance(suspect, ApiSuspect):
        return {}
    spent = suspect.cache.spent()
    money = {"money": spent.money(suspect.budget)} if suspect.budget.price_in or suspect.budget.price_out else {}
    return {"calls": spent.calls, "tokens in": spent.tokens_in, "tokens out": spent.tokens_out, **money}


def _probes(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The probe texts at {path} cannot be read: {error}.\nGive a text file, one probe a line."
        ) from error


def _encoder(path: Path | None) -> Encode | None:
    if path is None:
        return None
    try:
        from tokenizers import Tokenizer

        tokenizer: Any = Tokenizer.from_file(str(path))
    except ImportError as missing:
        raise ConfigError("A tokenizer needs the models' extra.\npip install 'stillhunt[trace-models]'") from missing
    except Exception as error:  # the package raises bare exceptions
        raise ConfigError(f"The tokenizer at {path} cannot be read: {error}.\nGive a tokenizer.json.") from error
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)
