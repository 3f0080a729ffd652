"""Pages of a list: which part of it, and where the parts beside it are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import Field

Limit = Annotated[int, Field(ge=1, le=200)]
PageNumber = Annotated[int, Field(ge=1, le=100_000)]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """One page of a list of `pages`, counted from 1."""

    page: int
    pages: int

    @property
    def previous(self) -> int:
        """The page before this one."""
        return self.page - 1

    @property
    def next(self) -> int:
        """The page after this one."""
        return self.page + 1


def pages_of(n: int, *, limit: int) -> int:
    """How many pages hold `n` rows; an empty list has one."""
    return max(-(-n // limit), 1)


def rows_on(rows: Sequence[Row], page: int, *, limit: int) -> tuple[Row, ...]:
    """The rows of a page; none beyond the last."""
    return tuple(rows[(page - 1) * limit : page * limit])


def page_after(page: int, *, n: int, limit: int) -> int | None:
    """The page behind this one of `n` rows; None on the last."""
    return page + 1 if page * limit < n else None
