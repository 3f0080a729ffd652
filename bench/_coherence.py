"""Coherence of policy sets in CPU-seconds, and how often the translation disagrees with Cedar.

A check is timed from compiled rules to findings, each witness decided by Cedar. After an edit the
rules' verdicts lie in a folder, as on a disk of `mythos policy coherence`. The oracle's rules and
requests are random and typed; each request is asked whether the rule is satisfied and whether it
errs, of Cedar and of the translation.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import _crowd
import _questions
from rows import Row, cpu_seconds

from mythos.adapters.verdict_folder import VerdictFolder
from mythos.engines.coherence.coherence import Coherence, check_coherence
from mythos.engines.coherence.memory import NO_MEMORY, Memory
from mythos.engines.policy.compile import compile_policies
from mythos.values.policy import PolicySet

sys.path.append(str(Path(__file__).parents[1]))
from tests.engines.coherence.oracle import Count, check_seed

UNIT = "CPU-s"
GOALS = {100: "<= 1", 500: "<= 5"}
EDITED = 500
SEEDS = 900
SHAPES: dict[str, Callable[[int], PolicySet]] = {
    "over 100 tools": _questions.policy_set,
    "about one tool": _crowd.crowd,
}


def rows() -> list[Row]:
    """Raises AssertionError if a check proves or recalls other than it should."""
    made = [_cold(shape, n_rules) for shape in SHAPES for n_rules in GOALS]
    return [*made, *(_after_an_edit(shape) for shape in SHAPES), *oracle()]


def _checked(policy_set: PolicySet, memory: Memory = NO_MEMORY) -> Callable[[], Coherence]:
    engine = compile_policies([policy_set], _questions.catalogue())
    return lambda: check_coherence([engine], memory=memory)


def _cold(shape: str, n_rules: int) -> Row:
    work = _checked(SHAPES[shape](n_rules))
    return Row(f"coherence {n_rules} rules {shape}", cpu_seconds(work), UNIT, goal=GOALS[n_rules])


def _after_an_edit(shape: str) -> Row:
    """Another rule is edited each time; only its tool, and no other, is proved anew."""
    policy_set = SHAPES[shape](EDITED)
    with tempfile.TemporaryDirectory() as folder:
        memory = VerdictFolder(Path(folder), b"secret")
        _checked(policy_set, memory)()
        edits = [_checked(edited(policy_set, f"r{n:04d}"), memory) for n in (0, 1, 2)]
        seen: list[Coherence] = []
        taken_s = cpu_seconds(lambda: seen.append(edits[len(seen)]()), best_of=len(edits))
    assert [each.n_proved for each in seen] == [1, 1, 1]
    goal = "<= 0.5" if shape == "over 100 tools" else None
    return Row(f"one of {EDITED} rules {shape} edited", taken_s, UNIT, goal=goal)


def edited(policy_set: PolicySet, rule: str) -> PolicySet:
    """The set with one more condition in one rule."""
    head, found, rest = policy_set.rules.partition(f'@id("{rule}")')
    condition, end, others = rest.partition("};")
    assert found
    assert end
    told = f"{head}{found}{condition}}} unless {{ context.depth > 9 }};{others}"
    return policy_set.model_copy(update={"rules": told})


def oracle() -> list[Row]:
    count = Count()
    for seed in range(SEEDS):
        check_seed(seed, count)
    unit = f"of {count.checks:,} checks"
    return [
        Row("translation oracle, mismatches", len(count.mismatches), unit, goal="== 0"),
        Row("translation oracle, checks", count.checks, "checks", goal=">= 10_000"),
        Row("translation oracle, rule errs", count.errors, unit),
        Row("translation oracle, witnesses replayed", count.witnesses, unit),
        Row("translation oracle, never-verdicts that held", count.never, unit),
        Row("translation oracle, undecided", count.undecided + count.unsupported, "rules"),
    ]
