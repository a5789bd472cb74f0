"""What a reader of the page, the document or the sheet would see is in the text; what is not is told."""

from __future__ import annotations

import io
import json

import papers
import pytest

from rung.data.documents.chunk import chunk
from rung.data.documents.parse import parse
from rung.data.documents.parse.html import html_text
from rung.data.documents.parsed import BadDocument, Parsed


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<pre>\nif a:\n    b()\n\n# not a heading</pre>", "```\nif a:\n    b()\n\n# not a heading\n```\n"),
        ("<pre>```</pre>", "````\n```\n````\n"),
        ("<p>a<br>b<p>c", "a\nb\n\nc\n"),
        ("<p># 5 bolts<p>no. # 6", "\\# 5 bolts\n\nno. # 6\n"),
        ("<nav><a href=1>Home</a> | <a href=2>Terms</a></nav><p>Text", "Text\n"),
        ("<nav><a href=1>Home</a><p>The nav was never closed, and the whole page follows.<h2>Hours</h2><p>Nine to five.",
         "Home\n\nThe nav was never closed, and the whole page follows.\n\n## Hours\n\nNine to five.\n"),
        ("<p>seen<p hidden>not<p style='display: none'>nor<script>x()</script><template>nor this</template>", "seen\n"),
        ("<p>so<b>me</b>thing <i>else</i>", "something else\n"),
        ("<ul><li>one<ul><li>in</ul><li>two</ul>", "- one\n  - in\n- two\n"),
        ("<ol start=3><li>c<li value=7>g<li>h</ol>", "3. c\n7. g\n8. h\n"),
        ("<dl><dt>Lamp<dd>Gives light.</dl>", "Lamp\n\nGives light.\n"),
        ("<img src=x alt='A map of  the shop'>", "A map of the shop\n"),
        ("<input value='42'><input type=hidden value=secret><textarea>free\ntext</textarea>", "42\n\n```\nfree\ntext\n```\n"),
        ("<title>Opening hours</title><p>Nine.", "# Opening hours\n\nNine.\n"),
        ("<title>Shop</title><h1>Opening hours</h1><p>Nine.", "# Opening hours\n\nNine.\n"),
        ("<h2>A <br> b</h2>", "## A b\n"),
        ("<p>5 &lt; 6 &amp; 7&nbsp;m &#8364;&#x9c;", "5 < 6 & 7 m \u20ac\u0153\n"),
        ("<details><summary>More</summary>Hidden until it is opened.</details>", "More\n\nHidden until it is opened.\n"),
        ("<svg><text>drawn</text></svg><math><mi>x</mi></math>", "x\n"),
        ("<p>unclosed <b>tags <p>everywhere", "unclosed tags\n\neverywhere\n"),
        ("<!-- <p>commented out</p> --><p>a", "a\n"),
    ],
)  # fmt: skip
def test_a_page_is_read_as_a_browser_shows_it(page, text) -> None:
    assert html_text(page) == text


@pytest.mark.parametrize(
    ("page", "rows"),
    [
        ("<table><tr><th>Item<th>Price<tr><td>Lamp<td>5</table>", ["Item | Price", "Lamp | 5"]),
        ("<table><tr><td>Item<td>Price<tr><td>La|mp<td>5</table>", ["Item | Price", "La\\|mp | 5"]),
        ("<table><tr><td>a<br>b<td><p>c</p>d</table>", ["a b | c d"]),
        (
            "<table><thead><tr><th rowspan=2>Item<th colspan=2>Price<tr><th>net<th>gross<tbody><tr><td rowspan=2>Lamp<td>1<td>2"
            "<tr><td>3<td>4</table>",
            ["Item | Price net | Price gross", "Lamp | 1 | 2", "Lamp | 3 | 4"],
        ),
        ("<table><tr><th>A<th>B<tr><td>x<td><table><tr><td>in<td>side</table></table>", ["A | B", "x | in, side"]),
        ("<table><tr><th>A<th>B<tr><td colspan=5000>x</table>", ["A | B", "x | x"]),
    ],
)  # fmt: skip
def test_a_table_keeps_its_rows_and_columns(page, rows) -> None:
    lines = [line.strip("| ") for line in html_text(page).strip().split("\n") if not line.startswith("| ---")]
    assert [" | ".join(part for part in line.split(" | ")[: rows[0].count(" | ") + 1]) for line in lines] == rows


