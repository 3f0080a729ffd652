"""The peer dogwood-py from PyPI, in an environment of its own that goes away afterwards.

Its reference interpreter keeps every request it is asked about as history, so a decision is also
an observation. The peer's own process measures itself and prints decisions per CPU-second.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

PEER = "dogwood-py==0.0.12"
ASK = '''
import sys, time
from dogwood.native import NativeAuthorizer

SCHEMA = """
namespace Desk {
  entity Clerk;
  entity Till;
  action "Pay" appliesTo {
    principal: [Clerk], resource: [Till], context: {input: {to: String, cents: Long}}
  };
}
"""
COUNT = """
@id("paid") permit(principal, action == Desk::Action::"Pay", resource) when temporal {
  exists (n: Long). (
    (count for (t: Timepoint). where (
      formerly within 1h (Desk::Action::"Pay"::request{ input.to: context.input.to } && tp(t))
    )) == n && n < 1000000
  )
};
"""
SUM = """
@id("spent") permit(principal, action == Desk::Action::"Pay", resource) when temporal {
  exists (total: Long). (
    (sum_within(amount, 1d, Desk::Action::"Pay"::request{
      input.to: context.input.to, input.cents: amount
    })) == total && total < 1000000000
  )
};
"""
ACTION = "Desk::Action::Pay"
events, steps = int(sys.argv[2]), int(sys.argv[3])
peer = NativeAuthorizer({"count": COUNT, "sum": SUM}[sys.argv[1]], SCHEMA)

def ask(n):
    told = {"to": "account-1", "cents": 100 + n % 50}
    return peer.authorize_request(ACTION, 'Desk::Clerk::"a"', 'Desk::Till::"t"', told)

for n in range(events):
    ask(n)
best = 0.0
for turn in range(3):
    start = time.process_time()
    answers = {ask(events + turn * steps + n) for n in range(steps)}
    best = max(best, steps / (time.process_time() - start))
assert answers == {"Allow"}, answers
print(best)
'''


def peer_rates(events: int, steps: int) -> dict[str, float]:
    """Decisions per CPU-second of the peer after so many events: of a count and of a sum.

    Raises:
        subprocess.CalledProcessError: the peer cannot be had, or does not answer as expected.
    """
    with tempfile.TemporaryDirectory() as home:
        python = Path(home) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER]
        subprocess.run([python, *install], check=True, stdout=sys.stderr)
        return {form: _rate(python, form, events, steps) for form in ("count", "sum")}


def _rate(python: Path, form: str, events: int, steps: int) -> float:
    words = [python, "-c", ASK, form, str(events), str(steps)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return float(done.stdout)
