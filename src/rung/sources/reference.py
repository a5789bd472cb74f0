"""The grammar of what is fetched: `pip:NAME==VERSION#member`, `hf:ORG/NAME@REVISION#part`, `npm:@SCOPE/NAME@VERSION#member`.

Version, revision and member may be left out as far as the grammar goes. Whether they may where the reference is used is decided
there: data must be pinned, so that it cannot change underneath a verdict; a base need not be, for it is known by its digest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from rung.errors import UserError, did_you_mean

Kind = Literal["pip", "hf", "npm"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_FORMS: dict[Kind, re.Pattern[str]] = {
    "pip": re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?P<mark>==)?(?(mark)(?P<version>[A-Za-z0-9][\w.+!-]*?))(?:#(?P<member>.+))?"),
    "hf": re.compile(r"(?P<name>[\w.-]+(?:/[\w.-]+)?)(?P<mark>@)?(?(mark)(?P<version>[\w./-]+?))(?:#(?P<member>.+))?"),
    "npm": re.compile(r"(?P<name>(?:@[\w.-]+/)?[\w.-]+)(?P<mark>@)?(?(mark)(?P<version>[\w.+-]+?))(?:#(?P<member>.+))?"),
}
_CALLED: dict[Kind, str] = {"pip": "a package reference", "hf": "a hub reference", "npm": "a package reference"}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A thing to be fetched. `version` (of a hub repository: its revision) and `member` are "" where the text names none."""

    kind: Kind
    name: str
    version: str = ""
    member: str = ""

    def __str__(self) -> str:
        mark = "==" if self.kind == "pip" else "@"
        version = f"{mark}{self.version}" if self.version else ""
        return f"{self.kind}:{self.name}{version}" + (f"#{self.member}" if self.member else "")

    @property
    def requirement(self) -> str:
        """What its package manager calls it: `name==version`, `@scope/name@version`."""
        return str(Reference(kind=self.kind, name=self.name, version=self.version)).partition(":")[2]

    def pinned(self, form: str) -> Reference:
        """The reference itself. Raises UserError, with the `form` that is to be written, where it names no version."""
        if not self.version:
            raise _malformed(self.kind, str(self), form)
        return self


def kind_of(text: str) -> str:
    """What stands before the first colon, where that is a word such as `pip`; "" for a path."""
    found = re.match(r"([a-z]{2,8}):", text)
    return found[1] if found else ""


def read_reference(text: str, form: str) -> Reference:
    """The reference that `text` is. Raises UserError, with the `form` that is to be written, where it is none."""
    kind = next((known for known in KINDS if known == kind_of(text)), None)
    if kind is None:
        mend = f"{did_you_mean(kind_of(text), KINDS)} Anything without such a prefix is a path."
        raise UserError(f"'{kind_of(text)}:' is no known kind of source", where=text, mend=mend)
    found = _FORMS[kind].fullmatch(text.removeprefix(f"{kind}:"))
    if found is None:
        raise _malformed(kind, text, form)
    return Reference(kind=kind, name=found["name"], version=found["version"] or "", member=found["member"] or "")


def _malformed(kind: Kind, text: str, form: str) -> UserError:
    return UserError(f"not {_CALLED[kind]}", where=text, mend=form)
