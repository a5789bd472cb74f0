"""Names of files that somebody else chose: whether one leads out of its folder, or means another thing on another system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from rung.admission.faults import Fault
from rung.escapes import is_plain, quoted

_DRIVE = re.compile(r"^[A-Za-z]:")
_DEVICE = re.compile(r"^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?$", re.IGNORECASE)
LONGEST = 255


def name_problem(name: str) -> str:
    """Why a relative name cannot be that of a file here, "" where it can. It is looked at as every system would read it."""
    parts = re.split(r"[/\\]", name)
    problems = (
        (not name, "a name that is empty"),
        ("\0" in name, "a name with a NUL in it"),
        (name[:1] in ("/", "\\"), "an absolute path"),
        (_DRIVE.match(name), "a path with a drive letter"),
        (".." in parts, "a path that leads out of its folder (..)"),
        ("\\" in name, "a backslash in a name, which another system takes for a path"),
        (not is_plain(name), "a name with a character that cannot be shown"),
        (any(map(_DEVICE.match, parts)), "the name of a device on another system"),
        (any(len(part.encode("utf-8", "surrogatepass")) > LONGEST for part in parts), "a name that is too long"),
    )
    return next((said for holds, said in problems if holds), "")


def name_faults(names: Iterable[str]) -> list[Fault]:
    """Those of the names, and of names that a file system without capitals, or of another Unicode form, takes for one."""
    listed = list(names)
    faults = [Fault(file=name, said=problem) for name in listed if (problem := name_problem(name))]
    seen: dict[str, str] = {}
    for name in listed:
        other = seen.setdefault(_folded(name), name)
        if other != name:
            faults.append(Fault(file=name, said=f"one name with {quoted(other)} where capitals do not count"))
    return faults


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
