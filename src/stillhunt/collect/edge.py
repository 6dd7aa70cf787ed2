"""
What gateways know of a caller and of a call without its text: addresses, headers, routes, HTTP statuses.

Headers are those that an operator adds at the edge; one that a client can set itself proves nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache

from stillhunt.collect.litellm import HEADERS

TEXT_ROUTES = (
    "/completions", "/messages", "/responses", "/converse", "/converse-stream", "/invoke",
    "/invoke-with-response-stream", ":generatecontent", ":streamgeneratecontent", ":rawpredict", ":streamrawpredict",
)  # fmt: skip
"""How the routes end on which models answer with text."""

OTHER_ROUTES = (
    "/embeddings", "/rerank", "/moderations", "/models", "/count_tokens", "/mcp", "/files", "/batches", "/tokenize",
    "/images/", "/audio/", "/videos", "/health", "/metrics", ":counttokens", ":embedcontent",
)  # fmt: skip
"""What is in routes of other calls."""

NOT_A_CALL = "not a chat or completion call"

IDS = {
    "account_id": ("x-account-id", "account_id", "account-id", "account.id", "x-user-id", "user_id", "user.id",
                   "x-customer-id", "customer_id", "x-tenant-id", "tenant_id", "x-consumer-id"),
    "org_id": ("x-org-id", "org_id", "organization_id", "x-organization-id", "openai-organization", "x-team-id",
               "team_id"),
    "api_key_id": ("x-api-key-id", "api_key_id", "x-api-key-hash", "api_key_hash", "key_hash", "x-credential-identifier"),
    "end_user_id": ("x-end-user-id", "end_user_id", "x-end-user", "end_user", "enduser.id", "safety_identifier"),
    "session_id": ("x-session-id", "session_id", "session.id", "x-conversation-id", "conversation_id",
                   "gen_ai.conversation.id", "agent-session-id"),
}  # fmt: skip
"""Names under which operators log who called, in the order in which they are looked for."""

LABELS = {"account_id": "account id", "org_id": "organisation id", "api_key_id": "API key hash", "end_user_id": "end user id"}


LONGEST_ADDRESS = 128

INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                    "::1/128", "fc00::/7", "fe80::/10")
)  # fmt: skip
"""Networks in which an address is the operator's own balancer or node, and no caller."""


def text_call(route: str | None) -> bool | None:
    """Whether models answer with text on this route; None where the route does not tell."""
    if not route:
        return None
    bare = route.split("?", 1)[0].rstrip("/").lower()
    if bare.endswith(TEXT_ROUTES):
        return True
    return False if any(other in bare for other in OTHER_ROUTES) else None


def status(code: object) -> str | None:
    """Return `ok`, `error`, `rate_limited` or `blocked` for an HTTP status; None for none."""
    if isinstance(code, str) and code.isdecimal() and len(code) <= 3:
        code = int(code)
    if not isinstance(code, int) or isinstance(code, bool):
        return None
    if code == 429:
        return "rate_limited"
    if code in (403, 451):
        return "blocked"
    return "ok" if 200 <= code < 400 else "error"


def address(peer: object, forwarded: object) -> str | None:
    """
    Return the caller's address: the peer as the gateway saw it, without its port.

    Where that one is private, and so a balancer of the operator's own, the first address that was forwarded.
    """
    seen = bare(peer)
    named = bare(forwarded.split(",")[0]) if isinstance(forwarded, str) else None
    return seen if named is None or (seen is not None and _is_public(seen)) else named


def bare(value: object) -> str | None:
    """Return an address without its port and brackets; None where it is none."""
    return _bare_text(value) if isinstance(value, str) and len(value) <= LONGEST_ADDRESS else None


@lru_cache(maxsize=2**16)
def _bare_text(value: str) -> str | None:
    text = value.strip()
    if text.startswith("["):
        text = text[1:].split("]", 1)[0]
    elif text.count(":") == 1:
        text = text.split(":", 1)[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


@lru_cache(maxsize=2**16)
def _is_public(text: str) -> bool:
    found = ipaddress.ip_address(text)
    return not any(found.version == inside.version and found in inside for inside in INSIDE)


def fingerprints(headers: Mapping[str, object]) -> dict[str, object]:
    """Return what headers with lower-case names tell of the client."""
    found: dict[str, object] = {"user_agent": text(headers.get("user-agent")) or text(headers.get("user_agent"))}
    found.update(told(headers, _FINGERPRINTS, HEADERS))
    return found


def ids(headers: Mapping[str, object]) -> dict[str, str | None]:
    """Return who called, by the names of `IDS`, from headers or fields with lower-case names."""
    return told(headers, _IDS, IDS)


Names = Mapping[str, tuple[str, ...]]
"""Column → names under which its value is found, the likeliest first."""


def by_name(names: Names) -> dict[str, tuple[str, int]]:
    """Return the same by name: the column, and how many names are likelier."""
    return {name: (column, rank) for column, mine in names.items() for rank, name in enumerate(mine)}


def told(fields: Mapping[str, object], index: Mapping[str, tuple[str, int]], columns: Iterable[str]) -> dict[str, str | None]:
    """Return, for each column, the text under its likeliest name; null where there is none."""
    found: dict[str, str | None] = dict.fromkeys(columns)
    ranks: dict[str, int] = {}
    for name in index.keys() & fields.keys():
        column, rank = index[name]
        if rank < ranks.get(column, rank + 1) and (value := text(fields[name])):
            found[column], ranks[column] = value, rank
    return found


def lowered(fields: object) -> dict[str, object]:
    """Return fields with their names in lower case; of several values of a header the first."""
    if not isinstance(fields, dict):
        return {}
    return {
        name.lower(): value[0] if isinstance(value, list) and value else value
        for name, value in fields.items()
        if isinstance(name, str)
    }


def text(value: object) -> str | None:
    """Return a value that names something, as text; `-` is how access logs write nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) and value.strip() != "-" else None


_IDS, _FINGERPRINTS = by_name(IDS), by_name(HEADERS)
