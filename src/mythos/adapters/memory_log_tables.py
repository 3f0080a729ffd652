"""The tables of a memory log in an SQLite file, and whether they are as they were made.

Whoever may write the file may put a view, a virtual or generated column or a trigger in the place
of a table; reading or writing that runs what such a one wrote, for ever if it says so. So a log is
opened only if all that stands under the names of its tables, on them, or is changed with their
rows, is word for word what made it. What guards the entries may be gone: it is no proof.
"""

from __future__ import annotations

from mythos.adapters.memory_log_database import TABLES, Rows

_TRIGGERS = """
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'a logged entry never changes'); END

CREATE TRIGGER entries_remain BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'a logged entry is never removed'); END
"""
_NAMES = (
    "('log', 'entries', 'entries_of_key', 'nodes', 'salts', 'contents', 'pending', 'checkpoints')"
)
TABLES_ASKED = f"""
SELECT lower(name), sql FROM sqlite_master
WHERE sql IS NOT NULL AND (lower(name) IN {_NAMES} OR lower(tbl_name) IN {_NAMES})
UNION ALL SELECT lower(other.name), NULL FROM sqlite_master AS other
    JOIN pragma_foreign_key_list(other.name) AS reference
WHERE lower(reference."table") IN {_NAMES} AND lower(other.name) NOT IN {_NAMES}
"""  # noqa: S608 - no outsider's text
"""Asks for names and what made them; NULL of another table whose rows are bound to a log's."""


def not_made(found: Rows) -> object | None:
    """The name of something that a log does not have, in what `TABLES_ASKED` finds; else None."""
    for name, made in found:
        if not isinstance(made, str) or _in_a_line(made) not in _MADE:
            return name
    return None


def _by_primary_key(statement: str) -> str:
    """Have a table lie in the order of its primary key; else SQLite keeps an index beside it."""
    own = statement.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")  # 64 bits as well
    return f"{own} WITHOUT ROWID" if "PRIMARY KEY (" in own else own


def _in_a_line(statement: str) -> str:
    return " ".join(statement.split())


STATEMENTS = (*map(_by_primary_key, TABLES.split("\n\n")), *_TRIGGERS.split("\n\n"))
_MADE = {_in_a_line(statement) for statement in STATEMENTS}
