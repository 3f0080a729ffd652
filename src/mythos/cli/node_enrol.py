"""`mythos node enroll`: a host asks, an operator admits, on the network or by file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mythos.cli.node_place import HOME, READABLE, home_of, say
from mythos.cli.output import as_json, chosen
from mythos.errors import UsageError

FORMS = (
    ("--new-code", "--node", "--environment"),
    ("--sign", "--environment", "--out"),
    ("--request", "--node"),
    ("--server", "--node", "--code"),
    ("--code", "--server", "--node"),
)  # of `node enroll`, each by the option it begins with


@click.command(short_help="Enrol this host; or, as operator, let a host enrol.")
@HOME
@click.option("--node", "name", metavar="NAME", help="The node's id.")
@click.option("--server", metavar="URL", help="Address of the control plane.")
@click.option("--code", metavar="CODE", help="One-time code an operator gave you.")
@click.option("--request", type=click.Path(path_type=Path), help="Air gap: write a request file.")
@click.option("--accept", type=READABLE, help="Air gap: take the acceptance file.")
@click.option("--new-code", is_flag=True, help="Operator: make a one-time code for --node.")
@click.option("--sign", type=READABLE, help="Operator: admit the node of a request file.")
@click.option(
    "--environment", metavar="NAME", help="Operator: the environment the node belongs to."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Operator: the acceptance file; it is private."
)
@as_json
def enroll(
    home: Path,
    name: str | None,
    server: str | None,
    code: str | None,
    request: Path | None,
    accept: Path | None,
    new_code: bool,
    sign: Path | None,
    environment: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Enrol this host, or (as operator, on the control plane) let a host enrol.

    \b
    Online:   operator  mythos node enroll --new-code --node N --environment E
              host      mythos node enroll --server URL --node N --code CODE
    Air gap:  host      mythos node enroll --node N --request FILE
              operator  mythos node enroll --sign FILE --environment E --out FILE2
              host      mythos node enroll --accept FILE2
    """  # noqa: D301 - click takes the character itself for "do not wrap"
    if new_code and name and environment:
        result = _new_code(name, environment)
    elif sign and environment and out:
        result = _sign(sign, environment, out)
    elif accept:
        result = _accept(home, accept)
    elif request and name:
        result = _request(home, name, request)
    elif server and name and code:
        result = _enrol(home, server, name, code)
    else:
        given = {
            "--new-code": new_code,
            "--sign": sign,
            "--request": request,
            "--server": server,
            "--code": code,
            "--node": name,
            "--environment": environment,
            "--out": out,
        }
        raise _no_form([option for option, value in given.items() if value])
    chosen(as_json, result, lambda: say(result))


def _no_form(given: list[str]) -> UsageError:
    """What the form that was begun still needs."""
    for form in FORMS:
        if form[0] in given:
            missing = ", ".join(option for option in form if option not in given)
            return UsageError(
                f"{form[0]} also needs {missing}", remedy="see `mythos node enroll --help`"
            )
    return UsageError(
        "these options enrol nobody",
        remedy="use one of the five forms that `mythos node enroll --help` shows",
    )


def _new_code(name: str, environment: str) -> dict[str, Any]:
    from mythos.cli.serve import prepare

    prepare()
    from django.utils import timezone

    from mythos.server.catalog.commands import issue_code

    return {
        "node": name,
        "environment": environment,
        "code": issue_code(name, environment, at=timezone.now()),
    }


def _sign(request: Path, environment: str, out: Path) -> dict[str, Any]:
    from mythos.cli.serve import prepare

    prepare()
    from mythos.server.deployment.enrolment import admit_to_file

    acceptance = admit_to_file(request.read_bytes(), environment, out)
    return {"node": acceptance.node, "environment": environment, "file": str(out)}


def _accept(home: Path, file: Path) -> dict[str, Any]:
    from mythos.node.enrolment import accept_file

    acceptance = accept_file(home_of(home), file=file)
    return {"node": acceptance.node, "environment": acceptance.environment, "home": str(home)}


def _request(home: Path, name: str, file: Path) -> dict[str, Any]:
    from mythos.node.enrolment import write_request

    write_request(home_of(home), node=name, file=file)
    return {"node": name, "file": str(file), "home": str(home)}


def _enrol(home: Path, server: str, name: str, code: str) -> dict[str, Any]:
    from mythos.node.enrolment import enrol_online

    acceptance = enrol_online(home_of(home), server=server, node=name, code=code)
    return {"node": acceptance.node, "environment": acceptance.environment, "home": str(home)}
