"""The solver and the numeric library load into one process, whichever comes first."""

from __future__ import annotations

import subprocess
import sys

import pytest

SOLVE = (
    "from scipy.optimize import linprog; from ortools.sat.python import cp_model; "
    "m = cp_model.CpModel(); x = m.new_int_var(0, 3, 'x'); m.maximize(x); "
    "s = cp_model.CpSolver(); s.parameters.num_workers = 1; "
    "assert s.solve(m) == cp_model.OPTIMAL and s.value(x) == 3; "
    "assert linprog([-1], bounds=[(0, 3)]).fun == -3"
)


@pytest.mark.parametrize(
    "first",
    ["import ortools.sat.python.cp_model, scipy.optimize", "import scipy.optimize, ortools"],
)
def test_both_import_orders_load_and_solve(first: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{first}; {SOLVE}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