def test_a_table_that_lays_a_page_out_is_read_as_its_text() -> None:
    assert html_text("<table><tr><td><h2>News</h2><p>It opens.<td><p>Menu</table>") == "## News\n\nIt opens.\n\nMenu\n"


CAFE = "Caf\u00e9 \u20ac5 \u201cfine\u201d"


@pytest.mark.parametrize(
    ("data", "text", "remarks"),
    [
        (f"<meta charset=windows-1252><p>{CAFE}".encode("cp1252"), CAFE, ()),
        (f"<META http-equiv=Content-Type content='text/html; charset=ISO-8859-1'><p>{CAFE}".encode("cp1252"), CAFE, ()),
        (f"<meta charset='utf-8'><p>{CAFE}".encode("cp1252"), CAFE, ("read as cp1252, a guess",)),
        (f"<meta charset=windows-1252><p>{CAFE}".encode("utf-8-sig"), CAFE, ()),
        ("<meta charset=shift_jis><p>\u71b1\u3044\u304a\u8336".encode("cp932"), "\u71b1\u3044\u304a\u8336", ()),
        ("<meta charset=koi8-r><p>\u0427\u0430\u0439".encode("koi8-r"), "\u0427\u0430\u0439", ()),
        (f"<p>{CAFE}".encode("utf-16"), CAFE, ()),
        (f"<p>{CAFE} and some more of it".encode("utf-16-le"), f"{CAFE} and some more of it", ("read as utf-16-le, a guess",)),
        (f"<meta charset=no-such-thing><p>{CAFE}".encode(), CAFE, ()),
        (f"<?xml version='1.0' encoding='windows-1252'?><html><body><p>{CAFE}</p></body></html>".encode("cp1252"), CAFE, ()),
    ],
)  # fmt: skip
def test_a_page_says_its_encoding(data, text, remarks) -> None:
    found = parse("html", data)
    assert (found.text.strip(), found.remarks) == (text, remarks)


def test_a_text_of_an_older_encoding_is_read_and_told() -> None:
    found = parse("text", "Die W\u00f6rter f\u00fcr Gr\u00f6\u00dfe und \u00c4rger.".encode("cp1252"))
    assert found.text == "Die W\u00f6rter f\u00fcr Gr\u00f6\u00dfe und \u00c4rger." and found.remarks == (
        "read as cp1252, a guess",
    )


def test_json_keeps_what_is_zero_false_or_beyond_ascii() -> None:
    row = {
        "name": "Gr\u00fcner Tee",
        "stock": 0,
        "sold out": False,
        "price": 1.50,
        "note": None,
        "empty": "",
        "tags": ["\u8336", "tea"],
        "of": {"a": {"b": 1}},
    }
    lines = ["name: Gr\u00fcner Tee", "stock: 0", "sold out: false", "price: 1.50", "tags: \u8336, tea", "of.a.b: 1"]
    text = json.dumps(row).replace("1.5,", "1.50,")
    assert parse("jsonl", text.encode()).text == "\n".join(lines)
    assert parse("json", f'{{"items": [{text}, {text}]}}'.encode()).text == "\n\n".join(["\n".join(lines)] * 2)
    assert (
        parse("jsonl", b'"a line of text"\n[{"a": 12345678901234567890}]\n').text == "a line of text\n\n1.a: 12345678901234567890"
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Ort;Preis\nK\u00f6ln;1,50\nBonn;2,00\n", "Ort: K\u00f6ln\nPreis: 1,50\n\nOrt: Bonn\nPreis: 2,00"),
        ("Prices of May\n\nitem,price\nlamp,5\nnut,0\nbolt,7\n", "Prices of May\n\nitem: lamp\nprice: 5\n\n"
         "item: nut\nprice: 0\n\nitem: bolt\nprice: 7"),
        ('item,note\nlamp,"a, b\nc"\nnut,x\n', "item: lamp\nnote: a, b\nc\n\nitem: nut\nnote: x"),
        ("sep=;\na;b\n1;2\n3;4\n", "a: 1\nb: 2\n\na: 3\nb: 4"),
    ],
)  # fmt: skip
def test_a_table_of_any_delimiter_is_read(data, text) -> None:
    assert parse("csv", data.encode()).text == text


