"""Write the schema files anew: `python -m mythos.values.schemas [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

from mythos.values.schemas import write_schemas

if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
