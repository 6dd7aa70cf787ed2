"""Plain words for what a log and a test call by an identifier, and the meaning of the terms on the page."""

from __future__ import annotations

from collections.abc import Mapping

COLUMNS: Mapping[str, str] = {
    "system": "system prompts",
    "prompt": "prompt text",
    "history": "earlier turns",
    "completion": "answers",
    "reasoning_presented": "reasoning blocks sent back by callers",
    "client_ip": "network addresses",
    "tls_ja4": "client fingerprints",
    "device_id": "devices",
    "org_id": "organisations",
    "payment_fingerprint": "payment instruments",
    "email_domain": "e-mail domains",
    "created_at": "account creation times",
    "licence": "licences",
}
"""What a contract column holds, for the columns that decide what a hunt can see."""

KEYS: Mapping[str, tuple[str, str]] = {
    "linkage": ("Key 1", "The accounts are linked"),
    "operation": ("Key 2", "They are jointly operated"),
    "concealment": ("Key 3", "They present themselves as unrelated customers"),
    "indicator": ("Indicators", "What the calls look like; nothing is claimed from these"),
}
"""A kind of evidence → its short name and what it shows."""

LISTS: Mapping[str, tuple[str, str]] = {
    "honest group": (
        "Groups that behave like independent people",
        "These accounts share traits, as colleagues, students or users of one application do, and each "
        "behaves like a person of its own.",
    ),
    "one customer, many accounts": (
        "One customer, many accounts",
        "These accounts are run as one and say so: they present themselves as fewer customers than "
        "disguise takes. Rate limits may matter here; disguise does not.",
    ),
    "not examined": (
        "Linked but not examined",
        "These accounts share traits, and the log does not hold enough of them to test anything further.",
    ),
    "licensed": (
        "Licensed use",
        "These accounts hold a contract that allows bulk use. They are excluded, whatever they do.",
    ),
}
"""The list a linked set was put on → a heading and what the list means."""

LADDER: tuple[tuple[str, str, bool], ...] = (
    ("Coordinated", "Accounts share more rare traits than chance allows (key 1).", True),
    ("Jointly operated", "One hand runs them, judged on behaviour that linking did not use (key 2).", True),
    ("Disguised", "They present themselves as unrelated customers (key 3).", True),
    (
        "Extraction-like",
        "The calls look like harvesting of a capability. Indicators are shown, not judged.",
        False,
    ),
    (
        "Terms broken",
        "A contract or a control was broken. Needs the contracts, which are not in a log.",
        False,
    ),
    ("Who", "A person, a company or a country is behind it. Nothing here names anyone.", False),
    ("Used for training", "The answers went into a model. Needs the model, which is not in a log.", False),
)
"""The rungs of an accusation, what each rests on, and whether a campaign on this page claims it."""

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("Account", "What is billed or banned. Several accounts may belong to one owner."),
    ("Alternative", "An innocent explanation, what it predicts, and whether that was seen."),
    (
        "Campaign",
        "A set of accounts that is linked, jointly operated and disguised. All three, or it is not one.",
    ),
    (
        "Confidence",
        "One minus the bound on the chance that an account is in a campaign by mistake. Not the chance of guilt.",
    ),
    ("Call", "One request to a model and its answer; the log contract calls it an exchange."),
    (
        "Declared customers",
        "The effective number of unrelated customers that a set presents itself as, by payment and e-mail.",
    ),
    (
        "e-value",
        "A bet against chance. An e-value of 1,000 means that a bet which is fair if chance alone were at "
        "work has multiplied its stake by 1,000.",
    ),
    ("Level", "The share of false findings that the method allows among all it reports, on average."),
    ("Linked set", "Accounts that share more rare traits than chance allows. Not an accusation."),
    ("Null distribution", "Where a statistic would fall if the innocent explanation were true."),
    ("Owner", "An organisation where the log names one, else the account itself."),
    (
        "p-value",
        "How often a result at least this extreme would be seen if the innocent explanation were true.",
    ),
    ("q-value", "The p-value, corrected for having judged many sets in the same run."),
    ("Strand", "The part of an account's calls that belongs to the campaign. The rest is not counted."),
    (
        "Trait",
        "Something accounts can have in common: a payment instrument, an address, a client, a rare text.",
    ),
)
"""The terms on the page and what each means here."""


def plain(identifier: str) -> str:
    """An identifier reads as words: `software_engineering` is `software engineering`."""
    return identifier.replace("_", " ").strip() or "unnamed"


def printable(text: str) -> str:
    """
    A value from a log shows every character it has: what cannot be seen is written as an escape.

    Control characters and those that turn the direction of writing could make one id look like another.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