def test_rows_that_cannot_be_read_are_told() -> None:
    good = "".join(f"item {number},{number},x\n" for number in range(20))
    found = parse("csv", f"name,price,note\n{good}lamp,5,x,too,many\n".encode())
    assert "item 19" in found.text and "lamp" not in found.text
    assert found.remarks and found.remarks[0].startswith("rows are left out: line 22:")


def _docx(inside: str) -> bytes:
    """A document with this as its body, in WordprocessingML."""
    from docx import Document
    from docx.oxml import parse_xml

    document = Document()
    space = "xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'"
    for element in parse_xml(f"<w:body {space}>{inside}</w:body>"):
        document.element.body.append(element)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _p(text: str) -> str:
    return f"<w:p><w:r><w:t xml:space='preserve'>{text}</w:t></w:r></w:p>"


INSERTED = "<w:ins w:id='1' w:author='a'><w:r><w:t>Added.</w:t></w:r></w:ins>"
DELETED = "<w:del w:id='2' w:author='a'><w:r><w:delText>Gone.</w:delText></w:r></w:del>"
IN_LINE = "<w:sdt><w:sdtContent><w:r><w:t>5 euros</w:t></w:r></w:sdtContent></w:sdt>"
FIELD = "<w:fldSimple w:instr='AUTHOR'><w:r><w:t>Ida</w:t></w:r></w:fldSimple>"
FORMULA = "<m:oMath xmlns:m='http://schemas.openxmlformats.org/officeDocument/2006/math'><m:r><m:t>x=2</m:t></m:r></m:oMath>"
RUBY = "<w:ruby><w:rt><w:r><w:t>cha</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>\u8336</w:t></w:r></w:rubyBase></w:ruby>"
HIDDEN = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>"
RESTART, GOES_ON, TWO_WIDE = "<w:vMerge w:val='restart'/>", "<w:vMerge/>", "<w:gridSpan w:val='2'/>"


def _cell(inside: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{inside}</w:tc>"


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (f"<w:p>{INSERTED}{DELETED}</w:p>", "Added.\n"),
        (f"<w:p>{FIELD}{FORMULA}<w:r>{RUBY}</w:r>{HIDDEN}</w:p>", "Idax=2\u8336\n"),
        (f"<w:sdt><w:sdtContent>{_p('In a control.')}</w:sdtContent></w:sdt>", "In a control.\n"),
        (f"<w:p><w:r><w:t xml:space='preserve'>Sum: </w:t></w:r>{IN_LINE}</w:p>", "Sum: 5 euros\n"),
        (
            f"<w:tbl><w:tr>{_cell(_p('Item'))}{_cell(_p('Price'))}</w:tr><w:tr>{_cell(_p('Lamp'))}{_cell(_p('5'))}</w:tr></w:tbl>",
            "| Item | Price |\n| --- | --- |\n| Lamp | 5 |\n",
        ),
        (
            f"<w:tbl><w:tr>{_cell(_p('Kind'))}{_cell(_p('Item'))}</w:tr>"
            f"<w:tr>{_cell(_p('Light'), RESTART)}{_cell(_p('Lamp'))}</w:tr>"
            f"<w:tr>{_cell(_p(''), GOES_ON)}{_cell(_p('Torch'))}</w:tr><w:tr>{_cell(_p('Sum'), TWO_WIDE)}</w:tr></w:tbl>",
            "| Kind | Item |\n| --- | --- |\n| Light | Lamp |\n| Light | Torch |\n| Sum | Sum |\n",
        ),
    ],
)  # fmt: skip
def test_nothing_that_stands_in_a_docx_is_lost(inside, text) -> None:
    assert parse("docx", _docx(inside)).text == text


