"""Each channel on one campaign: what it asks of the suspect, its test, its self-checks, and what it could have missed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from stillhunt.model import NullDistribution
from stillhunt.trace import canaries
from stillhunt.trace.audit.canary import CanaryClass, canary_test, counted
from stillhunt.trace.audit.coin import CoinScores, coin_scores, coin_test, first_turns, with_coins
from stillhunt.trace.audit.detectable import coin_share, scaled_share
from stillhunt.trace.audit.material import CoinMaterial
from stillhunt.trace.audit.null_sum import Floats
from stillhunt.trace.audit.overlap import overlaps
from stillhunt.trace.audit.radioactivity import (
    Green,
    RadioactivityTest,
    TiltWeights,
    count_weights,
    radioactivity_test,
    word_test,
)
from stillhunt.trace.audit.result import ChannelTest, SelfCheck
from stillhunt.trace.audit.sequential import e_process
from stillhunt.trace.audit.spec import AuditSpec
from stillhunt.trace.audit.suspects.suspect import SAMPLES, SCORES, OpenSuspect, Prompt, Suspect
from stillhunt.trace.ledger import CanaryEntry
from stillhunt.trace.marks import MarkKey

Encode = Callable[[str], list[int]]
BINS = 40
SUSPICIOUS_LOG10 = -4.0
"""A self-check whose p is below 1e-4 gave something where there was nothing to find."""

REDRAWS = 50


def score_coins(
    coins: Sequence[CoinMaterial], suspect: Suspect, references: Sequence[Suspect], *, spec: AuditSpec
) -> tuple[CoinScores, str, int]:
    """
    Return the scores of the coins that could be scored, how that was done, and how many were lost on the way.

    1. With scores: the suspect's and each reference's log-probability of each candidate, and the length.
    2. With samples alone: the overlap of each candidate with what the suspect writes.
    """
    if SCORES in suspect.abilities:  # 1.
        flat = [(c.prompt, a) for c in coins for a in c.candidates]
        columns = [m.score(flat) for m in (suspect, *(r for r in references if SCORES in r.abilities))]
        ends = np.cumsum([0, *(len(c.candidates) for c in coins)])
        sets = [range(a, b) for a, b in pairwise(ends.tolist())]
        kept = [i for i, s in enumerate(sets) if all(column[j] is not None for column in columns for j in s)]
        tables = [[[_log_p(column[j]) for j in sets[i]] for i in kept] for column in columns]
        lengths = [[float(len(a)) for a in coins[i].candidates] for i in kept]
        mine = [coins[i] for i in kept]
        names = [m.name for m in references if SCORES in m.abilities]
        how = (
            f"log-probabilities, with {', '.join(names)} and the length as references" if names else "log-probabilities"
        )
        scores = coin_scores(tables[0], [c.served for c in mine], [*tables[1:], lengths], **_names(mine))
        return scores, how, len(coins) - len(kept)
    answers = suspect.sample(
        [c.prompt for c in coins], n=spec.samples, max_tokens=spec.max_tokens, seed=spec.seed
    )  # 2.
    kept = [i for i, texts in enumerate(answers) if texts]
    mine = [coins[i] for i in kept]
    scores = overlaps(
        [c.candidates for c in mine], [answers[i] for i in kept], [c.served for c in mine], **_names(mine)
    )
    return scores, f"overlap with {spec.samples} sampled answers each", len(coins) - len(kept)


def _log_p(score: object) -> float:
    return float(getattr(score, "log_p", 0.0))


def _names(coins: Sequence[CoinMaterial]) -> dict[str, list[str]]:
    return {
        "account": [c.account for c in coins],
        "conversation": [c.conversation for c in coins],
        "exchange_id": [c.exchange for c in coins],
    }


def coin_channel(
    coins: Sequence[CoinMaterial], scores: CoinScores, how: str, *, own: Suspect | None, spec: AuditSpec
) -> ChannelTest:
    """Return the coin channel: the exact test on one turn of each conversation, the e-process on all turns."""
    if not len(scores):
        return ChannelTest(channel="coin", how=how, why="no coin of this campaign could be scored")
    single = first_turns(scores)
    found, game = coin_test(single, seed=spec.seed), e_process(scores, alpha=spec.alpha)
    redrawn = [coin_test(with_coins(single, s), draws=0).tail.p_log10 for s in range(REDRAWS)]
    checks = [_check(f"coins thrown anew, {REDRAWS} times", redrawn)]
    by_id = {c.exchange: c for c in coins}
    if own is not None and SCORES in own.abilities:
        mine = [by_id[e] for e in single.exchange_id if e in by_id]
        ours, _, _ = score_coins(mine, own, (), spec=spec)
        result = coin_test(ours, draws=0)
        checks.append(_check("our own model as the suspect", [result.tail.p_log10]))
    else:
        checks.append(
            SelfCheck(what="our own model as the suspect", found="not tried: no own model was given", passed=None)
        )
    effect: dict[str, float | int | str] = {
        "served preferred": f"{found.preferred:.1f} of {found.n}",
        "gain of an exchange, sd": found.gain,
    }
    if game.stopped is not None:
        effect["exchanges until the e-process reached 1/alpha"] = game.stopped
    return ChannelTest(
        channel="coin",
        how=how,
        n=found.n,
        tail=found.tail,
        e_log10=game.e_log10,
        sequential_p_log10=game.p_log10,
        effect=effect,
        null=histogram("z with coins thrown anew", found.null, found.tail.z),
        detectable=coin_share(found.n, alpha=spec.alpha),
        checks=tuple(checks),
        exchange_ids=single.exchange_id,
    )


def canary_channel(
    entries: Sequence[CanaryEntry], key: Callable[[int], bytes], suspect: Suspect, *, spec: AuditSpec
) -> ChannelTest:
    """Return the canary channel: every class that was served, asked in the library's held-out questions."""
    how = f"{spec.samples} samples of each held-out question"
    exposed = sorted({(e.epoch, e.library, e.canary) for e in entries})
    if not exposed:
        return ChannelTest(channel="canary", how=how, why="the ledger has no canary of this campaign")
    if SAMPLES not in suspect.abilities:
        return ChannelTest(channel="canary", how=how, why="the suspect cannot be sampled")
    classes = {(lib, name): canaries.LIBRARIES[lib][name] for _, lib, name in exposed}
    given = {}
    for place, one in classes.items():
        prompts = [Prompt.of(q) for q in one.probes]
        texts = suspect.sample(prompts, n=spec.samples, max_tokens=24, seed=spec.seed)
        flat = [t for row in texts for t in row]
        given[place] = counted(one.answers, {i: canaries.found(one, t) for i, t in enumerate(flat)})

    def asked(keys: Callable[[int], bytes]) -> list[CanaryClass]:
        return [
            CanaryClass(
                name=f"{name}@{epoch}",
                preference=given[lib, name],
                favoured=canaries.favoured(keys(epoch), classes[lib, name]),
            )
            for epoch, lib, name in exposed
        ]

    found = canary_test(asked(key), seed=spec.seed)
    other = [canary_test(asked(partial(_unused, i)), draws=0).tail for i in range(spec.unused_keys)]
    listed = sum(sum(c.values()) for c in given.values())
    rank = (1 + sum(o.z >= found.tail.z - 1e-9 for o in other)) / (1 + len(other))
    obedient = canary_test([_obedient(c) for c in asked(key)], draws=0).tail.z
    return ChannelTest(
        channel="canary",
        how=how,
        n=round(listed),
        unit="answers in the lists",
        tail=found.tail,
        e_log10=found.tail.e_log10,
        rank_p=rank,
        effect={"classes": found.classes, "exposures": len(entries), "favoured share": found.favoured_share},
        null=histogram("z over other draws of the favoured halves", found.null, found.tail.z),
        detectable=scaled_share(obedient, of="answers that follow the key", alpha=spec.alpha, bound=False),
        checks=(_check(f"{len(other)} keys that favoured nothing", [o.p_log10 for o in other]),),
    )


