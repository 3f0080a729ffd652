"""Loaded policy sets made ready to decide: one engine a catalogue, and which one a run needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mythos.cli.policy_files import Loaded

if TYPE_CHECKING:
    from mythos.engines.policy.compile import PolicyEngine
    from mythos.engines.policy.facts.history import History
    from mythos.engines.policy.facts.known import Known
    from mythos.engines.policy.occasion import Occasion
    from mythos.engines.policy.replay import Replayed
    from mythos.values.event import Run
    from mythos.values.tools import ToolCatalogue


class Engines:
    """Every loaded set in force, for each of the loaded catalogues."""

    def __init__(self, found: Loaded) -> None:
        """Compile.

        Raises:
            PolicyError: a set does not fit a catalogue.
        """
        from mythos.engines.policy.compile import compile_policies
        from mythos.engines.policy.identity import digest

        sets = [document.policy_set for document in found.documents]
        self.digests = tuple(dict.fromkeys(map(digest, sets)))
        self.catalogues = found.catalogues
        self._engines = {one.domain: compile_policies(sets, one) for one in found.catalogues}
        self._pasts: dict[tuple[str, str], History] = {}

    def by_domain(self, catalogue: ToolCatalogue) -> PolicyEngine:
        """The engine of one of the loaded catalogues."""
        return self._engines[catalogue.domain]

    def of(self, run: Run) -> PolicyEngine | None:
        """The engine of a run's tools; None if no catalogue is theirs.

        A run that names no service is one of the only catalogue there is.
        """
        from mythos.engines.telemetry.catalogue import choose_catalogue

        if not run.service and len(self.catalogues) == 1:
            return self._engines[self.catalogues[0].domain]
        found = choose_catalogue(run, self.catalogues)
        return None if found is None else self._engines[found.domain]

    def replay(self, run: Run, engine: PolicyEngine) -> list[Replayed]:
        """Decide every action of a run; runs come in the order in which they closed."""
        from mythos.engines.policy.replay import replay

        return replay(run, engine, in_force=self.digests, past=self.past_of(run, engine))

    def past_of(self, run: Run, engine: PolicyEngine) -> History:
        """What earlier runs on the run's host left for facts that reach beyond one run."""
        from mythos.engines.policy.replay import long_memory
        from mythos.engines.telemetry.dialect import node_of

        key = node_of(run.root), engine.catalogue.domain
        if key not in self._pasts:
            self._pasts[key] = long_memory(engine)
        return self._pasts[key]


def facts_json(occasion: Occasion, engine: PolicyEngine) -> dict[str, Any]:
    """The facts that rules about the tool read, by the name of their policy set.

    One that cannot be told is null, or `{"one_of": […]}`; of one that was never seen there is none.
    """
    from mythos.engines.policy.facts.known import ABSENT

    return {
        engine.policy_sets[digest].policy_set: {
            name: _fact(value) for name, value in facts.items() if value is not ABSENT
        }
        for digest, facts in occasion.facts.items()
    }


def _fact(value: Known) -> Any:  # noqa: ANN401 - JSON
    from mythos.engines.evidence.plain import plain
    from mythos.engines.policy.facts.known import ABSENT, OneOf

    if isinstance(value, OneOf):
        return {"one_of": [None if one is ABSENT else _fact(one) for one in value.values]}
    if isinstance(value, dict) and isinstance(extension := value.get("__extn"), dict):
        return extension["arg"]  # a decimal or a time as Cedar writes it
    return plain(value)