def test_a_nested_table_keeps_its_text() -> None:
    inner = f"<w:tbl><w:tr>{_cell(_p('inner'))}{_cell(_p('value'))}</w:tr></w:tbl>"
    first, second = f"{_cell(_p('A'))}{_cell(_p('B'))}", f"{_cell(_p('x') + inner + _p(''))}{_cell(_p('y'))}"
    outer = f"<w:tbl><w:tr>{first}</w:tr><w:tr>{second}</w:tr></w:tbl>"
    text = parse("docx", _docx(outer)).text
    assert all(word in text for word in ("A", "B", "x", "inner", "value", "y"))


def test_slides_are_read_in_order_with_their_tables_groups_and_notes() -> None:
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    show = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.shapes.title.text, first.placeholders[1].text = "Plan", "Open\nClose"
    first.notes_slide.notes_text_frame.text = "Say it slowly."
    second = show.slides.add_slide(show.slide_layouts[6])
    table = second.shapes.add_table(2, 2, 0, 0, Inches(2), Inches(1)).table
    for row, texts in enumerate((("Item", "Price"), ("Lamp", "5"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "In a group"
    chart = CategoryChartData()
    chart.categories = ["May", "June"]
    chart.add_series("Sold", (3, 4.5))
    second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(2), Inches(2), chart)
    out = io.BytesIO()
    show.save(out)
    assert parse("pptx", out.getvalue()).text == (
        "## Plan\n\nOpen\nClose\n\nSay it slowly.\n\n## Slide 2\n\n| Item | Price |\n| --- | --- |\n| Lamp | 5 |\n\nIn a group\n\n"
        "|  | May | June |\n| --- | --- | --- |\n| Sold | 3 | 4.5 |\n"
    )


def test_sheets_are_read_as_tables_with_their_titles_and_merged_cells() -> None:
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        prices = book.add_worksheet("Prices")
        for place, row in enumerate(
            (
                ["Prices of May"],
                [],
                ["Kind", "Item", "Price"],
                ["Light", "Lamp", 0.1 + 0.2],
                ["", "Torch", 0],
                [],
                ["See also: Terms"],
            )
        ):
            prices.write_row(place, 0, row)
        prices.merge_range(3, 0, 4, 0, "Light")
        book.add_worksheet("Empty")
        book.add_worksheet("Flags").write_row(0, 0, ["Open", True])
    assert parse("workbook", out.getvalue()).text == (
        "# Prices\n\nPrices of May\n\n| Kind | Item | Price |\n| --- | --- | --- |\n"
        "| Light | Lamp | 0.3 |\n| Light | Torch | 0 |\n\nSee also: Terms\n\n# Flags\n\n| Open | TRUE |\n| --- | --- |\n"
    )  # fmt: skip


def test_pages_that_are_pictures_are_told() -> None:
    found = parse("pdf", papers.pdf("first", "", "third"))
    assert (found.text, found.remarks) == ("first\n\nthird", ("page 2 has no text: pictures, unless empty",))
    with pytest.raises(BadDocument, match="its pages may be pictures"):
        parse("pdf", papers.pdf("", ""))


def test_a_later_piece_of_a_long_table_has_its_header() -> None:
    rows = "\n".join(f"| item {number} | {number} euros |" for number in range(60))
    text = f"# Prices\n\nAll prices.\n\n| Item | Price |\n| --- | --- |\n{rows}\n\nPrices change.\n"
    chunks = chunk("prices.md", Parsed(text=text, markdown=True), 300)
    later = [piece for piece in chunks if piece.text.startswith("| item") and "| Item" not in piece.text]
    assert len(later) > 3 and {piece.headings for piece in later} == {("Prices", "Item | Price")}
    assert all(text[piece.start : piece.end] == piece.text for piece in chunks)
    assert chunks[-1].text.endswith("Prices change.")
    after = chunk("prices.md", Parsed(text=f"{text}\n{'More words. ' * 40}", markdown=True), 300)[-1]
    assert after.headings == ("Prices",)
