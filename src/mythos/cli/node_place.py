"""What the commands of `mythos node` share: where the node's state lies, and how to tell it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mythos.node.home import NodeHome

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("mythos-node"),
    show_default=True,
    help="The node's state folder.",
)
READABLE = click.Path(path_type=Path, exists=True, dir_okay=False)


def home_of(path: Path) -> NodeHome:
    """The state folder."""
    from mythos.node.home import NodeHome

    return NodeHome(path.absolute())


def say(result: dict[str, Any]) -> None:
    """Print a result, a line each value."""
    for name, value in result.items():
        for shown in value if isinstance(value, list) else [value]:
            click.echo(f"{name:<16} {line_of(shown)}".rstrip())


def line_of(value: object) -> str:
    """One value on a line, with nothing a terminal would obey."""
    from mythos.cli.source_lines import plain

    if isinstance(value, dict):
        return ", ".join(f"{key} {line_of(each)}" for key, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == "" else plain(str(value))
