"""What the strategy page answers: reads, then pure functions, then one frozen value."""

from __future__ import annotations

from datetime import datetime

from mythos.server.strategy import page_queries as queries
from mythos.server.strategy.pages.advice import StrategyPage, empty_page, strategy_page

COMMAND = "mythos strategy recommend"


def show_strategy(number: str, agent: str, environment: str, *, at: datetime) -> StrategyPage:
    """The page of one recommendation; the newest when no number is asked for.

    Raises:
        NotFoundError: there is no recommendation of that number.
    """
    found = queries.numbered(number) if number else queries.newest()
    if found is None:
        return empty_page(at=at, command=COMMAND)
    stored_id, advice = found
    return strategy_page(
        stored_id,
        advice,
        bundle_name=queries.bundle_name(advice.bundle),
        agent=agent,
        environment=environment,
        history=queries.history(),
        at=at,
    )
