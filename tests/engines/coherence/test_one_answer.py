"""One answer: the calls that are shown hang on the rules alone, not on what was asked before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mythos.engines.coherence.coherence import check_coherence
from mythos.engines.coherence.memory import NO_MEMORY, Notebook, verdict_key
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.document import load_policy_set
from mythos.errors import PolicyError
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from tests.engines.coherence.random_rules import CATALOGUE, FACTS, RuleMaker

TOOLS = ("act", "other", "third")
SHOP = ToolCatalogue.model_validate(
    {
        "domain": "random",
        "tools": [{**CATALOGUE.tools[0].model_dump(mode="json"), "name": each} for each in TOOLS],
    }
)


def a_set(rules: str, *, version: int = 1) -> PolicySet:
    document = {"policy_set": "p", "version": version, "facts": FACTS, "rules": rules}
    return load_policy_set(json.dumps(document), source="p.json")


def well_typed(seed: int, n_rules: int) -> str:
    """Random rules about three tools, those that Cedar's validator takes."""
    maker, found, tried = RuleMaker(seed), list[str](), 0
    while len(found) < n_rules:
        tool = TOOLS[tried % len(TOOLS)]
        rule = maker.rule(f"r{len(found)}").replace('Action::"act"', f'Action::"{tool}"')
        tried += 1
        try:
            compile_policies([a_set(rule)], SHOP)
        except PolicyError:
            continue
        found.append(rule)
    return "\n".join(found)


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_what_is_recalled_of_other_tools_changes_no_call_that_is_shown(seed: int) -> None:
    engine: PolicyEngine = compile_policies([a_set(well_typed(seed, 12))], SHOP)
    every = Notebook(NO_MEMORY)
    cold = check_coherence([engine], memory=every)
    assert any(each.witness for each in cold.findings)
    keys = [verdict_key(engine, tool) for tool in SHOP.tools]
    for known in range(1, 2 ** len(keys) - 1):
        part = Notebook(NO_MEMORY)
        for place, key in enumerate(keys):
            kept = every.get(key)
            if known >> place & 1 and kept:
                part.put(key, kept)
        again = check_coherence([engine], memory=part)
        assert again.n_recalled == known.bit_count()
        assert again.findings == cold.findings


def test_two_cold_processes_print_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for version, seed in ((1, 3), (2, 5)):
        document = a_set(well_typed(seed, 9), version=version).model_dump(mode="json")
        files.append(tmp_path / f"v{version}.json")
        files[-1].write_text(json.dumps(document))
    tools = tmp_path / "tools.json"
    tools.write_text(SHOP.model_dump_json())

    def printed(seed: int, *command: str | Path) -> bytes:
        env = {
            **os.environ,
            "PYTHONHASHSEED": str(seed),
            "XDG_CACHE_HOME": str(tmp_path / f"{seed}"),
        }
        call = [sys.executable, "-m", "mythos", "policy", *map(str, command)]
        done = subprocess.run(
            [*call, "--tools", str(tools), "--json"], env=env, capture_output=True, check=False
        )
        assert done.returncode in {0, 1}, done.stderr
        return done.stdout

    commands: list[list[str | Path]] = [["coherence", files[0]], ["diff", *files]]
    for command in commands:
        first, second = (printed(seed, *command) for seed in (1, 2))
        assert b'"arguments"' in first
        assert first == second
