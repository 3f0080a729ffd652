"""Which tool catalogue a run is judged by.

Law (DESIGN §7): the one whose domain, `/` read as `-`, equals the run's `service.name`; else the
only one that declares every tool the run called; else none, which the caller flags.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    for catalogue in catalogues:
        if catalogue.service == run.service:
            return catalogue
    called = {event.tool for event in run.events if event.kind is Kind.TOOL_CALL}
    fitting = [catalogue for catalogue in catalogues if called <= catalogue.names]
    return fitting[0] if len(fitting) == 1 else None
