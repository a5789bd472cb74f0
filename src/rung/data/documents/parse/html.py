"""A page as Markdown, as a browser shows it. The parser is lexbor's, which reads HTML as browsers do (selectolax)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from rung.data.documents.parse.decode import decoded, said_in_html
from rung.data.documents.parse.tables import table_text
from rung.data.documents.parsed import Parsed, guessed_encoding

_UNSEEN = frozenset({"script", "style", "head", "template", "noscript", "svg", "iframe", "object", "datalist"})
_UNSEEN |= {"annotation", "annotation-xml"}
_BLOCK = re.compile(
    r"address|article|aside|blockquote|body|caption|center|d[dlt]|details|dialog|div|fieldset|fig(?:caption|ure)|footer|form|header"
    r"|hgroup|hr|html|legend|li|main|nav|option|p|search|section|summary"
)
_CELLS = ("td", "th")
# A menu is links and little else; a page's own text in a <nav> that was never closed is not.
_MENU_LINKS = 0.5
# What stands in a cell that is a place on the page.
_NO_VALUE = "h1, h2, h3, h4, table, p + p, ul, ol, dl, pre"
# As wide and as high as browsers let a cell be; its text is written again in each place, so often in all.
MOST_ACROSS, MOST_DOWN, MOST_COPIES = 1000, 65_534, 1_000_000
# XML closes an element in its own tag, which HTML takes for an open one: all that follows would stand in it.
_VOID = "area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr"
_CLOSED = re.compile(rf"<(?!(?:{_VOID})\b)([A-Za-z][\w:.-]*)([^<>]*)/>", re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
# What would begin a heading or a fence in Markdown, or underline one.
_SIGN = re.compile(r"(?=#{1,6} |```|~~~|(?:-{2,}|={2,}) ?$)")


def parse_html(data: bytes) -> Parsed:
    """Headings, lists, tables and preformatted text keep their form; what a browser does not show, and menus, are left out."""
    text, guess = decoded(data, said_in_html(data))
    return Parsed(text=html_text(text), markdown=True, remarks=guessed_encoding(guess))


def html_text(page: str) -> str:
    """The Markdown of a page."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(_without_xml(page))
    body = tree.body or tree.root
    if body is None:
        return ""
    writer = _Writer()
    title = tree.css_first("head > title")
    if title is not None and not any(heading.text(deep=True).strip() for heading in tree.css("h1")):
        # A browser shows it, if elsewhere: a page without a heading has no other name.
        writer.heading(1, title.text(deep=True))
    writer.children(body)
    return writer.text()


def _without_xml(page: str) -> str:
    """XHTML as HTML: its elements without content, and its text that is marked as text."""
    if not re.match(r"\s*<\?xml|[^<]*<[^<]*<?html[^>]*xmlns", page[:2000]):
        return page
    plain = _CDATA.sub(lambda found: found[1].replace("&", "&amp;").replace("<", "&lt;"), page)
    return _CLOSED.sub(r"<\1\2></\1>", plain)


class _Writer:
    """Collects the lines of a page. Inline text is joined as it stands; blocks begin lines of their own."""

    def __init__(self, *, in_cell: bool = False) -> None:
        self._parts: list[str] = []
        self._in_cell = in_cell

    def text(self) -> str:
        """Lines trimmed but for preformatted ones, at most one empty line between blocks."""
        joined = re.sub(r"(?<![ \t])[ \t]+\n", "\n", "".join(self._parts))
        return re.sub(r"\n{3,}", "\n\n", joined).strip() + "\n"

    def heading(self, level: int, title: str) -> None:
        words = " ".join(title.split())
        if words:
            self._block(words if self._in_cell else f"{'#' * level} {words}")

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
        text = "".join(_lines(node)).strip("\n")
        if self._in_cell:
            self._block(text)
        elif text.strip():
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
            self._block(f"{fence}\n{text}\n{fence}")

    def line_break(self, _node: Any) -> None:
        self._parts.append("\n")

    def image(self, node: Any) -> None:
        if words := " ".join((node.attributes.get("alt") or "").split()):
            self._inline(f" {words} ")

    def button(self, node: Any) -> None:
        """A box of its own in the line."""
        self._inline(" ")
        self.children(node)
        self._inline(" ")

    def raised(self, node: Any) -> None:
        """10\u00b3 is not 103, and a note's mark is no part of its word."""
        words = " ".join(inside(node).split())
        before = self._parts[-1][-1:] if self._parts else ""
        if words.isalnum() and node.css_first("a") is not None:
            words = f"[{words}]"
        elif before.isdigit() and re.match(r"[-+\u2212]?\d", words):
            words = f"^{words}"
        self._parts.append(words)

    def pair(self, node: Any) -> None:
        """Of a formula, a fraction or a power."""
        parts = [" ".join(inside(part).split()) for part in node.iter()]
        grouped = [part if part.isalnum() else f"({part})" for part in parts]
        self._parts.append(("/" if node.tag == "mfrac" else "^").join(grouped))

    def ruby(self, node: Any) -> None:
        """The words, then how they are read."""
        said = " ".join(inside(part).strip() for part in node.css("rt"))
        for child in node.iter(include_text=True):
            if child.tag not in ("rt", "rp", "rtc"):
                self._node(child)
        self._parts.append(f"({said})" if said.strip() else "")

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
        rows = list(_rows(node))
        if self._in_cell:
            self._block("; ".join(", ".join(filter(None, row)) for row in _grid(rows)))
        elif _lays_out(node, rows):
            for cell in itertools.chain.from_iterable(rows):
                self._break(2)
                self.children(cell)
                self._break(2)
        else:
            titles = _titles(rows)
            for row in rows[:titles]:
                self._block(" ".join(inside(row[0], in_cell=True).split()))
            self._block(_values(rows[titles:]))

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
        last = self._parts[-1] if self._parts else "\n"
        words = words.lstrip(" ") if last.endswith(("\n", " ")) else words
        if words:
            self._parts.append(f"\\{words}" if last.endswith("\n") and _SIGN.match(words) else words)


