"""Looking the store's whole file through: its structure, and every seal in it."""

import sqlite3

from sessionizer.store import Damaged
from sessionizer.store.sqlite_seals import unseal

_SEALED = {
    "visitors": "/* Snapshot.examine */ select record, key, 0 from visitors",
    "chunks": "/* Snapshot.examine */ select refs, key, number from chunks left join visitors using (visitor)",
    "slices": "/* Snapshot.examine */ select slice, key, number from slices left join visitors using (visitor)",
    "runs": "/* Snapshot.examine */ select run, key, number from runs left join visitors using (visitor)",
    "sessions": "/* Snapshot.examine */ select session, key, number from sessions left join visitors using (visitor)",
}


def examine(db: sqlite3.Connection) -> list[str]:
    """What is wrong."""
    try:
        found = [each for (each,) in db.execute("/* Snapshot.examine */ pragma integrity_check(3)") if each != "ok"]
        for table, sql in _SEALED.items():
            broken = sum(not _whole(*row) for row in db.execute(sql))
            if broken:
                found.append(f"{broken} rows of {table} are not what was written")
    except sqlite3.Error as error:
        found = [str(error)]
    return found


def _whole(sealed: object, key: str, number: int) -> bool:
    try:
        unseal(sealed, key, number)
    except Damaged:
        return False
    return True
