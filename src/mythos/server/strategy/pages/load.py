"""Expected load by host and workflow, from the projection a recommendation carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from mythos.values.recommendation import EnvironmentAdvice

MAX_ROWS = 25


@dataclass(frozen=True, slots=True)
class LoadShown:
    """Runs of one workflow expected on one host; None where the projection says nothing."""

    environment: str
    node: str
    agent: str
    workflow: str
    horizon: str
    runs: float | None
    runs_low: float | None
    runs_high: float | None
    concurrent: float | None
    tokens_per_min: float | None
    busiest: str
    busiest_share: float | None
    p_saturated: float | None
    drift_risk: float | None


def loads_of(environments: Sequence[EnvironmentAdvice]) -> tuple[LoadShown, ...]:
    """Every projected cell, busiest first, at most forty."""
    found = [load for each in environments for load in _loads(each)]
    found.sort(key=lambda load: (-(load.runs or 0.0), load.environment, load.node, load.workflow))
    return tuple(found[:MAX_ROWS])


def _loads(advice: EnvironmentAdvice) -> Iterator[LoadShown]:
    projection = advice.ritual_density_projection
    cells = projection.get("cells")
    for cell in cells if isinstance(cells, list) else []:
        if isinstance(cell, dict):
            yield _load(cell, advice.target_environment, str(projection.get("horizon", "")))


def _load(cell: Mapping[str, JsonValue], environment: str, horizon: str) -> LoadShown:
    runs, tokens = _part(cell, "runs"), _part(cell, "tokens_per_min")
    shares = {name: _number(value) for name, value in _part(cell, "utilisation").items()}
    known = {name: share for name, share in shares.items() if share is not None}
    busiest = max(known, key=lambda name: known[name], default="")
    return LoadShown(
        environment=environment,
        node=str(cell.get("node", "")),
        agent=str(cell.get("agent", "")),
        workflow=str(cell.get("ritual", "")),
        horizon=_hours(horizon),
        runs=_number(runs.get("mean")),
        runs_low=_number(runs.get("p05")),
        runs_high=_number(runs.get("p95")),
        concurrent=_number(_part(cell, "concurrent").get("mean")),
        tokens_per_min=_number(tokens.get("mean")),
        busiest=busiest,
        busiest_share=known.get(busiest),
        p_saturated=_number(cell.get("p_saturated")),
        drift_risk=_number(cell.get("drift_risk")),
    )


def _part(cell: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    found = cell.get(name)
    return found if isinstance(found, dict) else {}


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _hours(horizon: str) -> str:
    """`PT86400S` as `24 h`; anything else as it stands."""
    seconds = horizon.removeprefix("PT").removesuffix("S")
    return f"{int(seconds) / 3600:g} h" if seconds.isdigit() else horizon
