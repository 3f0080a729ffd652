"""Which catalogue a run is judged by."""

from __future__ import annotations

from mythos.engines.telemetry import assemble, choose_catalogue
from mythos.values.event import Run
from mythos.values.tools import Tool, ToolCatalogue
from tests.engines.telemetry.making import agent, call


def catalogue(domain: str, *tools: str) -> ToolCatalogue:
    return ToolCatalogue(domain=domain, tools=tuple(Tool(name=name) for name in tools))


def run_of(service: str, *tools: str) -> Run:
    resource = {"service.name": service}
    spans = [call(n, 1, tool=tool) for n, tool in enumerate(tools, 2)]
    (run,) = assemble([agent(1, resource=resource), *spans])
    return run


BANK = catalogue("demo/bank", "pay", "search")
SHOP = catalogue("demo/shop", "search")


def test_the_service_name_chooses_even_if_a_tool_is_undeclared() -> None:
    assert choose_catalogue(run_of("demo-shop", "pay"), [BANK, SHOP]) is SHOP


def test_else_the_only_one_that_declares_every_called_tool() -> None:
    assert choose_catalogue(run_of("other", "pay", "search"), [BANK, SHOP]) is BANK


def test_else_none_if_several_or_none_fit() -> None:
    assert choose_catalogue(run_of("other", "search"), [BANK, SHOP]) is None
    assert choose_catalogue(run_of("other", "fly"), [BANK, SHOP]) is None
    assert choose_catalogue(run_of("other", "pay"), []) is None
