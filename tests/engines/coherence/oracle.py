"""The oracle: one random rule, what the translation says of it, and what Cedar says."""

from __future__ import annotations

from dataclasses import dataclass, field

from mythos.engines.coherence.environment import RequestEnvironment
from mythos.engines.coherence.solver import UndecidedError
from mythos.engines.coherence.terms import Evaluation
from mythos.engines.coherence.witness import witness
from mythos.engines.policy.request import Request
from tests.engines.coherence.cedar import assignment, verdict
from tests.engines.coherence.random_rules import RequestMaker, RuleMaker, compiled, environment_of

REQUESTS = 10


@dataclass
class Count:
    """What was checked. Of `checks`, `errors` were of rules that err."""

    checks: int = 0
    errors: int = 0
    witnesses: int = 0
    never: int = 0
    unsupported: int = 0
    undecided: int = 0
    mismatches: list[str] = field(default_factory=list)


def check_seed(seed: int, count: Count) -> None:
    """Compare one rule on random requests, and on those that z3 and that the solver find for it."""
    owner = compiled(RuleMaker(seed).rule())
    environment = environment_of(owner)
    (judged,) = environment.rules
    if judged.unsupported:
        count.unsupported += 1
        return
    maker = RequestMaker(seed)
    met = set()
    for _ in range(REQUESTS):
        request = maker.request(owner)
        seen = verdict(judged.rule, request, environment)
        values = Evaluation(assignment(request, owner, environment))
        told = values.holds(judged.satisfied), values.holds(judged.errs)
        count.checks += 1
        count.errors += seen[1]
        met.add(seen)
        if told != seen or not all(values.holds(term) for term in environment.domain):
            count.mismatches.append(f"{seed}: {told} for {seen}: {judged.rule.text} {request}")
    bank, solver = environment.bank, environment.solver()
    neither = bank.and_(bank.not_(judged.satisfied), bank.not_(judged.errs))
    for wanted, term in (
        ((True, False), judged.satisfied),
        ((False, True), judged.errs),
        ((False, False), neither),
    ):
        try:
            models = solver.searched(term), solver.model(term)
        except UndecidedError as error:
            count.undecided += 1
            if "internal" in str(error):
                count.mismatches.append(f"{seed}: {error}: {judged.rule.text}")
            continue
        if models == (None, None):
            count.never += 1
            if wanted in met:
                count.mismatches.append(f"{seed}: never {wanted}, but seen: {judged.rule.text}")
            continue
        for model in models:
            found = None if model is None else witness(environment, model, [term])
            _check_found(f"{seed}: {judged.rule.text}", found, wanted, environment, count)


def _check_found(
    what: str,
    request: Request | None,
    wanted: tuple[bool, bool],
    environment: RequestEnvironment,
    count: Count,
) -> None:
    if request is None:
        count.mismatches.append(f"{what}: both {wanted} and never")
        return
    (judged,) = environment.rules
    seen = verdict(judged.rule, request, environment)
    count.checks += 1
    count.witnesses += 1
    count.errors += seen[1]
    if seen != wanted:
        count.mismatches.append(f"{what}: {seen} for {wanted}: {request}")