def _unused(i: int, epoch: int) -> bytes:
    return b"a key that was never used: %d, %d" % (i, epoch)


def _obedient(one: CanaryClass) -> CanaryClass:
    """Return the class as a suspect would answer it that always gives favoured answers, as often as this one answered."""
    each = sum(one.preference.values()) / len(one.favoured)
    preference = {a: each if a in one.favoured else 0.0 for a in one.preference}
    return CanaryClass(name=one.name, preference=preference, favoured=one.favoured)


def mark_channel(
    key: bytes,
    setting: Mapping[str, object],
    suspect: Suspect,
    probes: Sequence[str],
    *,
    spec: AuditSpec,
    words: bool,
    encode: Encode | None = None,
    reference: Suspect | None = None,
    own: Suspect | None = None,
) -> ChannelTest:
    """
    Return the mark channel of one epoch.

    1. Open weights that share a reference's vocabulary: the tilt on probe texts.
    2. Samples: words (best-of-k marks), or tokens of our own tokenizer.
    """
    context, gamma = _whole(setting.get("context")), _share(setting.get("gamma"))
    mark = MarkKey(key=key, context=context, gamma=gamma)
    unused = [MarkKey(key=_unused(i, 0), context=context, gamma=gamma) for i in range(spec.unused_keys)]
    if not probes:
        return ChannelTest(channel="mark", how="probe texts", why="no probe texts were given")
    if not words and _open(suspect) and _open(reference) and suspect.vocabulary == reference.vocabulary:  # type: ignore[attr-defined,union-attr]
        texts = [suspect.encode(t)[:256] for t in probes]  # type: ignore[attr-defined]
        at_full = None
        if _open(own) and own.vocabulary == suspect.vocabulary:  # type: ignore[attr-defined,union-attr]
            at_full = _tilted(texts, own, own, context, delta=_share(setting.get("delta")), green=mark.green)  # type: ignore[arg-type]
        weights = _tilted(texts, suspect, reference, context)  # type: ignore[arg-type]
        found = radioactivity_test(weights.weights(), mark.green, gamma=gamma, unused=[u.green for u in unused])
        z_full = None if at_full is None else radioactivity_test(at_full.weights(), mark.green, gamma=gamma).tail.z
        name = "" if reference is None else reference.name
        return _marked(f"probabilities on {len(texts)} probe texts, compared with {name}", found, spec, z_full)
    if not words and encode is None:  # 2.
        return ChannelTest(channel="mark", how="samples", why="no tokenizer of our own model was given")
    pairs, other = _written(suspect, probes, spec), []
    if reference is not None and SAMPLES in reference.abilities:
        other = _written(reference, probes, spec)
    if words or encode is None:
        greens = [u.green_word for u in unused]
        found = word_test(pairs, mark.green_word, context=context, gamma=gamma, unused=greens, reference=other)
    else:
        ids, their = ([(encode(p), encode(a)) for p, a in rows] for rows in (pairs, other))
        vocabulary = 1 + max((t for p, a in (*ids, *their) for t in (*p, *a)), default=0)
        weights_ = count_weights(ids, vocabulary=vocabulary, context=context, reference=their)
        found = radioactivity_test(weights_, mark.green, gamma=gamma, unused=[u.green for u in unused])
    less = f", less those of {reference.name}" if reference is not None and other else ""
    return _marked(f"{'words' if words else 'tokens'} of {len(pairs)} sampled answers{less}", found, spec, None)


