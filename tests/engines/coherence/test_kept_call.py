"""Calls that were shown can be kept: as entries of `expect` they load and hold."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mythos.engines.coherence.coherence import check_coherence
from mythos.engines.coherence.difference import compare
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.document import read_policy_document
from mythos.engines.policy.expectation import attempt
from mythos.engines.policy.identity import digest
from mythos.engines.policy.kept_call import kept_call
from mythos.engines.policy.request import Request
from mythos.engines.policy.written import written
from mythos.errors import DocumentError
from mythos.values.policy import Expectation, PolicySet
from tests.engines.coherence.random_rules import CATALOGUE, FACTS, RequestMaker, RuleMaker, compiled

pytest.importorskip("z3")
SEEDS = st.integers(0, 2**32)


def random_set(seed: int, n_rules: int = 3, version: int = 1) -> PolicySet | None:
    """Random rules as a policy set; None where Cedar's validator refuses them."""
    maker = RuleMaker(seed)
    rules = "\n".join(maker.rule(f"r{number}") for number in range(n_rules))
    head = {"policy_set": "random", "version": version, "facts": FACTS, "rules": f"{rules}\n"}
    policy_set = PolicySet.model_validate(head)
    try:
        read_policy_document(written(policy_set), source="p.yaml", catalogues=[CATALOGUE])
    except DocumentError:
        return None
    return policy_set


def pasted(entry: Expectation, policy_set: PolicySet) -> PolicySet:
    """The set with the entry, as it is read where the entry's JSON was pasted into its document."""
    text = json.dumps(entry.model_dump(mode="json", exclude_defaults=True))
    whole = f"{written(policy_set)}expect:\n  - {text}\n"
    document = read_policy_document(whole, source="p.yaml", catalogues=[CATALOGUE])
    again = read_policy_document(
        json.dumps(document.policy_set.model_dump(mode="json", exclude_defaults=True)),
        source="p.json",
        catalogues=[CATALOGUE],
    )
    assert digest(again.policy_set) == digest(document.policy_set)
    return document.policy_set


def keep(request: Request, policy_set: PolicySet, engine: PolicyEngine) -> str:
    """Keep a request as a test, see that it holds, and say with what decision."""
    entry = kept_call(request, policy_set, [engine])
    assert entry is not None, request
    made = pasted(entry, policy_set)
    assert made.expect == (entry,)
    assert entry.request is not None
    assert entry.decision is not None
    done = attempt(
        entry.request,
        entry.decision,
        made,
        digest=digest(made),
        engine=compile_policies([made], CATALOGUE),
    )
    assert done.status == "passed", done
    return entry.decision


@settings(max_examples=60)
@given(SEEDS)
def test_any_request_of_which_all_is_known_can_be_kept(seed: int) -> None:
    policy_set = random_set(seed)
    if policy_set is None:
        return
    engine, name = compile_policies([policy_set], CATALOGUE), digest(policy_set)
    request = RequestMaker(seed).request(compiled(policy_set.rules))
    asked = replace(request, facts={name: next(iter(request.facts.values()))})
    allowed = engine.decide(asked, in_force=[name]).allowed
    assert keep(asked, policy_set, engine) == ("allow" if allowed else "deny")


@settings(max_examples=12)
@given(SEEDS)
def test_every_call_that_coherence_shows_can_be_kept_with_its_decision(seed: int) -> None:
    policy_set = random_set(seed)
    if policy_set is None:
        return
    engine = compile_policies([policy_set], CATALOGUE)
    for finding in check_coherence([engine]).findings:
        if finding.witness:
            decided = keep(finding.witness.request, policy_set, engine)
            assert decided == ("allow" if finding.witness.allowed else "deny")


@settings(max_examples=12)
@given(SEEDS)
def test_every_call_that_differs_can_be_kept_in_both_versions(seed: int) -> None:
    old, new = random_set(seed), random_set(seed + 1, version=2)
    if old is None or new is None:
        return
    engine = compile_policies([old, new], CATALOGUE)
    for call in compare(engine, [digest(old)], [digest(new)]).calls:
        for policy_set, seen in ((old, call.old), (new, call.new)):
            decided = keep(seen.request, policy_set, engine)
            assert decided == ("allow" if seen.allowed else "deny")
