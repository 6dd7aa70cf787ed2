"""
What a user can set at the source of a log so that a column that is missing gets filled.

One row for each format, one entry for each column; `*` is what holds for the columns that have no entry.
"""

from __future__ import annotations

OWN_NAMES = "Add a column of this name to the log, or name yours in a mapping (`--map`)."
EDGE = "Let your edge (load balancer, CDN) add it as a header, and strip that header from what clients send."

_LITELLM = {
    "account_id": "Give each key a user when you make it: `user_id` in `POST /key/generate`.",
    "org_id": "Put keys into teams or organisations: `team_id` or `organization_id` in `POST /key/generate`.",
    "end_user_id": "Have callers send `user` in the body, or the header `x-litellm-customer-id`.",
    "session_id": "Have callers send `litellm_session_id` in the body, or the header `x-litellm-session-id`.",
    "client_ip": "Behind a load balancer set `general_settings: use_x_forwarded_for: true`; without an enterprise licence"
    " LiteLLM may not log addresses: then let the edge send `x-` headers and use a mapping.",
    "user_agent": "Let your load balancer pass the caller's `User-Agent` on; LiteLLM logs the one that it sees.",
    "tls_ja4": f"LiteLLM logs headers that start with `x-`, among them `x-ja4`. {EDGE}",
    "header_order": f"LiteLLM logs headers that start with `x-`, among them `x-header-order`. {EDGE}",
    "device_id": f"LiteLLM logs headers that start with `x-`, among them `x-device-id`. {EDGE}",
    "country": f"LiteLLM logs headers that start with `x-`, among them `x-country`. {EDGE}",
    "asn": f"LiteLLM logs headers that start with `x-`, among them `x-asn`. {EDGE}",
    "*": "This logger of LiteLLM does not write it.",
}
_TEXT_IN_LITELLM = "Set `litellm_settings: turn_off_message_logging: false`; log to S3, GCS or the generic callback."
_TEXT = ("system", "prompt", "history", "completion", "reasoning_issued", "reasoning_presented")
_CAPTURE = (
    "Set `OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental` and"
    " `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY` in the application."
)
_BODIES = 'Capture both bodies: `{"request": {…}, "response": {…}, …}`.'
_KONG = "Set `config.logging.log_payloads: true` in the AI plugin; it is off by default."
_VLLM = "vLLM knows no caller: log at the gateway before it, and join on `x-request-id`."
_NETWORK = ("client_ip", "user_agent", "tls_ja4", "header_order", "device_id", "country", "asn")

