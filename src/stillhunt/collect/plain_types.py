"""Types of bodies of model calls that are plain: what msgspec reads of requests and answers, and refuses in them."""

from __future__ import annotations

from typing import Any

import msgspec

NOTHING = msgspec.Raw()
"""JSON that is not there."""


class Turn(msgspec.Struct, omit_defaults=True, gc=False):
    """A turn of a talk; bare text has only the first two."""

    role: str
    content: str | list[Any] | None
    tool_calls: Any = None
    function_call: Any = None
    parts: Any = None
    output: Any = None
    thinking_blocks: Any = None
    reasoning_items: Any = None
    provider_specific_fields: Any = None
    type: None = None


class Caller(msgspec.Struct, gc=False):
    """Metadata of a request."""

    user_id: Any = None


class Budget(msgspec.Struct, gc=False):
    """How long a model may think."""

    budget_tokens: Any = None


class Asked(msgspec.Struct, gc=False):
    """A request with turns."""

    messages: list[Turn]
    model: Any = None
    system: str | list[Any] | None = None
    instructions: str | list[Any] | None = None
    tools: msgspec.Raw = NOTHING
    functions: msgspec.Raw = NOTHING
    thinking: Budget | None = None
    metadata: Caller | None = None
    conversation: str | None = None
    safety_identifier: Any = None
    user: Any = None
    user_profile_id: Any = None
    workspace_id: Any = None
    temperature: Any = None
    top_p: Any = None
    n: Any = None
    seed: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None
    max_tokens: Any = None
    input: None = None


class Message(msgspec.Struct, omit_defaults=True, gc=False):
    """What a model said in a choice; bare text has only the first two."""

    content: str | list[Any] | None = None
    thinking_blocks: Any = None
    text: Any = None
    refusal: Any = None
    stop_details: Any = None
    tool_calls: Any = None
    function_call: Any = None
    parts: Any = None
    output: Any = None
    reasoning_items: Any = None
    provider_specific_fields: Any = None
    type: None = None


class Bare(msgspec.Struct, omit_defaults=True, gc=False):
    """What a model said, without an answer around it: a message of text, and nothing of what else an answer has."""

    role: str
    content: str
    thinking_blocks: Any = None
    refusal: Any = None
    stop_details: Any = None
    provider_specific_fields: Any = None
    choices: None = None
    candidates: None = None
    error: None = None
    function_call: None = None
    incomplete_details: None = None
    model: None = None
    object: None = None
    output: None = None
    parts: None = None
    reasoning_items: None = None
    status: None = None
    stop_reason: None = None
    text: None = None
    tool_calls: None = None
    type: None = None
    usage: None = None


class Choice(msgspec.Struct, omit_defaults=True, gc=False):
    """One of the answers to a request."""

    message: Message
    finish_reason: Any = None
    finishReason: Any = None
    refusal: Any = None
    stop_details: Any = None

    @property
    def is_bare(self) -> bool:
        """Whether it has nothing but a message and why it ended."""
        return self.refusal is None and self.stop_details is None and self.finishReason is None


class Took(msgspec.Struct, omit_defaults=True, gc=False):
    """Details of tokens in."""

    cached_tokens: Any = None


class Gave(msgspec.Struct, omit_defaults=True, gc=False):
    """Details of tokens out."""

    reasoning_tokens: Any = None
    thinking_tokens: Any = None


class Usage(msgspec.Struct, omit_defaults=True, gc=False):
    """Token counts of an answer."""

    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: Took | None = None
    completion_tokens_details: Gave | None = None
    input_tokens: Any = None
    output_tokens: Any = None
    input_tokens_details: Took | None = None
    output_tokens_details: Gave | None = None
    cache_read_input_tokens: Any = None
    cache_creation_input_tokens: Any = None


class Answered(msgspec.Struct, omit_defaults=True, gc=False):
    """An answer, or an error in its place."""

    choices: list[Choice] | None = None
    content: str | list[Any] | None = None
    usage: Usage | None = None
    id: Any = None
    model: Any = None
    type: Any = None
    object: Any = None
    created: Any = None
    created_at: Any = None
    completed_at: Any = None
    stop_reason: Any = None
    stop_details: Any = None
    status: Any = None
    error: Any = None
    refusal: Any = None
    incomplete_details: Any = None
    candidates: Any = None
    output: Any = None
    text: Any = None
    parts: Any = None
    tool_calls: Any = None
    function_call: Any = None
    thinking_blocks: Any = None
    reasoning_items: Any = None
    provider_specific_fields: Any = None

    @property
    def is_one(self) -> bool:
        """Whether it is a model's answer or an error: else it may be a message of HTTP around one."""
        known = self.choices is not None or isinstance(self.error, dict | str) or self.object == "response"
        return known or (self.type == "message" and isinstance(self.content, list))
