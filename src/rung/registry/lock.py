"""One climb at a time on one RUNG_HOME. The kernel drops the lock when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
from datetime import datetime
from pathlib import Path
from typing import IO

from rung.errors import UserError


def take(path: Path) -> IO[str]:
    """The open lock file, locked until it is closed. Raises UserError, naming the holder, where another process has it."""
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        said = file.read()
        file.close()
        raise UserError(
            f"another climb ({_holder(said)}) is using this RUNG_HOME",
            where=str(path.parent),
            mend="Wait until it has finished, or set RUNG_HOME to another folder.",
        ) from None
    file.truncate(0)
    file.write(json.dumps({"pid": os.getpid(), "since": datetime.now().astimezone().isoformat(timespec="seconds")}))
    file.flush()
    return file


def _holder(said: str) -> str:
    try:
        holder = json.loads(said)
        return f"pid {holder['pid']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):  # it has the lock and has not yet written who it is
        return "just started"
