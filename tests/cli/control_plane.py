"""Running commands in this process: what was printed, and the exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from mythos.cli.root import root

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "retail-care"
FLEET = """\
environments:
  - name: lab
    labels: {tier: gold}
    air_gapped: true
  - name: cloud
"""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command printed
        return json.loads(self.out)


def mythos(*words: object) -> Ran:
    result = CliRunner().invoke(root, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)
