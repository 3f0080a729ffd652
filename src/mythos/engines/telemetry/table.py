"""What a span means: one table for three instrumentation dialects, first rule that fits wins.

The dialects are OpenTelemetry GenAI and MCP (status Development: names change, so they stand here
and nowhere else), OpenInference, and OpenLLMetry; `mythos.*` keys extend all of them. Law: a span
no rule fits is `Kind.OTHER`, kept and counted, never dropped. The table reads attributes only;
what a span inherits from its trace is `runs`'s affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mythos.values.event import Kind

VERSION: Final = 3  # raised with every change of a row; semantic-conventions-genai of August 2026
ANY: Final = "*"  # a rule value: whatever the attribute holds

Place = Literal["anywhere", "root", "nested"]


@dataclass(frozen=True, slots=True)
class KindRule:
    """If attribute `key` holds one of `values`, the span is that kind.

    `place` asks for a span with no parent (root) or with one (nested); `name` for the span's own
    name; `beside` for another attribute to be present.
    """

    key: str
    values: Mapping[str, Kind]
    place: Place = "anywhere"
    name: str = ""
    beside: str = ""


_OPERATIONS: Final = {
    "invoke_agent": Kind.AGENT_RUN,
    "invoke_workflow": Kind.WORKFLOW_RUN,
    "plan": Kind.STEP,
    "execute_tool": Kind.TOOL_CALL,
    "chat": Kind.MODEL_CALL,
    "generate_content": Kind.MODEL_CALL,
    "text_completion": Kind.MODEL_CALL,
    "retrieval": Kind.RETRIEVAL,
    "embeddings": Kind.RETRIEVAL,
    "create_memory": Kind.MEMORY_OP,
    "update_memory": Kind.MEMORY_OP,
    "upsert_memory": Kind.MEMORY_OP,
    "delete_memory": Kind.MEMORY_OP,
    "search_memory": Kind.MEMORY_OP,
    "create_memory_store": Kind.MEMORY_OP,
    "delete_memory_store": Kind.MEMORY_OP,
    "run_guardrail": Kind.POLICY_DECISION,
}
_OPENINFERENCE: Final = {
    "AGENT": Kind.AGENT_RUN,
    "TOOL": Kind.TOOL_CALL,
    "LLM": Kind.MODEL_CALL,
    "RETRIEVER": Kind.RETRIEVAL,
    "RERANKER": Kind.RETRIEVAL,
    "EMBEDDING": Kind.RETRIEVAL,
    "GUARDRAIL": Kind.POLICY_DECISION,
    "EVALUATOR": Kind.EVALUATION,
}
_TRACELOOP: Final = {
    "agent": Kind.AGENT_RUN,
    "workflow": Kind.WORKFLOW_RUN,
    "task": Kind.STEP,
    "tool": Kind.TOOL_CALL,
}
_REQUEST_TYPES: Final = {
    "chat": Kind.MODEL_CALL,
    "completion": Kind.MODEL_CALL,
    "embedding": Kind.RETRIEVAL,
    "rerank": Kind.RETRIEVAL,
}
_VECTOR_STORES: Final = dict.fromkeys(
    ("chroma", "lancedb", "marqo", "milvus", "pinecone", "qdrant", "weaviate"), Kind.RETRIEVAL
)

CALL_ARGUMENTS: Final = ("gen_ai.tool.call.arguments", "tool_arguments")
CALL_RULES: Final = (
    # A denial tells the arguments of a call that was not made.
    KindRule("mythos.policy.verdict", dict.fromkeys(("deny", "DENY"), Kind.POLICY_DECISION)),
    *(KindRule(key, {ANY: Kind.TOOL_CALL}) for key in CALL_ARGUMENTS),
)
# Spans that enclose calls, or tell again of calls that other spans are.
KEEPS_ARGUMENTS: Final = frozenset(
    {Kind.AGENT_RUN, Kind.WORKFLOW_RUN, Kind.TOOL_CALL, Kind.POLICY_DECISION, Kind.EVALUATION}
)

KIND_RULES: Final = (
    KindRule("gen_ai.operation.name", _OPERATIONS),
    KindRule("mcp.method.name", {"tools/call": Kind.TOOL_CALL}),
    # LangGraph's model node is called `agent`; the instrumentation takes any such name for one.
    KindRule("openinference.span.kind", {"AGENT": Kind.STEP}, place="nested", name="agent"),
    KindRule("openinference.span.kind", _OPENINFERENCE),
    KindRule("openinference.span.kind", {"CHAIN": Kind.WORKFLOW_RUN}, place="root"),
    KindRule("openinference.span.kind", {"CHAIN": Kind.STEP}, beside="graph.node.id"),
    KindRule("traceloop.span.kind", _TRACELOOP),
    KindRule("llm.request.type", _REQUEST_TYPES),
    KindRule("db.system", _VECTOR_STORES),
    *CALL_RULES,
    KindRule("all_messages_events", {ANY: Kind.AGENT_RUN}),
    # Extension keys say more about a known span; alone they make it one.
    KindRule("mythos.policy.verdict", {ANY: Kind.POLICY_DECISION}),
    KindRule("gen_ai.guardrail.verdict", {ANY: Kind.POLICY_DECISION}),
    KindRule("mythos.memory.sha256", {ANY: Kind.MEMORY_OP}),
    KindRule("mythos.step.id", {ANY: Kind.STEP}),
)

AGENT_KEYS: Final = ("mythos.agent", "gen_ai.agent.name", "agent.name", "agent_name")
TOOL_KEYS: Final = ("gen_ai.tool.name", "tool.name", "tool_call.function.name")
ENTITY_KEY: Final = "traceloop.entity.name"  # names an agent, tool or step, whichever the span is
CALL_ID_KEYS: Final = ("gen_ai.tool.call.id", "tool.id", "tool_call.id")
ARGUMENT_KEYS: Final = (
    "gen_ai.tool.call.arguments",
    "tool_arguments",
    "input.value",
    "traceloop.entity.input",
)
OUTPUT_KEYS: Final = (
    "gen_ai.tool.call.result",
    "tool_response",
    "output.value",
    "traceloop.entity.output",
)
# Calls a model asked for, as numbered attributes: tool name, and arguments as JSON text.
REQUESTED_CALLS: Final = (
    "llm.output_messages.{}.message.tool_calls.{}.tool_call.function.name",
    "llm.output_messages.{}.message.tool_calls.{}.tool_call.function.arguments",
)
BARE_INPUT_KEY: Final = "input.value"  # of a tool with one parameter some senders keep the value
SESSION_KEYS: Final = (
    "gen_ai.conversation.id",
    "session.id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.thread_id",
)
WORKFLOW_KEYS: Final = ("mythos.workflow", "gen_ai.workflow.name")
STEP_KEYS: Final = ("mythos.step.id",)
STEP_NAME_KEYS: Final = ("graph.node.name", "graph.node.id", ENTITY_KEY)
MODEL_KEYS: Final = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
TOKENS_IN_KEYS: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
)
TOKENS_OUT_KEYS: Final = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
)
VERDICT_KEYS: Final = ("mythos.policy.verdict", "gen_ai.guardrail.verdict")
ERROR_KEYS: Final = ("error.type",)

# Messages as one JSON list; `input` of a model call, or a whole history on an agent run.
MESSAGE_KEYS: Final = (
    "gen_ai.input.messages",
    "pydantic_ai.all_messages",
    "all_messages_events",
    "events",
)
# Messages spread over numbered attributes: role, text, and the text of part number `{part}`.
FLAT_MESSAGES: Final = (
    (
        "llm.input_messages.{}.message.role",
        "llm.input_messages.{}.message.content",
        "llm.input_messages.{}.message.contents.{}.message_content.text",
    ),
    ("gen_ai.prompt.{}.role", "gen_ai.prompt.{}.content", ""),
)
# Messages as span events (GenAI conventions before 1.37): event name -> role.
NOTE_ROLES: Final = {
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.choice": "assistant",
}
USER_ROLES: Final = frozenset({"user", "human"})
ASSISTANT_ROLES: Final = frozenset({"assistant", "ai", "model"})

NODE_KEYS: Final = (
    "mythos.node",
    "k8s.node.name",
    "host.name",
    "host.id",
    "service.instance.id",
)
# Operation prefixes that conventions put before the name of an agent, tool or step.
NAME_PREFIXES: Final = (
    "invoke_agent ",
    "execute_tool ",
    "execute_task ",
    "invoke_workflow ",
    "tools/call ",
    "running tool: ",
)