def _written(model: Suspect, probes: Sequence[str], spec: AuditSpec) -> list[tuple[str, str]]:
    """Return what a model writes to each probe, with the probe."""
    prompts = [Prompt.of(t) for t in probes]
    answers = model.sample(prompts, n=spec.samples, max_tokens=spec.max_tokens, seed=spec.seed)
    return [(p, a) for p, texts in zip(probes, answers, strict=True) for a in texts]


def _marked(how: str, found: RadioactivityTest, spec: AuditSpec, z_full: float | None) -> ChannelTest:
    p_unused = [float(np.log10(max(1e-300, 1 - _below(z)))) for z in found.unused]
    of = "marked text, if the student took on the mark as fully as our own marked model shows it"
    return ChannelTest(
        channel="mark",
        how=how,
        n=round(found.pairs),
        unit="effective pairs",
        tail=found.tail,
        e_log10=found.tail.e_log10,
        rank_p=found.rank_p,
        null=histogram("z of keys that marked nothing", found.unused, found.tail.z),
        detectable=None if z_full is None else scaled_share(z_full, of=of, alpha=spec.alpha),
        checks=(_check(f"{len(found.unused)} keys that marked nothing", p_unused),),
    )


def _below(z: float) -> float:
    from scipy.stats import norm

    return float(norm.cdf(z))


def _tilted(
    texts: Sequence[Sequence[int]],
    suspect: OpenSuspect,
    reference: OpenSuspect,
    context: int,
    *,
    delta: float = 0.0,
    green: Green | None = None,
) -> TiltWeights:
    """Return the collected weights; with `delta`, of the suspect as its serving stack marks it."""
    tilt = TiltWeights(vocabulary=suspect.vocabulary, context=context)
    for tokens, p, q in zip(texts, suspect.distributions(texts), reference.distributions(texts), strict=True):
        own = np.asarray(p, dtype=np.float64)
        if green is not None:
            for t in range(context - 1, len(own)):
                own[t] += delta * green(tuple(tokens[t - context + 1 : t + 1]), suspect.vocabulary)
            own -= np.log(np.exp(own).sum(axis=1, keepdims=True))
        tilt.add(tokens, own, q)
    return tilt


def _open(model: Suspect | None) -> bool:
    return model is not None and hasattr(model, "distributions")


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 1


def _share(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.5


def _check(what: str, p_log10: Sequence[float]) -> SelfCheck:
    """Return whether the smallest of several null p-values is one that so many may show."""
    if not p_log10:
        return SelfCheck(what=what, found="none", passed=None)
    smallest = min(p_log10)
    small = sum(p <= np.log10(0.05) for p in p_log10)
    told = f"smallest p {10.0**smallest:.2g}, {small} of {len(p_log10)} below 0.05"
    return SelfCheck(what=what, found=told, passed=bool(smallest + np.log10(len(p_log10)) > SUSPICIOUS_LOG10))


def histogram(label: str, values: Floats, observed: float) -> NullDistribution | None:
    """Return the null to draw, or None where there is none."""
    if len(values) < 2:
        return None
    counts, edges = np.histogram(values, bins=min(BINS, max(5, len(values) // 20)))
    return NullDistribution(
        label=label,
        edges=tuple(float(e) for e in edges),
        counts=tuple(int(c) for c in counts),
        observed=float(observed),
    )
