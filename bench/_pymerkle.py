"""The peer pymerkle from PyPI, in an environment of its own that goes away afterwards.

It is under the GPL: nothing of it is imported here, and nothing here depends on it. Its own process
times itself in CPU-seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rows import Row

PEER = "pymerkle"
WORK = """
import json, sys, time
from pymerkle import InmemoryTree, SqliteTree, verify_inclusion
N = 20_000
data = [(b"entry %07d " % n).ljust(190, b".") for n in range(N)]
def spent(work):
    start = time.process_time(); found = work(); return time.process_time() - start, found
tree = InmemoryTree(algorithm="sha256")
out = {}
s, _ = spent(lambda: [tree.append_entry(one) for one in data])
out["append, in memory"] = N / s
places = range(1, N, 100)
s, proofs = spent(lambda: [tree.prove_inclusion(n) for n in places])
out["inclusion proofs, in memory"] = len(places) / s
base, root = [tree.get_leaf(n) for n in places], tree.get_state()
s, _ = spent(lambda: [verify_inclusion(b, root, p) for b, p in zip(base, proofs)])
out["inclusion proofs verified"] = len(places) / s
db = SqliteTree(sys.argv[1], algorithm="sha256")
s, _ = spent(lambda: db.append_entries(data))
out["bulk append, SQLite"] = N / s
s, _ = spent(lambda: [db.append_entry(one) for one in data[:300]])
out["append one by one, SQLite"] = 300 / s
s, _ = spent(lambda: [db.prove_inclusion(n) for n in places])
out["inclusion proofs, SQLite"] = len(places) / s
print(json.dumps(out))
"""


def beside() -> list[Row]:
    """The peer's figures at 20,000 entries of 190 bytes; more are out of its reach here."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        subprocess.run([sys.executable, "-m", "venv", str(home / "venv")], check=True)
        python = str(home / "venv/bin/python")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER]
        subprocess.run(pip, check=True)
        done = subprocess.run(
            [python, "-c", WORK, str(home / "peer.db")], check=True, capture_output=True, text=True
        )
    figures: dict[str, float] = json.loads(done.stdout)
    return [
        Row(f"pymerkle: {name}", value, "proofs/CPU-s" if "proofs" in name else "entries/CPU-s")
        for name, value in figures.items()
    ]
