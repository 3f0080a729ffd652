"""Badges: a state is an icon, a word and a colour class, never a colour alone.

Only `HEALTHY`, `yes` and their like are green; what is not known is grey or hatched.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Badge:
    """`css` names the colour pair of the stylesheet, `icon` a symbol of the sprite."""

    word: str
    css: str
    icon: str


BADGES: dict[str, Badge] = {
    # states of a node, worst first
    "CRITICAL": Badge("Critical", "crit", "crit"),
    "DEGRADED": Badge("Degraded", "degraded", "degraded"),
    "SILENT": Badge("Silent", "silent", "silent"),
    "BLIND": Badge("Blind", "blind", "blind"),
    "AT_RISK": Badge("At risk", "risk", "risk"),
    "UNKNOWN": Badge("Unknown", "unknown", "unknown"),
    "IDLE": Badge("Idle", "idle", "idle"),
    "HEALTHY": Badge("Healthy", "ok", "ok"),
    # severities of a flag
    "critical": Badge("Critical", "crit", "crit"),
    "warning": Badge("Warning", "risk", "risk"),
    "info": Badge("Info", "unknown", "unknown"),
    # verdicts
    "yes": Badge("Yes", "ok", "ok"),
    "canary": Badge("Canary", "canary", "canary"),
    "no": Badge("No", "no", "no"),
    "forbidden": Badge("Forbidden", "forb", "forb"),
    "deploy": Badge("Deploy", "ok", "ok"),
    "hold": Badge("Hold", "no", "no"),
    "infeasible": Badge("Infeasible", "forb", "forb"),
    # decisions, and what a version changed
    "allow": Badge("Allow", "ok", "ok"),
    "deny": Badge("Deny", "no", "no"),
    "ok": Badge("Holds", "ok", "ok"),
    "equal": Badge("Equal", "unknown", "ok"),
    "loosened": Badge("Loosened", "risk", "risk"),
    "tightened": Badge("Tightened", "canary", "lock"),
    "incomparable": Badge("Loosened and tightened", "risk", "risk"),
    "override": Badge("Override", "unknown", "lock"),
    "undecided": Badge("Undecided", "unknown", "unknown"),
    "idle_mark": Badge("Standing", "idle", "idle"),
    "degraded": Badge("Degraded", "degraded", "degraded"),
    # outcomes of a call
    "upheld": Badge("Upheld", "ok", "ok"),
    "violated": Badge("Violated", "crit", "crit"),
    "blocked": Badge("Blocked", "risk", "lock"),
    "undecidable": Badge("Undecidable", "blind", "blind"),
    # a destination
    "running": Badge("Running as desired", "ok", "ok"),
    "drifted": Badge("Drifted", "risk", "risk"),
    "waiting": Badge("Waiting", "unknown", "wait"),
    "halted": Badge("Halted", "no", "no"),
    "old_proof": Badge("Proof is old", "blind", "blind"),
    "silent": Badge("No proof", "silent", "silent"),
    "not_eligible": Badge("Not eligible", "forb", "forb"),
    "not_assigned": Badge("Not assigned", "unknown", "wait"),
    "not_watched": Badge("Not watched", "unknown", "unknown"),
    "no_environment": Badge("No such environment", "risk", "risk"),
}
