"""The grammar of what is fetched: `pip:NAME==VERSION#member`, `hf:ORG/NAME@REVISION#part`, `npm:@SCOPE/NAME@VERSION#member`.

Version, revision and member may be left out as far as the grammar goes. Whether they may where the reference is used is decided
there: data must be pinned, so that it cannot change underneath a verdict; a base need not be, for it is known by its digest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rung.errors import UserError, did_you_mean

Kind = Literal["pip", "hf", "npm"]
_NAMES: dict[Kind, tuple[str, str, str]] = {
    "pip": (r"[A-Za-z0-9][\w.-]*", "==", r"[A-Za-z0-9][\w.+!-]*"),
    "hf": (r"[\w.-]+(?:/[\w.-]+)?", "@", r"[\w./-]+"),
    "npm": (r"(?:@[\w.-]+/)?[\w.-]+", "@", r"[\w.+-]+"),
}
_GRAMMAR: dict[Kind, re.Pattern[str]] = {
    kind: re.compile(rf"(?P<name>{name})(?:{mark}(?P<version>{version}))?(?:#(?P<member>.+))?", re.ASCII)
    for kind, (name, mark, version) in _NAMES.items()
}


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a kind of reference is called where it is used, and how it is written there."""

    called: str
    hint: str

    def refused(self, text: str) -> UserError:
        """The error for a text that is not of this form."""
        return UserError(f"not {self.called}", where=text, hint=self.hint)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A thing to be fetched. `version` (of a hub repository: its revision) and `member` are "" where the text names none."""

    kind: Kind
    name: str
    version: str = ""
    member: str = ""

    def __str__(self) -> str:
        version = f"{_NAMES[self.kind][1]}{self.version}" if self.version else ""
        return f"{self.kind}:{self.name}{version}" + (f"#{self.member}" if self.member else "")

    @property
    def requirement(self) -> str:
        """What its package manager calls it: `name==version`, `@scope/name@version`."""
        return str(Reference(kind=self.kind, name=self.name, version=self.version)).partition(":")[2]

    def pinned(self, form: Form) -> Reference:
        """The reference itself. Raises UserError, which shows the form, where it names no version."""
        if not self.version:
            raise form.refused(str(self))
        return self


def kind_of(text: str) -> str:
    """What stands before the first colon, where that is a word such as `pip`; "" for a path."""
    found = re.match(r"([a-z]{2,8}):", text)
    return found[1] if found else ""


def read_reference(text: str, forms: Mapping[Kind, Form]) -> Reference:
    """The reference that `text` is, of one of the kinds that have a form here. Raises UserError where it is none."""
    kind = next((known for known in forms if known == kind_of(text)), None)
    if kind is None:
        hint = f"{did_you_mean(kind_of(text), forms)} Anything without such a prefix is a path."
        raise UserError(f"'{kind_of(text)}:' is no known kind of source", where=text, hint=hint)
    found = _GRAMMAR[kind].fullmatch(text.removeprefix(f"{kind}:"))
    if found is None:
        raise forms[kind].refused(text)
    return Reference(kind=kind, name=found["name"], version=found["version"] or "", member=found["member"] or "")
