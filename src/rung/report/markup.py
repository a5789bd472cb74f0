"""HTML and SVG out of function calls: what is not already `Html` is escaped, so model outputs cannot become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from rung.report.text import DASH

VOID = frozenset({"br", "hr", "meta", "wbr"})
# C0 and C1 controls, direction overrides, isolates and lone surrogates: unseen, they can reorder or break a page or a terminal.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


class Html(str):
    """Text that is markup already and goes into a page as it stands."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Column:
    """A table's column: its heading, whether it holds numbers, and a longer explanation of the heading."""

    label: str
    numeric: bool = False
    help: str | None = None


def visible(text: str) -> str:
    r"""`text` with control characters, direction overrides and lone surrogates spelt out (`⟨U+202E⟩`); `\r\n` becomes `\n`."""
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text.replace("\r\n", "\n"))


def element(tag: str, *children: Any, **attributes: Any) -> Html:
    """`<tag attributes>children</tag>`, everything escaped that is not Html.

    Children may be text, numbers, Html, None (left out) or iterables of these. In attribute names a trailing underscore is dropped
    (`class_`) and others become hyphens (`aria_label`); None and False leave an attribute out, True writes its name alone.
    """
    head = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Html(f"<{tag}{head}>")
    return Html(f"<{tag}{head}>{join(children)}</{tag}>")


def join(children: Iterable[Any]) -> Html:
    """Children side by side, escaped where they are not Html."""
    return Html("".join(_child(child) for child in children))


def table(caption: str, columns: Iterable[Column], rows: Iterable[Iterable[Any]], *, class_: str = "") -> Html:
    """A table whose first column heads its rows. Each cell carries its column's label, which narrow screens show beside it.

    The roles are written out because the narrow layout takes the table's own display away, and with it its meaning to a reader.
    """
    columns = tuple(columns)
    head = [_heading(column) for column in columns]
    body = [element("tr", _cells(columns, row), role="row", class_=_bare(row)) for row in map(tuple, rows)]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", head, role="row"), role="rowgroup"),
        element("tbody", body, role="rowgroup"),
        role="table",
        class_=class_ or None,
    )


def pairs(facts: Mapping[str, Any] | Iterable[tuple[str, Any]], *, class_: str = "facts") -> Html:
    """A list of names and values."""
    entries = facts.items() if isinstance(facts, Mapping) else facts
    return element("dl", [element("div", element("dt", name), element("dd", value)) for name, value in entries], class_=class_)


def section(title: str, *children: Any, id_: str | None = None) -> Html:
    """A headed part of the page; nothing where there is nothing to say."""
    content = join(children)
    return element("section", element("h2", title), content, id=id_) if content else Html("")


def _heading(column: Column) -> Html:
    return element("th", column.label, scope="col", role="columnheader", class_=_kind(column), title=column.help)


def _cells(columns: tuple[Column, ...], row: Iterable[Any]) -> list[Html]:
    first, *rest = row
    head = element("th", first, scope="row", role="rowheader")
    cells = [
        element("td", element("span", value), role="cell", class_=_kind(column), data_label=column.label)
        for column, value in zip(columns[1:], rest, strict=True)
    ]
    return [head, *cells]


def _bare(row: tuple[Any, ...]) -> str | None:
    """Rows without one known figure: narrow screens, where each figure takes a line, leave their dashes out."""
    return "bare" if len(row) > 2 and all(value == DASH for value in row[2:]) else None


def _kind(column: Column) -> str | None:
    return "number" if column.numeric else None


def _attribute(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(visible(str(value)), quote=True)}"'


def _child(child: Any) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return escape(visible(child), quote=False)
    return join(child) if isinstance(child, Iterable) else escape(str(child))