_SPECIAL: dict[str, Any] = {
    "pre": _Writer.preformatted,
    "listing": _Writer.preformatted,
    "textarea": _Writer.preformatted,
    "br": _Writer.line_break,
    "img": _Writer.image,
    "input": _Writer.field,
    "button": _Writer.button,
    "sup": _Writer.raised,
    "mfrac": _Writer.pair,
    "msup": _Writer.pair,
    "ruby": _Writer.ruby,
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
    """The table's own rows of cells, not those of tables within it; head above, foot below, wherever they are written."""
    parts = sorted(node.iter(), key=lambda part: {"thead": 0, "tfoot": 2}.get(part.tag, 1))
    for part in parts:
        if part.tag == "tr":
            yield [cell for cell in part.iter() if cell.tag in _CELLS]
        elif part.tag in ("thead", "tbody", "tfoot"):
            yield from ([cell for cell in row.iter() if cell.tag in _CELLS] for row in part.iter() if row.tag == "tr")


def _lines(node: Any) -> Iterator[str]:
    """What is preformatted, as it stands; blocks in it begin lines of their own."""
    for child in node.iter(include_text=True):
        if child.tag == "-text":
            yield child.text_content or ""
        elif child.tag == "br":
            yield "\n"
        elif child.tag not in _UNSEEN and not child.tag.startswith(("-", "!", "_")) and not _is_hidden(child):
            inner = "".join(_lines(child))
            yield f"{inner}\n" if (_BLOCK.fullmatch(child.tag) or child.tag == "tr") and not inner.endswith("\n") else inner


def _titles(rows: list[list[Any]]) -> int:
    """How many rows at the top are of a single cell, above others of more: they are the table's name, and no column's."""
    alone = itertools.takewhile(lambda row: len(row) == 1 and _whole(row[0].attributes.get("rowspan"), 1) == 1, rows)
    titles = len(list(alone))
    return titles if any(len(row) > 1 for row in rows) else 0


def _values(rows: list[list[Any]]) -> str:
    """A table; one whose names stand in its first column has no names above, and with one value beside each is lines of both."""
    grid = _grid(rows)
    beside = bool(rows) and all(
        row and row[0].tag == "th" and all(cell.tag == "td" for cell in row[1:]) and len(row) > 1 for row in rows
    )
    if not beside:
        return table_text(_headed(grid, rows))
    if max(map(len, grid)) > 2:
        return table_text(grid, headed=False)
    pairs = [[" ".join(cell.split()) for cell in row] for row in grid]
    return "\n".join(": ".join(filter(None, (row[0].removesuffix(":"), row[1]))) for row in pairs if any(row))


def _lays_out(node: Any, rows: list[list[Any]]) -> bool:
    """Whether it is there for places on the page: said so, of a single column, or with headings, paragraphs or tables in cells."""
    if node.attributes.get("role") in ("presentation", "none"):
        return True
    if not rows or any(cell.tag == "th" for row in rows for cell in row):
        return False
    return max(map(len, rows)) <= 1 or any(cell.css_first(_NO_VALUE) for row in rows for cell in row)


def _headed(grid: list[list[str]], rows: list[list[Any]]) -> list[list[str]]:
    """With one header: of several rows of names each column's, one above the other."""
    names = 0
    for row in rows:
        if not row or any(cell.tag == "td" for cell in row):
            break
        names += 1
    if names < 2 or names >= len(grid):
        return grid
    width = max(map(len, grid[:names]))
    columns = [[row[column] for row in grid[:names] if column < len(row)] for column in range(width)]
    return [[" ".join(dict.fromkeys(filter(None, column))) for column in columns], *grid[names:]]


def _grid(rows: list[list[Any]]) -> list[list[str]]:
    """Cells by row and column; one that spans several stands in each of them, as far as there are cells of other rows."""
    found: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}
    width = copies = 0
    for place, row in enumerate(rows):
        line: list[str] = []
        for cell in row:
            _fill(line, below)
            text = inside(cell, in_cell=True)
            down = min(_whole(cell.attributes.get("rowspan"), 1) or MOST_DOWN, MOST_DOWN, len(rows) - place)
            across = min(max(1, _whole(cell.attributes.get("colspan"), 1)), MOST_ACROSS)
            copies += max(1, down) * across - 1
            if copies > MOST_COPIES:
                down = across = 1
            width = max(width, len(line) + 1)
            for _ in range(across):
                if down > 1:
                    below[len(line)] = (down - 1, text)
                line.append(text)
        _fill(line, below)
        found.append(line)
    return [line[:width] for line in found]


def _fill(line: list[str], below: dict[int, tuple[int, str]]) -> None:
    """The next places that cells of rows above reach down to."""
    while (column := len(line)) in below:
        left, text = below.pop(column)
        line.append(text)
        if left > 1:
            below[column] = (left - 1, text)
