"""Which tool catalogue a run is judged by.

Law (DESIGN §7): the one whose domain, `/` read as `-`, equals the run's `service.name`; else the
only one that declares every tool the run called; else none, which the caller flags.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mythos.values.event import Kind, Run
from mythos.values.tools import ToolCatalogue


def choose_catalogue(run: Run, catalogues: Sequence[ToolCatalogue]) -> ToolCatalogue | None:
    """Catalogue of a run.

    Args:
        run: an assembled run.
        catalogues: all that are known, domains distinct.

    Returns:
        The catalogue, or None if no domain matches and none or several declare all its tools.
    """
    called = {event.tool for event in run.events if event.kind is Kind.TOOL_CALL}
    return fitting_catalogue(run.service, called, catalogues)


def fitting_catalogue(
    service: str, called: Collection[str], catalogues: Sequence[ToolCatalogue]
) -> ToolCatalogue | None:
    """Like `choose_catalogue`, of a run's `service.name` and the tools that it called."""
    for catalogue in catalogues:
        if catalogue.service == service:
            return catalogue
    fitting = [catalogue for catalogue in catalogues if catalogue.names.issuperset(called)]
    return fitting[0] if len(fitting) == 1 else None
