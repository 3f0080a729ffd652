"""Calls `mythos policy …` through the real entry point, on files that a test writes down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from mythos.cli.root import root
from tests.engines.telemetry.making import Loose

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/retail-care"
CARE = EXAMPLE / "policies/care-rules.yaml"
REFUNDS = EXAMPLE / "policies/refund-rules.yaml"
CARE_RULES = CARE.read_text().partition("\nexpect:")[0] + "\n"
"""The rules of the retail-care example without what it expects of them."""
TOOLS = EXAMPLE / "tools/retail-care.json"


@dataclass(frozen=True)
class Said:
    """What one call of the command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Loose:
        return json.loads(self.out)


def policy(*arguments: str | Path) -> Said:
    result = CliRunner().invoke(root, ["policy", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def written(path: Path, text: str) -> Path:
    """A file with this text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path
