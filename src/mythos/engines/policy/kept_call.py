"""A call that was shown, as an entry of `expect` that holds: to be kept as a test.

Law: the entry loads in the policy set's document, beside entries of other names, and passes.
"""

from __future__ import annotations

from collections.abc import Iterable

from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.expectation import attempt, catalogue_of, expected_of, is_told
from mythos.engines.policy.identity import digest as digest_of
from mythos.engines.policy.request import Request
from mythos.engines.policy.request_check import request_problems
from mythos.values.digest import canonical_bytes
from mythos.values.digest import digest_of as named
from mythos.values.policy import Expectation, PolicySet


def kept_call(
    request: Request, policy_set: PolicySet, engines: Iterable[PolicyEngine]
) -> Expectation | None:
    """The entry that says what the set alone decides of a request of which everything is known.

    Facts that only the monitor knows are left out: no request that names one is tried.

    Args:
        request: such as a proof's counterexample.
        policy_set: one of those that the request was shown for.
        engines: each holds the set, one for each catalogue.

    Returns:
        None where no entry can say it: nothing the set covers declares the tool, or the
        arguments do not fit its declaration.
    """
    digest = digest_of(policy_set)
    all_told = expected_of(request, digest=digest)
    past = {name: value for name, value in all_told.past.items() if is_told(policy_set.facts[name])}
    expected = all_told.model_copy(update={"past": past})
    by_domain = {engine.catalogue.domain: engine for engine in engines}
    catalogue = catalogue_of(expected, policy_set, (e.catalogue for e in by_domain.values()))
    if catalogue is None or [*request_problems(expected, policy_set, catalogue)]:
        return None
    engine = by_domain[catalogue.domain]
    answer = attempt(expected, "allow", policy_set, digest=digest, engine=engine).answer
    if answer is None or answer.word == "undecidable":
        return None
    body = expected.model_dump(mode="json", exclude_defaults=True)
    short = named(canonical_bytes(body)).removeprefix("sha256:")[:8]
    name = f"{answer.word} {expected.tool[:150]} {short}"
    return Expectation(name=name, request=expected, decision=answer.word)
