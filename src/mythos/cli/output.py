"""How commands print: JSON for machines, text for people, progress only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")


def emit_json(value: object) -> None:
    """Print one JSON document; of a file name that is no UTF-8 the stray bytes are escaped."""
    import json

    import orjson

    try:
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    except TypeError:
        text = json.dumps(value, indent=2, default=lambda one: orjson.loads(orjson.dumps(one)))
    click.echo(text)


class Bar:
    """A progress bar, or nothing where standard error is no terminal."""

    def __init__(self, progress: Progress | None, task: TaskID | None) -> None:
        self._progress, self._task = progress, task

    def advance(self, steps: float = 1) -> None:
        """Move on by `steps`."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, steps)

    def say(self, text: str) -> None:
        """Change the label."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=text)


@contextmanager
def bar(label: str, *, total: float | None) -> Iterator[Bar]:
    """A progress bar on standard error while the block runs."""
    if not sys.stderr.isatty():
        yield Bar(None, None)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress, progress.add_task(label, total=total))


def chosen(as_json: bool, value: Any, human: Callable[[], None]) -> None:  # noqa: ANN401
    """Print `value` as JSON, or let `human` print it for people.

    Raises:
        OSError: it cannot be printed; `filename` says where.
    """
    try:
        if as_json:
            emit_json(value)
        else:
            human()
    except OSError as refused:
        refused.filename = refused.filename or "standard output"
        raise
