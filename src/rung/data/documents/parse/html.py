"""A page as Markdown, as a browser shows it. The parser is lexbor's, which reads HTML as browsers do (selectolax)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rung.data.documents.parse.decode import decoded, said_in_html
from rung.data.documents.parse.tables import table_text
from rung.data.documents.parsed import Parsed, guessed_encoding

_UNSEEN = frozenset({"script", "style", "head", "template", "noscript", "svg", "math-annotation", "iframe", "object", "datalist"})
_BLOCK = re.compile(
    r"address|article|aside|blockquote|body|caption|center|d[dlt]|details|dialog|div|fieldset|fig(?:caption|ure)|footer|form|header"
    r"|hgroup|hr|html|legend|li|main|nav|option|p|search|section|summary"
)
_CELLS = ("td", "th")
# A menu is links and little else; a page's own text in a <nav> that was never closed is not.
_MENU_LINKS = 0.5
MOST_SPAN = 100
MOST_CELLS = 200_000


def parse_html(data: bytes) -> Parsed:
    """Headings, lists, tables and preformatted text keep their form; what a browser does not show, and menus, are left out."""
    text, guess = decoded(data, said_in_html(data))
    return Parsed(text=html_text(text), markdown=True, remarks=guessed_encoding(guess))


def html_text(page: str) -> str:
    """The Markdown of a page."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(page)
    body = tree.body or tree.root
    if body is None:
        return ""
    writer = _Writer()
    title = tree.css_first("head > title")
    if title is not None and not tree.css("h1"):
        # A browser shows it, if elsewhere: a page without a heading has no other name.
        writer.heading(1, title.text(deep=True))
    writer.children(body)
    return writer.text()


class _Writer:
    """Collects the lines of a page. Inline text is joined as it stands; blocks begin lines of their own."""

    def __init__(self, *, in_cell: bool = False) -> None:
        self._parts: list[str] = []
        self._in_cell = in_cell

    def text(self) -> str:
        """Lines trimmed but for preformatted ones, at most one empty line between blocks."""
        joined = re.sub(r"[ \t]+\n", "\n", "".join(self._parts))
        return re.sub(r"\n{3,}", "\n\n", joined).strip() + "\n"

    def heading(self, level: int, title: str) -> None:
        words = " ".join(title.split())
        if words:
            self._block(f"{'#' * level} {words}")

    def children(self, node: Any) -> None:
        for child in node.iter(include_text=True):
            self._node(child)

    def _node(self, node: Any) -> None:
        tag = node.tag
        if tag == "-text":
            self._inline(node.text_content or "")
        elif tag in _UNSEEN or tag.startswith(("-", "!", "_")) or _is_hidden(node):
            return
        elif re.fullmatch(r"h[1-6]", tag):
            self.heading(int(tag[1]), inside(node))
        elif special := _SPECIAL.get(tag):
            special(self, node)
        elif _BLOCK.fullmatch(tag):
            if not (tag == "nav" and _is_menu(node)):
                self._break(2)
                self.children(node)
                self._break(2)
        else:
            self.children(node)

    def preformatted(self, node: Any) -> None:
        """Line for line, fenced: its signs are no Markdown."""
        text = node.text(deep=True).strip("\n")
        if text.strip():
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
            self._block(f"{fence}\n{text}\n{fence}")

    def line_break(self, _node: Any) -> None:
        self._parts.append("\n")

    def image(self, node: Any) -> None:
        if words := " ".join((node.attributes.get("alt") or "").split()):
            self._parts.append(words)

    def field(self, node: Any) -> None:
        """What stands in a form's field."""
        if node.attributes.get("type", "text") not in ("hidden", "password", "checkbox", "radio") and node.attributes.get("value"):
            self._inline(f" {node.attributes['value']} ")

    def items(self, node: Any) -> None:
        """A list: `- ` or `1. `, those within it indented."""
        self._break(2 if node.parent is None or node.parent.tag != "li" else 1)
        number = _whole(node.attributes.get("start"), 1)
        for child in node.iter(include_text=True):
            if child.tag != "li":
                self._node(child)
                continue
            number = _whole(child.attributes.get("value"), number)
            mark = f"{number}. " if node.tag == "ol" else "- "
            number += 1
            inner = _Writer(in_cell=self._in_cell)
            inner.children(child)
            lines = inner.text().rstrip("\n").split("\n")
            self._break(1)
            self._parts.append(
                "\n".join([f"{mark}{lines[0]}", *[f"{' ' * len(mark)}{line}" if line else "" for line in lines[1:]]])
            )
            self._break(1)
        self._break(2 if node.parent is None or node.parent.tag != "li" else 1)

    def table(self, node: Any) -> None:
        """One that lays a page out is read as its cells' text; one with values as a table."""
        caption = node.css_first("caption")
        if caption is not None and caption.parent is not None and caption.parent.mem_id == node.mem_id:
            self._block(" ".join(inside(caption).split()))
        if self._in_cell:
            self._block("; ".join(", ".join(filter(None, row)) for row in _grid(node)))
        elif _lays_out(node):
            for row in _rows(node):
                for cell in row:
                    self._break(2)
                    self.children(cell)
                    self._break(2)
        else:
            self._block(table_text(_headed(_grid(node), node)))

    def _block(self, text: str) -> None:
        self._break(2)
        self._parts.append(text)
        self._break(2)

    def _break(self, lines: int) -> None:
        """So many line ends, those counted that are there."""
        there = 0
        for part in reversed(self._parts):
            there += len(part) - len(part.rstrip("\n"))
            if part.rstrip("\n") or there >= lines:
                break
        if self._parts and there < lines:
            self._parts.append("\n" * (lines - there))

    def _inline(self, text: str) -> None:
        """White space as HTML has it; a sign that would begin a Markdown heading is kept a sign."""
        words = re.sub(r"[ \t\n\r\f\xa0]+", " ", text)
        at_start = not self._parts or self._parts[-1].endswith("\n")
        words = words.lstrip(" ") if at_start else words
        self._parts.append(re.sub(r"^(#{1,6} )", r"\\\1", words) if at_start else words)


