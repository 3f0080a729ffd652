from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User

from tests.cli.control_plane import mythos

UP_S, DOWN_S = 30, 45


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is a POSIX signal")
def test_told_to_end_the_server_ends_cleanly_though_a_client_keeps_its_connection(
    tmp_path: Path,
) -> None:
    port = _free_port()
    environment = {**os.environ, "MYTHOS_HOME": str(tmp_path)}
    server = subprocess.Popen(
        [sys.executable, "-m", "mythos", "serve", "--port", str(port)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
            _wait_for(client)
            server.send_signal(signal.SIGTERM)
            assert server.wait(DOWN_S) == 0
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=1)
    finally:
        server.kill()


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.3])
def test_told_to_end_while_it_starts_the_server_ends(tmp_path: Path, after_s: float) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "mythos", "serve", "--port", str(_free_port())],
        env={**os.environ, "MYTHOS_HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        while "MythOS on" not in server.stderr.readline():
            assert server.poll() is None
        time.sleep(after_s)
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=DOWN_S)
    finally:
        server.kill()
        server.communicate()


@pytest.mark.django_db
def test_automation_creates_an_administrator_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MYTHOS_ADMIN_PASSWORD", "correct horse battery")

    ran = mythos("serve", "--create-admin", "ada")

    assert ran.code == 0
    assert User.objects.get(username="ada").check_password("correct horse battery")
    assert "correct horse" not in ran.out + ran.err


@pytest.mark.django_db
def test_a_short_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYTHOS_ADMIN_PASSWORD", "short")

    ran = mythos("serve", "--create-admin", "ada")

    assert ran.code == 2
    assert "too short" in ran.err
    assert not User.objects.filter(username="ada").exists()


def test_a_taken_port_is_told_before_anything_starts() -> None:
    from mythos.cli.serve import check_free
    from mythos.errors import UnavailableError

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UnavailableError):
        check_free("127.0.0.1", taken.getsockname()[1])


def test_an_address_of_another_machine_is_told_as_such() -> None:
    from mythos.cli.serve import check_free
    from mythos.errors import UnavailableError

    with pytest.raises(UnavailableError) as caught:
        check_free("192.0.2.1", 8600)
    assert "--host" in caught.value.remedy


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for(client: httpx.Client) -> None:
    until = time.monotonic() + UP_S
    while time.monotonic() < until:
        try:
            if client.get("/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the server did not answer within {UP_S} s")


@pytest.mark.skipif(
    importlib.util.find_spec("psycopg") is not None, reason="the PostgreSQL driver is installed"
)
def test_without_a_database_driver_the_remedy_names_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mythos", "serve"],
        env={
            **os.environ,
            "MYTHOS_HOME": str(tmp_path),
            "DATABASE_URL": "postgresql://u:p@127.0.0.1:5/db",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "psycopg" in done.stderr
    assert "Traceback" not in done.stderr
