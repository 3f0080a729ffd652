"""`mythos serve`: the control plane on one port; tables are made and migrated at start."""

from __future__ import annotations

import errno
import os
import socket

import click

from mythos.errors import UnavailableError, UsageError

DEFAULT_PORT = 8600
KILL_AFTER_S = 15  # a worker that does not hear must not keep the port


@click.command(
    help="Run the control plane in the foreground: pages, API and evidence intake on one port. "
    "Its state lies under MYTHOS_HOME; tables are made and migrated at start."
)
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Names it is called by must be in MYTHOS_ALLOWED_HOSTS.",
)
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(1, 65_535), help="Port."
)
@click.option(
    "--threads",
    default=4,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Threads of the one worker process.",
)
@click.option(
    "--create-admin",
    metavar="NAME",
    help="Create an administrator, then end. Asks for a password, unless MYTHOS_ADMIN_PASSWORD "
    "is set.",
)
def serve(host: str, port: int, threads: int, create_admin: str | None) -> None:
    """Run the server in the foreground."""
    prepare()
    if create_admin:
        _create_admin(create_admin)
        return
    _say_who_may_enter()
    check_free(host, port)
    run(host, port, threads=threads)


def prepare() -> None:
    """Load Django and bring the tables up to date.

    Raises:
        UnavailableError: the database's driver is not installed, or it cannot be opened.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mythos.server.project.settings")
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import call_command
    from django.db import DatabaseError

    try:
        django.setup()
        call_command("migrate", verbosity=0, interactive=False)
    except ImproperlyConfigured as error:
        raise UnavailableError(
            f"the database of DATABASE_URL cannot be used: {error}",
            remedy="install its driver, for PostgreSQL: pip install 'psycopg[binary]'",
        ) from None
    except DatabaseError as error:
        first = str(error).strip().splitlines()[0]
        raise UnavailableError(
            f"the database cannot be opened: {first}",
            remedy="check DATABASE_URL or MYTHOS_HOME, permissions and free space",
        ) from None


def check_free(host: str, port: int) -> None:
    """Refuse a port that is taken, before anything is started.

    Raises:
        UnavailableError: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise UnavailableError(
                f"cannot listen on {host}:{port}: {error.strerror}",
                remedy="stop what uses the port, or choose another with --port"
                if taken
                else "name an address of this machine with --host",
            ) from None


def run(host: str, port: int, *, threads: int) -> None:
    """Serve until stopped. One worker process: SQLite has one writer, threads share the reads."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from mythos.cli.parent import end_with_parent

    end_with_parent()
    os.environ["MYTHOS_PARENT"] = str(os.getpid())
    click.echo(f"MythOS on http://{host}:{port}", err=True)
    Granian(
        "mythos.server.project.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=threads,
        workers_kill_timeout=KILL_AFTER_S,
        log_level=LogLevels.warning,
    ).serve()


def _create_admin(name: str) -> None:
    from django.contrib.auth import get_user_model
    from django.db import transaction
    from django.utils import timezone

    from mythos.cli.password import chosen_password
    from mythos.server.actions.ledger import SHELL, record

    users = get_user_model().objects
    if users.filter(username=name).exists():
        raise UsageError(f"user {name!r} exists", remedy="sign in, or choose another name")
    password = chosen_password("MYTHOS_ADMIN_PASSWORD")
    with transaction.atomic():
        users.create_superuser(username=name, password=password)
        record("user.add", name, by=SHELL, at=timezone.now(), details={"role": "admin"})
    click.echo(f"administrator {name} created; now run `mythos serve`")


def _say_who_may_enter() -> None:
    from django.contrib.auth import get_user_model

    if not get_user_model().objects.filter(is_active=True).exists():
        click.echo("Nobody can sign in yet. Create the first administrator with:", err=True)
        click.echo("  mythos serve --create-admin NAME", err=True)