SUPPLY: dict[str, dict[str, str]] = {
    "parquet": {"*": OWN_NAMES},
    "ndjson": {"*": OWN_NAMES},
    "csv": {"*": OWN_NAMES},
    "map": {"*": "Name the column of your log that holds it under `[columns]` in the mapping."},
    "litellm": {**_LITELLM, **dict.fromkeys(_TEXT, _TEXT_IN_LITELLM), "tools_hash": _TEXT_IN_LITELLM},
    "litellm-spend": {
        **_LITELLM,
        **dict.fromkeys(
            _TEXT,
            "Set `general_settings: store_prompts_in_spend_logs: true`; better, log to S3 or GCS, which do not cut at"
            " 2,048 characters.",
        ),
        **dict.fromkeys(
            ("tls_ja4", "header_order", "device_id", "country", "asn"),
            "The spend-log table does not hold it: log with the S3, GCS or generic callback instead.",
        ),
    },
    "otel": {
        **dict.fromkeys(_TEXT, _CAPTURE),
        "account_id": "Have the gateway set the span attribute `user.id` to the account that pays.",
        "end_user_id": "Set the span attribute `enduser.pseudo.id`.",
        "session_id": "Set the span attribute `gen_ai.conversation.id`.",
        "client_ip": "Set the span attribute `client.address`, at the gateway that sees the caller.",
        "user_agent": "Set the span attribute `user_agent.original`.",
        "tools_hash": f"It comes from `gen_ai.tool.definitions`. {_CAPTURE}",
        "*": "The conventions have no attribute for it: have the gateway add one and read it by a mapping (`--map`).",
    },
    "openai": {
        **dict.fromkeys((*_TEXT, "tools_hash"), _BODIES),
        **dict.fromkeys(
            _NETWORK, "Have the capturing proxy write it beside the bodies under this name, or keep the headers."
        ),
        "account_id": "Have the capturing proxy write `account_id` beside the bodies, or put files into `account_id=…` folders.",
        "started_at": "Have the capturing proxy write `started_at` beside the bodies.",
        "end_user_id": "Have callers send `safety_identifier`.",
        "*": "Have the capturing proxy write it beside the bodies under this name.",
    },
    "bedrock": {
        **dict.fromkeys(
            (*_TEXT, "tools_hash"),
            "Set `textDataDeliveryEnabled: true` with `PutModelInvocationLoggingConfiguration`, and copy the folder `data`"
            " with the log.",
        ),
        "account_id": "Let each customer sign, or have the application send `requestMetadata` with `account_id` (Converse).",
        "org_id": "Have the application that signs send `requestMetadata` with `org_id` (Converse).",
        "api_key_id": "Have the application that signs send `requestMetadata` with `api_key_id` (Converse).",
        "client_ip": "The invocation log has it not: join CloudTrail's `sourceIPAddress` on `requestId`.",
        "user_agent": "The invocation log has it not: join CloudTrail's `userAgent` on `requestId`.",
        "session_id": "Have callers send `requestMetadata` with `session_id` (Converse).",
        "end_user_id": "Have callers send `requestMetadata` with `user_id` (Converse), or `metadata.user_id` in the body.",
        "*": "The invocation log has no field for it.",
    },
    "envoy": {
        **dict.fromkeys(
            (*_TEXT, "tools_hash"),
            "Access logs hold no text: turn on tracing in the AI gateway and collect it with `stillhunt collect --otlp`.",
        ),
        "tls_ja4": "Add `%TLS_JA4_FINGERPRINT%` to the access log's JSON format, where your Envoy has it.",
        "*": "Add the request header that carries it to the access log's JSON format: `%REQ(X-NAME)%`.",
    },
    "kong": {
        **dict.fromkeys((*_TEXT, "tools_hash"), _KONG),
        "account_id": "Turn on an authentication plugin, so that the log names the consumer.",
        "*": "Add it in the log plugin with `custom_fields_by_lua`, as the value of a request header.",
    },
    "databricks": {
        "account_id": "Call the endpoint as one service principal for each customer; `requester` is then the customer.",
        "end_user_id": "Send `user` (or `safety_identifier`) in the request's body.",
        **dict.fromkeys(_NETWORK, "Databricks does not log it; log it at your own gateway before the endpoint."),
        "*": "Neither the inference table nor the bodies in it have it; log it at your own gateway before the endpoint.",
    },
    "langfuse": {
        "account_id": "Set the trace's user: `user_id` in the SDK (`langfuse_user_id` in LangChain metadata).",
        "end_user_id": "Set the trace's user: `user_id` in the SDK.",
        "session_id": "Set the trace's session: `session_id` in the SDK.",
        **dict.fromkeys(_NETWORK, "Put it into the trace's `metadata` at the gateway, and export `metadata`."),
        "*": "Include the fields of inputs, outputs and metadata in the export.",
    },
    "vllm": {
        "prompt": "Start vLLM with `--enable-log-requests` and `VLLM_LOGGING_LEVEL=DEBUG`.",
        "completion": "Start vLLM with `--enable-log-outputs`.",
        "*": _VLLM,
    },
}
SUPPLY["anthropic"] = {**SUPPLY["openai"], "end_user_id": "Have callers send `metadata.user_id`."}
SUPPLY["clickhouse"] = SUPPLY["postgresql"] = SUPPLY["litellm-spend"]

ACCOUNTS = "Give a table with this column: `--accounts FILE`, out of your billing or sign-up system."


def supply(format: str, column: str) -> str:
    """Return what to set so that logs of a format fill a column; `accounts.…` columns come from the accounts table."""
    if column.startswith("accounts."):
        return ACCOUNTS
    name = format.partition(":")[0]
    known = SUPPLY.get(name, {})
    return known.get(column) or known.get("*") or OWN_NAMES
