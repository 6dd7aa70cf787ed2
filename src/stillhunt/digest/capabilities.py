"""
Which capability a prompt asks for, estimated from word lists: an indicator of focus, never evidence of guilt.

A prompt counts for the list it has most words from, when it has enough of them; otherwise for `other`.
Ties go to the earlier list. The lists are English with a few code words; prompts in other languages mostly
count as `other`, which the report says.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MINIMUM_HITS = {"safety and refusals": 1}
"""Words of a list that are enough; two where nothing else is said. One word for a weapon is seldom there by chance."""

_WORDS = {
    "software engineering": """
        def return import function class const async await null bug refactor compile compiler stack traceback exception
        api endpoint repo repository commit docker kubernetes sql select join index python javascript typescript rust
        golang java cpp cuda kernel thread mutex unittest pytest debug regex parser schema migration backend frontend
        database query variable loop array pointer code coding codebase patch diff method module package library
        implement implementation algorithm complexity lambda struct enum interface http json yaml webpack react node
        script linter deploy pipeline latency cache queue""",
    "agentic and tool use": """
        tool tools agent agents browser click navigate shell bash terminal execute workspace observation toolset
        function_call tool_call tool_use invoke invoked subtask orchestrate orchestration planner sandbox screenshot
        cursor keyboard command commands action actions environment autonomous delegate""",
    "reasoning": """
        prove proof theorem lemma derive derivation solve equation integral probability deduce deduction logic logical
        puzzle reasoning reason chain thought think thinking inference hypothesis induction contradiction combinatorics
        algebra geometry arithmetic calculate compute verify riddle premise conclusion sqrt frac triangle circle angle
        radius perimeter polynomial digit digits divisible remainder altogether twice half remaining average percent
        percentage distance speed ratio fraction multiply divided subtract coefficient modulo vertices perpendicular
        likely entails flip heads bought sold earns costs""",
    "grading and reward modelling": """
        score scores rate rating rubric grade grading judge judging evaluate evaluation preference prefer criteria
        criterion reward ranking rank candidate candidates assess assessment verdict helpfulness correctness
        comparison compare answer_a answer_b""",
    "data generation": """
        generate generates dataset datasets synthetic diverse samples examples example instructions instruction pairs
        questions augment paraphrase paraphrases variations distinct corpus annotate label labels seed templates
        produce""",
    "safety and refusals": """
        refuse refusal refuses harmful unsafe policy jailbreak ethical unethical illegal weapon bomb dangerous toxic
        hateful disallowed guardrail guardrails safety malicious exploit attack misuse violate murder poison explosive
        explosives hack hacking phishing malware ransomware launder laundering smuggle counterfeit cocaine meth drugs
        terrorist terrorism racist suicide stalk blackmail kidnap torture genocide bribe weapons ammunition
        assassinate""",
    "roleplay": """
        roleplay character characters pretend persona story stories dialogue scene fictional fantasy wizard dragon
        knight narrator villain hero tavern detective vampire kingdom stay immersive""",
}

CLASSES = (*_WORDS, "other")
"""Names of the classes; a call's class is an index into this tuple."""

METHOD = (
    f"word lists ({sum(len(w.split()) for w in _WORDS.values())} words in {len(_WORDS)} lists, English and code); "
    "a call counts for the list with most of its words, from two words on (safety: one); else `other`;"
    " most arithmetic told as a story counts as `other`"
)


_ENOUGH = np.array([MINIMUM_HITS.get(name, 2) for name in _WORDS])


def word_lists() -> list[list[str]]:
    """Return the lists in the order of `CLASSES` without `other`."""
    return [words.split() for words in _WORDS.values()]


def classify(hits: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Return the class index of each row of (n, lists) word counts."""
    best = hits.argmax(axis=1).astype(np.uint8)
    enough = hits.max(axis=1, initial=0) >= _ENOUGH[best]
    return np.where(enough, best, len(CLASSES) - 1).astype(np.uint8)