_SPECIAL: dict[str, Any] = {
    "pre": _Writer.preformatted,
    "listing": _Writer.preformatted,
    "textarea": _Writer.preformatted,
    "br": _Writer.line_break,
    "img": _Writer.image,
    "input": _Writer.field,
    "ul": _Writer.items,
    "ol": _Writer.items,
    "menu": _Writer.items,
    "table": _Writer.table,
}


def inside(node: Any, *, in_cell: bool = False) -> str:
    """The text of one element; of a table within a table's cell, its values in a line."""
    writer = _Writer(in_cell=in_cell)
    writer.children(node)
    return writer.text().strip()


def _is_hidden(node: Any) -> bool:
    attributes = node.attributes
    style = re.sub(r"\s", "", attributes.get("style") or "").lower()
    return "hidden" in attributes or "display:none" in style or "visibility:hidden" in style


def _is_menu(node: Any) -> bool:
    """Whether most of its text is links."""
    whole = len("".join(node.text(deep=True).split()))
    links = sum(len("".join(link.text(deep=True).split())) for link in node.css("a"))
    return whole == 0 or links >= _MENU_LINKS * whole


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and re.fullmatch(r"-?\d{1,6}", text) else otherwise


def _rows(node: Any) -> Iterator[list[Any]]:
    """The table's own rows of cells, not those of tables within it."""
    for part in node.iter():
        if part.tag == "tr":
            yield [cell for cell in part.iter() if cell.tag in _CELLS]
        elif part.tag in ("thead", "tbody", "tfoot"):
            yield from ([cell for cell in row.iter() if cell.tag in _CELLS] for row in part.iter() if row.tag == "tr")


def _lays_out(node: Any) -> bool:
    """Whether it is there for places on the page: said so, of a single column, or with headings, paragraphs or tables in cells."""
    if node.attributes.get("role") in ("presentation", "none"):
        return True
    rows = list(_rows(node))
    if node.css_first("th") is not None or not rows:
        return False
    return max(map(len, rows)) <= 1 or any(cell.css_first("h1, h2, h3, h4, table, p + p, ul") for row in rows for cell in row)


def _headed(grid: list[list[str]], node: Any) -> list[list[str]]:
    """With one header: of several rows of names each column's, one above the other."""
    names = 0
    for row in _rows(node):
        if not row or any(cell.tag == "td" for cell in row):
            break
        names += 1
    if names < 2 or names >= len(grid):
        return grid
    width = max(map(len, grid[:names]))
    columns = [[row[column] for row in grid[:names] if column < len(row)] for column in range(width)]
    return [[" ".join(dict.fromkeys(filter(None, column))) for column in columns], *grid[names:]]


def _grid(node: Any) -> list[list[str]]:
    """Cells by row and column; one that spans several stands in each of them."""
    found: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}
    for row in _rows(node):
        line: list[str] = []
        cells = iter(row)
        while True:
            while (column := len(line)) in below:
                left, text = below.pop(column)
                line.append(text)
                if left > 1:
                    below[column] = (left - 1, text)
            cell = next(cells, None)
            if cell is None or len(found) * (len(line) + 1) > MOST_CELLS:
                break
            text = inside(cell, in_cell=True)
            down = min(_whole(cell.attributes.get("rowspan"), 1), MOST_SPAN)
            for _ in range(max(1, min(_whole(cell.attributes.get("colspan"), 1), MOST_SPAN))):
                if down > 1:
                    below[len(line)] = (down - 1, text)
                line.append(text)
        found.append(line)
    return found
