"""What one span means, in each dialect."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given

from mythos.engines.telemetry import event_of, is_masked, node_of
from mythos.values.event import Json, Kind, Repeated, Span, SpanEvent
from tests.engines.telemetry.making import TRACE, call, chat, said, sid, span, spans


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"gen_ai.operation.name": "invoke_agent"}, Kind.AGENT_RUN),
        ({"gen_ai.operation.name": "invoke_workflow"}, Kind.WORKFLOW_RUN),
        ({"gen_ai.operation.name": "execute_tool"}, Kind.TOOL_CALL),
        ({"gen_ai.operation.name": "generate_content"}, Kind.MODEL_CALL),
        ({"gen_ai.operation.name": "embeddings"}, Kind.RETRIEVAL),
        ({"gen_ai.operation.name": "upsert_memory"}, Kind.MEMORY_OP),
        ({"gen_ai.operation.name": "create_agent"}, Kind.OTHER),
        ({"mcp.method.name": "tools/call"}, Kind.TOOL_CALL),
        ({"mcp.method.name": "tools/list"}, Kind.OTHER),
        ({"openinference.span.kind": "LLM"}, Kind.MODEL_CALL),
        ({"openinference.span.kind": "CHAIN"}, Kind.WORKFLOW_RUN),
        ({"openinference.span.kind": "GUARDRAIL"}, Kind.POLICY_DECISION),
        ({"traceloop.span.kind": "task", "gen_ai.operation.name": "execute_task"}, Kind.STEP),
        ({"traceloop.span.kind": "tool"}, Kind.TOOL_CALL),
        ({"llm.request.type": "chat"}, Kind.MODEL_CALL),
        ({"gen_ai.tool.call.arguments": "{}"}, Kind.TOOL_CALL),
        ({"mythos.policy.verdict": "deny"}, Kind.POLICY_DECISION),
        (
            {"mythos.policy.verdict": "deny", "gen_ai.tool.call.arguments": "{}"},
            Kind.POLICY_DECISION,
        ),
        ({"mythos.policy.verdict": "allow", "gen_ai.tool.call.arguments": "{}"}, Kind.TOOL_CALL),
        (
            {"gen_ai.operation.name": "execute_tool", "mythos.policy.verdict": "deny"},
            Kind.TOOL_CALL,
        ),
        ({"gen_ai.operation.name": "chat", "mythos.policy.verdict": "deny"}, Kind.MODEL_CALL),
        ({"mythos.memory.sha256": "00"}, Kind.MEMORY_OP),
        ({"mythos.step.id": "check"}, Kind.STEP),
        ({"http.request.method": "GET"}, Kind.OTHER),
        ({}, Kind.OTHER),
    ],
)
def test_the_first_rule_that_fits_gives_the_kind(attributes: dict[str, Json], kind: Kind) -> None:
    assert event_of(Span(TRACE, sid(1), "", "x", 0, 0, attributes)).kind is kind


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        ({"gen_ai.operation.name": "chat"}, Kind.TOOL_CALL),
        ({"gen_ai.operation.name": "retrieval"}, Kind.TOOL_CALL),
        ({"gen_ai.operation.name": "plan"}, Kind.TOOL_CALL),
        ({"gen_ai.operation.name": "upsert_memory"}, Kind.TOOL_CALL),
        ({"openinference.span.kind": "LLM"}, Kind.TOOL_CALL),
        ({"traceloop.span.kind": "task"}, Kind.TOOL_CALL),
        ({"llm.request.type": "chat"}, Kind.TOOL_CALL),
        ({"db.system": "qdrant"}, Kind.TOOL_CALL),
        ({"mythos.step.id": "pay"}, Kind.TOOL_CALL),
        ({"gen_ai.operation.name": "chat", "mythos.policy.verdict": "deny"}, Kind.POLICY_DECISION),
        ({"gen_ai.operation.name": "invoke_agent"}, Kind.AGENT_RUN),
        ({"gen_ai.operation.name": "invoke_workflow"}, Kind.WORKFLOW_RUN),
        ({"gen_ai.operation.name": "run_guardrail"}, Kind.POLICY_DECISION),
        ({"openinference.span.kind": "EVALUATOR"}, Kind.EVALUATION),
    ],
)
def test_a_span_with_the_arguments_of_a_call_is_a_call_whatever_it_calls_itself(
    says: dict[str, Json], kind: Kind
) -> None:
    told = {**says, "gen_ai.tool.name": "refund", "gen_ai.tool.call.arguments": '{"cents": 5}'}

    event = event_of(Span(TRACE, sid(1), "", "x", 0, 0, told))

    assert event.kind is kind
    assert (event.tool, event.arguments) == (
        "refund",
        {"cents": 5} if kind is Kind.TOOL_CALL else None,
    )


def test_a_step_id_or_a_verdict_hides_no_tool_call() -> None:
    event = event_of(call(1, mythos__step__id="pay", mythos__policy__verdict="deny"))
    assert (event.kind, event.name, event.tool) == (Kind.TOOL_CALL, "pay", "refund")
    assert event.verdict == "deny"


def test_a_chain_below_another_span_is_a_step_only_with_a_graph_node() -> None:
    inner = span(2, 1, openinference__span__kind="CHAIN")
    node = span(2, 1, openinference__span__kind="CHAIN", graph__node__id="plan")
    assert event_of(inner).kind is Kind.OTHER
    assert (event_of(node).kind, event_of(node).name) == (Kind.STEP, "plan")


@pytest.mark.parametrize(
    ("attributes", "arguments"),
    [
        ({"gen_ai.tool.call.arguments": '{"to": "a", "n": 2}'}, {"to": "a", "n": 2}),
        ({"gen_ai.tool.call.arguments": {"to": "a"}}, {"to": "a"}),
        ({"gen_ai.tool.call.arguments": "{}"}, {}),
        ({"input.value": '{"to": "a"}'}, {"to": "a"}),
        ({}, None),
        ({"gen_ai.tool.call.arguments": ""}, None),
        ({"gen_ai.tool.call.arguments": "<redacted>"}, None),
        ({"gen_ai.tool.call.arguments": "***"}, None),
        ({"gen_ai.tool.call.arguments": '"[REDACTED]"'}, None),
        ({"gen_ai.tool.call.arguments": '{"to": "[REDACTED]"}'}, None),
        ({"gen_ai.tool.call.arguments": '{"to": "a", "body": "a long te'}, None),
        ({"gen_ai.tool.call.arguments": "[1]"}, None),
        ({"input.value": "17"}, None),
    ],
)
def test_arguments_are_an_object_or_unknown(
    attributes: dict[str, Json], arguments: dict[str, Json] | None
) -> None:
    known = {"gen_ai.operation.name": "execute_tool"}
    event = event_of(Span(TRACE, sid(1), "", "t", 0, 0, known | attributes))
    assert event.arguments == arguments


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"to": "a", "to": "b"}', {"to": ["a", "b"]}),
        ('{"to": ["a"], "n": 1, "\\u0074o": ["b"]}', {"to": [["a"], ["b"]], "n": 1}),
        ('{"x": "\\u0022:", "to": "a", "to": "b"}', {"x": '":', "to": ["a", "b"]}),
        ('{"at": {"to": "a", "to": "a"}}', {"at": {"to": ["a", "a"]}}),
    ],
)
def test_of_an_argument_that_is_given_twice_every_value_is_kept(written: str, meant: Json) -> None:
    arguments = event_of(call(1, gen_ai__tool__call__arguments=written)).arguments
    assert arguments == meant
    held = arguments["at"] if arguments and "at" in arguments else arguments
    assert isinstance(held, dict)
    assert isinstance(held["to"], Repeated)


def test_an_output_that_gives_a_key_twice_stays_text() -> None:
    written = '{"status": "paid", "status": "open"}'
    assert event_of(call(1, gen_ai__tool__call__result=written)).output == written


def test_a_mask_inside_one_argument_leaves_the_others_known() -> None:
    event = event_of(call(1, gen_ai__tool__call__arguments='{"to": "a", "pin": "[REDACTED]"}'))
    assert event.arguments == {"to": "a", "pin": "[REDACTED]"}


@pytest.mark.parametrize(
    ("written", "meant", "captured"),
    [
        ('{"ok": true}', {"ok": True}, True),
        ("true", True, True),
        ("17", 17, True),
        ("done", "done", True),
        ("", "", True),
        ("{'ok': True}", "{'ok': True}", True),
        ("12345678901234567890123", "12345678901234567890123", True),
        ("1.50", "1.50", True),
        (["a"], ["a"], True),
        ("[REDACTED]", None, False),
        (None, None, False),
    ],
)
def test_output_is_json_or_text_or_not_captured(written: Json, meant: Json, captured: bool) -> None:
    event = event_of(call(1, gen_ai__tool__call__result=written))
    assert (event.output, event.output_captured) == (meant, captured)


def test_langchain_wrappers_are_taken_off_a_traceloop_tool() -> None:
    sent = {"input_str": "{'id': '17'}", "kwargs": {"tool_call_id": "c1"}}
    message = {"lc": 1, "kwargs": {"type": "tool", "content": '{"a": 1}', "tool_call_id": "c1"}}
    event = event_of(
        span(
            1,
            traceloop__span__kind="tool",
            traceloop__entity__name="lookup",
            traceloop__entity__input=orjson.dumps(sent).decode(),
            traceloop__entity__output=orjson.dumps({"output": message}).decode(),
        )
    )
    assert (event.tool, event.call_id) == ("lookup", "c1")
    assert (event.arguments, event.output) == ({"id": "17"}, {"a": 1})


def test_a_python_repr_that_is_no_plain_value_is_unknown() -> None:
    sent = orjson.dumps({"input_str": "__import__('os').getcwd()"}).decode()
    event = event_of(span(1, traceloop__span__kind="tool", traceloop__entity__input=sent))
    assert event.arguments is None


def test_user_texts_are_the_text_parts_of_user_messages() -> None:
    parts = [
        {"role": "system", "parts": [{"type": "text", "content": "be kind"}]},
        {"role": "user", "parts": [{"type": "text", "content": "a"}, {"type": "uri", "uri": "x"}]},
        {"role": "user", "parts": [{"type": "tool_call_response", "id": "1", "result": "no"}]},
        {"role": "user", "content": "b"},
        {"role": "user", "content": [{"type": "text", "text": "c"}, "d"]},
        {"role": "user", "parts": [{"type": "text"}]},
        {"role": "user", "content": "<redacted>"},
        {"role": 7},
        "no message",
    ]
    event = event_of(chat(1, messages=orjson.dumps(parts).decode()))
    assert event.user_texts == ("a", "b", "c", "d", "", "")


def test_an_agent_span_tells_only_what_came_before_the_first_answer() -> None:
    whole = said("u:cancel 17", "a:sure?", "u:yes")
    attributes = {"gen_ai.operation.name": "invoke_agent", "pydantic_ai.all_messages": whole}
    event = event_of(Span(TRACE, sid(1), "", "invoke_agent clerk", 0, 0, attributes))
    assert event.user_texts == ("cancel 17",)
    assert event.agent == event.name == "clerk"


def test_flat_messages_and_message_events_are_read_too() -> None:
    flat = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "a",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.contents.0.message_content.text": "b",
        "llm.input_messages.1.message.contents.1.message_content.text": "c",
    }
    assert event_of(Span(TRACE, sid(1), "", "m", 0, 0, flat)).user_texts == ("a", "b", "c")
    notes = (
        SpanEvent("gen_ai.user.message", 0, {"content": "d"}),
        SpanEvent("gen_ai.choice", 0, {"content": "e"}),
    )
    legacy = Span(TRACE, sid(1), "", "m", 0, 0, {"llm.request.type": "chat"}, notes=notes)
    assert event_of(legacy).user_texts == ("d",)


def test_model_tokens_session_and_failure_are_read() -> None:
    event = event_of(
        chat(
            1,
            gen_ai__request__model="m",
            gen_ai__response__model="m-2",
            gen_ai__usage__input_tokens=5,
            gen_ai__usage__completion_tokens=2,
            session__id="s",
            gen_ai__workflow__name="refunds",
            error__type="Timeout",
        )
    )
    assert (event.model, event.tokens_in, event.tokens_out) == ("m-2", 5, 2)
    assert (event.session, event.workflow, event.failed) == ("s", "refunds", True)


@pytest.mark.parametrize(
    ("resource", "node"),
    [
        ({"mythos.node": "n1", "host.name": "h1"}, "n1"),
        ({"k8s.node.name": "k1", "host.name": "h1"}, "k1"),
        ({"host.id": "i1", "service.instance.id": "s1"}, "i1"),
        ({"service.instance.id": "s1"}, "s1"),
        ({}, ""),
    ],
)
def test_the_node_is_the_first_name_the_resource_gives(
    resource: dict[str, Json], node: str
) -> None:
    one = span(1, resource=resource)
    assert node_of(one) == node_of(event_of(one)) == node


@pytest.mark.parametrize(
    "text",
    ["<redacted>", "***", "[REDACTED]", "__REDACTED__", "redacted", "[Scrubbed due to 'secret']"],
)
def test_common_masks_are_known(text: str) -> None:
    assert is_masked(text)


@pytest.mark.parametrize("text", ["", "**", "please send [REDACTED] to me", "filtered", "hidden"])
def test_ordinary_text_is_no_mask(text: str) -> None:
    assert not is_masked(text)


@given(spans())
def test_every_span_is_some_event(one: Span) -> None:
    event = event_of(one)
    assert (event.span_id, event.start_ns, event.attributes) == (
        one.span_id,
        one.start_ns,
        one.attributes,
    )
