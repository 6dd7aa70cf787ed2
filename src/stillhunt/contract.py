"""
The log contract as Arrow schemas: the columns a run reads, their types, nothing else.

Only `exchange_id`, `account_id` and `started_at` must be there. Every other column may be missing
or null; what needs it is then unavailable, and the report says so.
"""

from __future__ import annotations

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")

REQUIRED = ("exchange_id", "account_id", "started_at")

EXCHANGES = pa.schema(
    [
        ("exchange_id", pa.string()),
        ("account_id", pa.string()),
        ("started_at", TIMESTAMP),
        ("ended_at", TIMESTAMP),
        ("org_id", pa.string()),
        ("api_key_id", pa.string()),
        ("session_id", pa.string()),
        ("end_user_id", pa.string()),
        ("model", pa.string()),
        ("system", pa.string()),
        ("prompt", pa.string()),
        ("history", pa.string()),
        ("completion", pa.string()),
        ("reasoning_issued", pa.list_(pa.string())),
        ("reasoning_presented", pa.list_(pa.string())),
        ("tools_hash", pa.string()),
        ("temperature", pa.float64()),
        ("top_p", pa.float64()),
        ("n", pa.int64()),
        ("seed", pa.int64()),
        ("max_tokens", pa.int64()),
        ("reasoning_budget", pa.int64()),
        ("tokens_in", pa.int64()),
        ("tokens_out", pa.int64()),
        ("tokens_reasoning", pa.int64()),
        ("tokens_cached", pa.int64()),
        ("finish_reason", pa.string()),
        ("status", pa.string()),
        ("refusal_category", pa.string()),
        ("client_ip", pa.string()),
        ("asn", pa.int64()),
        ("country", pa.string()),
        ("tls_ja4", pa.string()),
        ("user_agent", pa.string()),
        ("header_order", pa.string()),
        ("device_id", pa.string()),
    ]
)

ACCOUNTS = pa.schema(
    [
        ("account_id", pa.string()),
        ("created_at", TIMESTAMP),
        ("org_id", pa.string()),
        ("plan", pa.string()),
        ("programme", pa.string()),
        ("signup_channel", pa.string()),
        ("referral_code", pa.string()),
        ("email_hash", pa.string()),
        ("email_domain", pa.string()),
        ("phone_hash", pa.string()),
        ("payment_fingerprint", pa.string()),
        ("card_bin", pa.string()),
        ("card_funding", pa.string()),
        ("billing_country", pa.string()),
        ("signup_ip", pa.string()),
        ("signup_device_id", pa.string()),
        ("licence", pa.string()),
    ]
)

EVENTS = pa.schema([("at", TIMESTAMP), ("kind", pa.string()), ("subject", pa.string())])

CONTROLS = pa.schema([("set", pa.string()), ("account_id", pa.string()), ("org_id", pa.string())])
"""Sets of accounts that the operator has verified to be honest: a label, and an account or a whole organisation, a row."""

TEXT = ("system", "prompt", "history", "completion")
"""Columns that hold text; nothing after `digest` may see them."""
