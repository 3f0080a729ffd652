"""`python -m mythos` is the `mythos` command."""

from __future__ import annotations

from mythos.cli import main

if __name__ == "__main__":
    main()
