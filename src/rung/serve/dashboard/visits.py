"""What a page is given, and what it gives back: a template to fill, a place to go on to, or something that comes as it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from rung.errors import UserError
from rung.serve.dashboard.data import Controls
from rung.serve.dashboard.forms import Form
from rung.serve.dashboard.sessions import Note, Session


class Missing(UserError):
    """There is no such page, or nothing by that name."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Somebody who is logged in asks for a page, or sends a form; `renews` where the page asks for itself again."""

    controls: Controls
    session: Session
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Form = field(default_factory=Form)
    renews: bool = False

    def asked(self, name: str, longest: int = 200) -> str:
        """A word of the address's query, without blanks around it and cut where no page would need more; "" where it has none."""
        return self.query.get(name, "").strip()[:longest]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A page: a template with what it is filled with; `nav` names the entry of the menu that it belongs to."""

    template: str
    title: str
    nav: str = ""
    views: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A form was taken: the browser goes on to a page of ours, which tells the note."""

    to: str
    note: Note | None = None


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """Lines of JSON as they come; `left` is called when nobody reads any more."""

    lines: Iterator[str]
    left: Callable[[], None]


Answer = Shown | Sent | Streamed


@dataclass(frozen=True, kw_only=True)
class Page:
    """An address: what it shows, what it does with a form that is sent to it, and where an error of that form is told.

    back  the address of that page, with the same names in braces; "" for the page itself
    """

    path: str
    show: Callable[[Visit], Answer] | None = None
    act: Callable[[Visit], Answer] | None = None
    back: str = ""

    def back_to(self, path: Mapping[str, str]) -> str:
        """Where an error of its form is told."""
        return local(self.back or self.path, **path)


def local(template: str, **names: object) -> str:
    """An address of ours: names are quoted, so that nothing in one can lead elsewhere."""
    for name, value in names.items():
        template = template.replace("{" + name + "}", quote(str(value), safe="@"))
    return template


def is_ours(address: str) -> bool:
    """Whether an address that came from outside leads to a page of ours and nowhere else."""
    return address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
