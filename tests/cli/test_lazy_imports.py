"""The command line loads what a command needs, when it runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("cedarpy", "django", "numpy", "ortools", "pydantic", "rich", "scipy", "z3")
PROBE = """
import sys
from mythos.cli import main
sys.argv = ["mythos", *{words!r}]
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
print(sorted({heavy!r} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["audit", "--help"],
        ["policy", "--help"],
        ["workflow", "--help"],
        ["memory", "--help"],
    ],
)
def test_help_loads_no_framework(words: list[str]) -> None:
    probe = PROBE.format(words=words, heavy=set(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"
