"""OTLP requests in protobuf become the same objects that OTLP in JSON gives, by the classes of `opentelemetry-proto` 1.x."""

from __future__ import annotations

import base64
from importlib.util import find_spec
from typing import Any, Literal

Signal = Literal["traces", "logs"]

Record = dict[str, object]


def available() -> bool:
    """Whether the package `opentelemetry-proto`, from the extra `otlp`, is installed."""
    try:
        return find_spec("opentelemetry.proto") is not None
    except ModuleNotFoundError:
        return False


def record_of(body: bytes, signal: Signal) -> Record | None:
    """Return a request as one `TracesData` or `LogsData`, with the fields that are read of it; None where it is none."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request: Any = ExportTraceServiceRequest() if signal == "traces" else ExportLogsServiceRequest()
    try:
        request.ParseFromString(body)
        if signal == "traces":
            return {"resourceSpans": [_resource_spans(one) for one in request.resource_spans]}
        return {"resourceLogs": [_resource_logs(one) for one in request.resource_logs]}
    except (DecodeError, ValueError, RecursionError):
        return None


def answer(signal: Signal, rejected: int, message: str) -> bytes:
    """Return a response in protobuf: empty where all was taken, else how much was not and why."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    response: Any
    if signal == "traces":
        response = ExportTraceServiceResponse()
        if rejected:
            response.partial_success.rejected_spans = rejected
    else:
        response = ExportLogsServiceResponse()
        if rejected:
            response.partial_success.rejected_log_records = rejected
    if rejected:
        response.partial_success.error_message = message
    encoded: bytes = response.SerializeToString()
    return encoded


def failure(message: str) -> bytes:
    """Return a `google.rpc.Status` with this message and no code, as OTLP wants the body of a failure."""
    text = message.encode()[:16_000]
    length, size = b"", len(text)
    while size > 127:
        length, size = length + bytes((size & 127 | 128,)), size >> 7
    return b"\x12" + length + bytes((size,)) + text


def _resource_spans(one: Any) -> Record:
    scopes = [{"spans": [_span(span) for span in scope.spans]} for scope in one.scope_spans]
    return {"resource": {"attributes": _attributes(one.resource.attributes)}, "scopeSpans": scopes}


def _resource_logs(one: Any) -> Record:
    scopes = [{"logRecords": [_log(record) for record in scope.log_records]} for scope in one.scope_logs]
    return {"resource": {"attributes": _attributes(one.resource.attributes)}, "scopeLogs": scopes}


def _span(span: Any) -> Record:
    events = [
        {"name": event.name, "timeUnixNano": str(event.time_unix_nano), "attributes": _attributes(event.attributes)}
        for event in span.events
    ]
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
        "attributes": _attributes(span.attributes),
        "events": events,
        "status": {"code": span.status.code},
    }


def _log(record: Any) -> Record:
    return {
        "traceId": record.trace_id.hex(),
        "spanId": record.span_id.hex(),
        "timeUnixNano": str(record.time_unix_nano),
        "observedTimeUnixNano": str(record.observed_time_unix_nano),
        "eventName": record.event_name,
        "body": _value(record.body),
        "attributes": _attributes(record.attributes),
    }


def _attributes(pairs: Any) -> list[Record]:
    return [{"key": pair.key, "value": _value(pair.value)} for pair in pairs]


def _value(held: Any) -> Record:
    kind = held.WhichOneof("value")
    if kind == "string_value":
        return {"stringValue": held.string_value}
    if kind == "int_value":
        return {"intValue": held.int_value}
    if kind == "double_value":
        return {"doubleValue": held.double_value}
    if kind == "bool_value":
        return {"boolValue": held.bool_value}
    if kind == "array_value":
        return {"arrayValue": {"values": [_value(one) for one in held.array_value.values]}}
    if kind == "kvlist_value":
        return {"kvlistValue": {"values": _attributes(held.kvlist_value.values)}}
    if kind == "bytes_value":
        return {"bytesValue": base64.b64encode(held.bytes_value).decode()}
    return {}
