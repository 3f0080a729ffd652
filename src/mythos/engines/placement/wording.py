"""The sentences of placement, each rendered from the facts of its reason and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_HERE = (
    " {placed:n} of {wanted:replicas} are placed here; the expected compliant share is "
    "{score:share} ({lower:share} at the low end)."
)
_EACH = "{cpu_m:n} mCPU, {memory_mb:n} MB and {tokens_per_min:n} tokens a minute"

TEMPLATES: Mapping[str, str] = MappingProxyType(
    {
        "ENVIRONMENT_YES": "{environment} may run every wanted agent:" + _HERE,
        "ENVIRONMENT_CANARY": "{environment} may run some of the wanted agents, or some only as "
        "canaries:" + _HERE,
        "ENVIRONMENT_NO": "{environment} may run none of the wanted agents for now:" + _HERE,
        "ENVIRONMENT_FORBIDDEN": "{environment} is closed to this bundle:" + _HERE,
        "PLACED": "Place {replicas:replicas} of {agent} in {environment} ({nodes:list}).",
        "PLACED_CANARY": "Place {replicas:replicas} of {agent} in {environment} as a canary "
        "({nodes:list}).",
        "NO_ROOM": "{environment} has no room for all of {agent}: a replica takes "
        + _EACH
        + ", and {unplaced:replicas} of {wanted:n} stay unplaced.",
        "ELSEWHERE": "All {wanted:replicas} of {agent} are placed in {others:list}, so none is "
        "left for {environment}.",
        "CANARY_BUDGET": "At most {budget:replicas} of {agent} may be a canary at a time, and "
        "{environment} got none.",
        "NO_NODES": "{environment} has no node yet, so nothing can be placed there.",
        "ZERO_CAPACITY": "In {environment} {nodes:list} offers no capacity to any wanted agent.",
        "AIR_GAPPED": "{environment} has no network path and reports by file every "
        "{report_every_s:n} s, so its evidence may be that old.",
        "PLAN_EMPTY": "The whole plan: hold, because the fleet has no node.",
        "PLAN_FORBIDDEN": "The whole plan: infeasible, because labels or contradicting policy "
        "sets keep {agents:list} out of every environment.",
        "PLAN_DEPLOY": "The whole plan: deploy, because every wanted replica of {agents:list} "
        "has a certified place.",
        "PLAN_DOUBTED": "The whole plan: hold, because on today's evidence {agents:list} may run "
        "nowhere.",
        "PLAN_NO_ROOM": "The whole plan: infeasible, because {agents:list} may run but the nodes "
        "have no room for every wanted replica.",
        "PLAN_CANARY": "The whole plan: canary, because {agents:list} is not certified for every "
        "wanted replica yet.",
        "CLEAN_RUNS": "{needed:clean} of {agent} on {environment} would make it yes.",
        "LOWER_TAU": "tau {to:tau} instead of {tau:tau} would admit {agent} on {environment}.",
        "LABEL": "With {labels:list}, {environment} could be considered for {agent}.",
        "MORE_ROOM": "Room for {unplaced:replicas} more of {agent} on {environment} ("
        + _EACH
        + " each) would place all that is wanted.",
        "CHANGE_POLICY": "For {agent}: {change}.",
    }
)
