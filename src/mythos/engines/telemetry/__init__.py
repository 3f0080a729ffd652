"""Telemetry: OTLP bytes to spans, spans to events, events to runs.

Pure: the caller decompresses, stores and knows the time. `otlp` and `archive` read and write,
`dialect` says what a span means by the rows of `table`, `runs` assembles complete traces,
`open_runs` decides when an arriving trace is complete, `catalogue` and `user_events` read a run.
"""

from mythos.engines.telemetry.archive import spans_of_line
from mythos.engines.telemetry.catalogue import choose_catalogue
from mythos.engines.telemetry.dialect import event_of, node_of
from mythos.engines.telemetry.masking import is_masked
from mythos.engines.telemetry.open_runs import Admission, OpenRuns
from mythos.engines.telemetry.otlp import (
    decode_json,
    decode_protobuf,
    encode_json,
    encode_json_response,
    encode_response,
)
from mythos.engines.telemetry.runs import Assembled, assemble, assemble_counted
from mythos.engines.telemetry.user_events import UserEvent, is_affirmative, user_events

__all__ = [
    "Admission",
    "Assembled",
    "OpenRuns",
    "UserEvent",
    "assemble",
    "assemble_counted",
    "choose_catalogue",
    "decode_json",
    "decode_protobuf",
    "encode_json",
    "encode_json_response",
    "encode_response",
    "event_of",
    "is_affirmative",
    "is_masked",
    "node_of",
    "spans_of_line",
    "user_events",
]
