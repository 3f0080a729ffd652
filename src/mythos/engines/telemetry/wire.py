"""OTLP's protobuf messages, cut down to what a `Span` needs and made at run time.

Field numbers are those of opentelemetry-proto v1; unknown fields are skipped, so any newer sender
can be read. Attributes are declared as raw bytes: each is parsed on its own, and short ones are
remembered, because most spans repeat the same keys and values. No generated code is shipped.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

__all__ = ["DecodeError", "KeyValue", "Message", "Request"]

Message: TypeAlias = Any  # classes made at run time have no static type

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "bool": _Field.TYPE_BOOL,
    "double": _Field.TYPE_DOUBLE,
    "fixed64": _Field.TYPE_FIXED64,
}
_PACKAGE: Final = "mythos.otlp"

# message -> (field, number, type); a `*` repeats the field, a `|` makes it a member of the one-of.
MESSAGES: Final[dict[str, tuple[tuple[str, int, str], ...]]] = {
    "Request": (("resource_spans", 1, "*ResourceSpans"),),
    "ResourceSpans": (("resource", 1, "Resource"), ("scope_spans", 2, "*ScopeSpans")),
    "Resource": (("attributes", 1, "*bytes"),),
    "ScopeSpans": (("scope", 1, "Scope"), ("spans", 2, "*Span")),
    "Scope": (("name", 1, "string"),),
    "Span": (
        ("trace_id", 1, "bytes"),
        ("span_id", 2, "bytes"),
        ("parent_span_id", 4, "bytes"),
        ("name", 5, "string"),
        ("kind", 6, "int32"),
        ("start_time_unix_nano", 7, "fixed64"),
        ("end_time_unix_nano", 8, "fixed64"),
        ("attributes", 9, "*bytes"),
        ("events", 11, "*SpanEvent"),
        ("status", 15, "Status"),
    ),
    "SpanEvent": (
        ("time_unix_nano", 1, "fixed64"),
        ("name", 2, "string"),
        ("attributes", 3, "*bytes"),
    ),
    "Status": (("message", 2, "string"), ("code", 3, "int32")),
    "KeyValue": (("key", 1, "string"), ("value", 2, "AnyValue")),
    "AnyValue": (
        ("string_value", 1, "|string"),
        ("bool_value", 2, "|bool"),
        ("int_value", 3, "|int64"),
        ("double_value", 4, "|double"),
        ("array_value", 5, "|ArrayValue"),
        ("kvlist_value", 6, "|KeyValueList"),
        ("bytes_value", 7, "|bytes"),
    ),
    "ArrayValue": (("values", 1, "*AnyValue"),),
    "KeyValueList": (("values", 1, "*KeyValue"),),
}


def _declare(message: Message, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number)
    field.label = _Field.LABEL_REPEATED if kind.startswith("*") else _Field.LABEL_OPTIONAL
    if kind.startswith("|"):
        field.oneof_index = 0
    bare = kind.lstrip("*|")
    field.type = _SCALARS.get(bare, _Field.TYPE_MESSAGE)
    if bare not in _SCALARS:
        field.type_name = f".{_PACKAGE}.{bare}"


def _build() -> dict[str, Message]:
    file = descriptor_pb2.FileDescriptorProto(
        name="mythos/otlp.proto", package=_PACKAGE, syntax="proto3"
    )
    for title, fields in MESSAGES.items():
        message = file.message_type.add(name=title)
        if any(kind.startswith("|") for _, _, kind in fields):
            message.oneof_decl.add(name="value")
        for name, number, kind in fields:
            _declare(message, name, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        title: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{title}"))
        for title in MESSAGES
    }


_CLASSES: Final = _build()
Request: Final[Message] = _CLASSES["Request"]
KeyValue: Final[Message] = _CLASSES["KeyValue"]
