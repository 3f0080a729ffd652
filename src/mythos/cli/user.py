"""`mythos user`: who may sign in to the control plane, and what they may do there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mythos.cli.output import as_json, chosen

if TYPE_CHECKING:
    from mythos.server.web.roles import Role

ROLES = ("viewer", "operator", "approver", "admin")
PASSWORD = "MYTHOS_USER_PASSWORD"  # noqa: S105 - the name of a variable

_role = click.Choice(ROLES)


@click.group(help="Say who may sign in to the control plane, and in which role.")
def user() -> None:
    """See the commands."""


@user.command(short_help="Let somebody sign in.")
@click.argument("name")
@click.option(
    "--role", type=_role, default="viewer", show_default=True, help="What they may do there."
)
@as_json
def add(name: str, role: Role, as_json: bool) -> None:
    """Let NAME sign in. Asks for a password, unless MYTHOS_USER_PASSWORD is set."""
    from mythos.cli.password import chosen_password
    from mythos.cli.serve import prepare

    prepare()
    from mythos.server.web.commands import create_user

    create_user(name, password=chosen_password(PASSWORD), role=role)
    chosen(
        as_json,
        {"name": name, "role": role},
        lambda: click.echo(f"{name} may sign in as {role}"),
    )


@user.command(short_help="Give somebody another role.")
@click.argument("name")
@click.argument("role", type=_role)
@as_json
def role(name: str, role: Role, as_json: bool) -> None:
    """Give NAME another ROLE, in place of the one they had; it holds from their next request."""
    from mythos.cli.serve import prepare

    prepare()
    from mythos.server.web.commands import give_role

    before = give_role(name, role)
    chosen(
        as_json,
        {"name": name, "role": role, "before": before},
        lambda: click.echo(f"{name} is {role} now, and was {before}"),
    )


@user.command("list", short_help="Who may sign in, and in which role.")
@as_json
def list_(as_json: bool) -> None:
    """List everybody who has an account, by name."""
    from mythos.cli.serve import prepare

    prepare()
    from mythos.server.web.people import people

    found = people()

    def tell() -> None:
        for each in found:
            seen = f"{each.last_login:%Y-%m-%d %H:%M} UTC" if each.last_login else "never"
            closed = "" if each.active else "  closed"
            click.echo(f"{each.name:<24} {each.role:<9} last seen {seen}{closed}")
        if not found:
            click.echo("nobody yet: mythos serve --create-admin NAME")

    body = [
        {
            "name": each.name,
            "role": each.role,
            "active": each.active,
            "last_login": each.last_login.isoformat() if each.last_login else None,
        }
        for each in found
    ]
    chosen(as_json, {"users": body}, tell)
