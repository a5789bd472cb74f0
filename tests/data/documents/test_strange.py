"""What strangers' documents hold beside what their readers are made for: nothing is lost, doubled or glued without a word."""

from __future__ import annotations

import io
import re
import zipfile

import pytest

from rung.data.documents.contain import Contained
from rung.data.documents.parse import parse
from rung.data.documents.parse.html import html_text
from rung.data.documents.parse.wordml import plainer
from rung.data.documents.parsed import BadDocument


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<pre>a<br>b<span>c</span><script>x</script><div>d</div>e</pre>", "```\na\nbcd\ne\n```\n"),
        ("<p>10<sup>3</sup> m, 10<sup>-6</sup>, 1<sup>st</sup>, H<sub>2</sub>O", "10^3 m, 10^-6, 1st, H2O\n"),
        ("<p>Sales<sup><a href='#n1'>1</a></sup> of 2024<sup><a href='#n2'>[2]</a></sup>", "Sales[1] of 2024[2]\n"),
        ("<math><mfrac><mn>1</mn><mn>2</mn></mfrac><annotation>\\frac12</annotation></math>", "1/2\n"),
        ("<math><msup><mi>x</mi><mn>2</mn></msup></math>", "x^2\n"),
        ("<ruby>\u6f22<rp>(</rp><rt>kan</rt><rp>)</rp>\u5b57<rt>ji</rt></ruby>", "\u6f22\u5b57(kan ji)\n"),
        ("<button>Send</button><label>Name</label>", "Send Name\n"),
        ("see<img alt='a map'>here", "see a map here\n"),
        ("<title>Shop</title><h1> </h1><p>Open.", "# Shop\n\nOpen.\n"),
        ("<p>```<h2>Next</h2>", "\\```\n\n## Next\n"),
        ("<p>a<br>---<p>b", "a\n\\---\n\nb\n"),
        ("<table><tr><th>A<th>B<tr><td>x<h3>In it</h3>y<td><pre>c\nd</pre></table>",
         "| A | B |\n| --- | --- |\n| x In it y | c d |\n"),
        ("<table><tr><td><pre>1\n2</pre><td><pre>a\nb</pre></table>", "```\n1\n2\n```\n\n```\na\nb\n```\n"),
        ("<table><tbody><tr><td>1<td>2<tfoot><tr><td>3<td>4<thead><tr><th>A<th>B</table>",
         "| A | B |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n"),
        ("<table><tr><th>Name<td>Ida<tr><th>Age:<td>30</table>", "Name: Ida\nAge: 30\n"),
        ("<table><tr><th>Name<td>Ida<td>Ove<tr><th>Age<td>30<td>31</table>",
         "|  |  |  |\n| --- | --- | --- |\n| Name | Ida | Ove |\n| Age | 30 | 31 |\n"),
        ("<table><tr><td colspan=2>Prices<tr><td>a<td>b<tr><td>1<td>2</table>", "Prices\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"),
        ("<table></table><table><tr></tr></table><table><caption>Soon</caption></table>x", "Soon\n\nx\n"),
        ("<table><tr><th>a<th>b<tr><td colspan=100>all</table>", "| a | b |\n| --- | --- |\n| all | all |\n"),
        ("<table><tr><td rowspan=0>a<td>b<tr><td>c</table>", "| a | b |\n| --- | --- |\n| a | c |\n"),
        ("<?xml version='1.0'?><html xmlns='x'><head><title/><script src='a'/></head><body><a id='y'/><a/>One<![CDATA[ < 2]]>"
         "<p>b</body></html>", "One < 2\n\nb\n"),
    ],
)  # fmt: skip
def test_a_page_of_any_making_is_read_as_it_is_meant(page, text) -> None:
    assert html_text(page) == text


def test_cells_that_reach_far_down_do_not_shift_the_others() -> None:
    rows = "".join(f"<tr><td>{number}" for number in range(300))
    lines = html_text(f"<table><tr><th>Kind<th>Number<tr><td rowspan=301>Lamp<td>x{rows}</table>").splitlines()
    assert lines[-1] == "| Lamp | 299 |"


def test_every_cell_of_a_long_table_is_read() -> None:
    text = html_text(f"<table><tr><th>a<th>b<th>c{'<tr><td>1<td>2<td>last' * 67_000}</table>")
    assert text.count("last") == 67_000


@pytest.mark.parametrize(
    "page",
    [f"<pre>{' ' * 300_000}x</pre>", f"{chr(10)}<i></i>" * 50_000 + "x<div>y", "<ul><li>w " * 100, "<div>" * 1500 + "x"],
    ids=["spaces", "empty", "lists", "deep"],
)
def test_a_page_takes_no_more_time_than_it_is_long(page) -> None:
    with Contained(20) as reader:
        assert reader.parse("html", page.encode()).text.strip()


def test_what_is_nested_without_end_is_told() -> None:
    with Contained(30) as reader, pytest.raises(BadDocument, match="nested too deep"):
        reader.parse("html", b"<span>" * 30_000 + b"x")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"refunds": {"days": 30}}', "refunds.days: 30"),
        ('{"days": ["Mo", "Tu"]}', "days: Mo, Tu"),
        ('{"data": {"items": [{"a": 1}, {"a": 2}]}}', "a: 1\n\na: 2"),
        ('{"a": 1, "a": 2}', "a: 1\na 2: 2"),
        ('"one text"', "one text"),
    ],
)
def test_no_name_and_no_value_of_json_is_lost(text, read) -> None:
    assert parse("json", text.encode()).text == read


def test_prose_in_a_csv_is_read_as_prose() -> None:
    data = b"This is a text of one column\nIt goes on, and has, some, commas\nthen not\nmore of it here, yes\n"
    found = parse("csv", data)
    assert found.text == data.decode() and "as plain text" in found.remarks[0]


def test_a_few_torn_bytes_do_not_make_a_text_chinese() -> None:
    found = parse("text", "gr\u00f6\u00dfer ".encode() * 100 + b"gr\xf6\xdfer")
    assert found.text.startswith("gr\u00f6\u00dfer ") and "utf-8 (2 bytes" in found.remarks[0]


def _workbook(fill, **options) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, options) as book:
        fill(book)
    return out.getvalue()


def _with_hidden(book) -> None:
    sheet = book.add_worksheet("A")
    sheet.write_row(0, 0, ["n", "sum", "share"])
    sheet.write(1, 0, 12345678901234567)
    sheet.write_formula(1, 1, "=A2*2", None, "")
    sheet.write_formula(1, 2, "=1/0", None, "#DIV/0!")
    sheet.write_comment(0, 0, "Counted twice")
    sheet.insert_textbox(3, 3, "Ask Ida")
    other = book.add_worksheet("Old")
    other.write(0, 0, "x")
    other.hide()


def test_what_a_sheet_does_not_show_or_does_not_know_is_told() -> None:
    found = parse("workbook", _workbook(_with_hidden))
    assert "| 12345678901234600 |" in found.text and "Counted twice\nAsk Ida" in found.text
    assert [remark.split(":")[0] for remark in found.remarks] == [
        "hidden in it, and read", "1 formula has no value yet", "1 cell with an error, read as empty",
    ]  # fmt: skip


def test_a_page_or_a_text_that_is_named_as_a_workbook_is_read_as_what_it_is() -> None:
    page = parse("workbook", b"\n<html><table><tr><th>a<th>b<tr><td>1<td>2</table>")
    assert page.text == "| a | b |\n| --- | --- |\n| 1 | 2 |\n" and "a page (HTML)" in page.remarks[0]
    table = parse("workbook", b"a\tb\n1\t2\n3\t4\n")
    assert table.text == "a: 1\nb: 2\n\na: 3\nb: 4" and "a table in text" in table.remarks[0]
    with pytest.raises(BadDocument, match=r"save it as \.xlsx"):
        parse("workbook", b"<?xml version='1.0'?><Workbook/>")
    with pytest.raises(BadDocument, match=r"^by its content it is a workbook, not a DOCX"):
        parse("docx", _workbook(_with_hidden))


MATH = "xmlns:m='http://schemas.openxmlformats.org/officeDocument/2006/math'"


def _formula(inside: str) -> str:
    part = re.sub(r"(\w+)!", r"<m:r><m:t>\1</m:t></m:r>", inside)
    return f"<w:p><m:oMathPara {MATH}><m:oMath>{part}</m:oMath></m:oMathPara></w:p>"


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("<m:f><m:num>1!</m:num><m:den>2!</m:den></m:f>", "1/2"),
        ("x!<m:sSup><m:e>y!</m:e><m:sup>2!</m:sup></m:sSup>", "xy^2"),
    ],
)
def test_formulas_that_stand_alone_are_read(inside, text) -> None:
    from docx import Document
    from docx.oxml import parse_xml

    document = Document()
    document.sections[0].header.paragraphs[0].text = "Version 7"
    space = "xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'"
    document.element.body.append(parse_xml(f"<w:body {space}>{_formula(inside)}</w:body>")[0])
    out = io.BytesIO()
    document.save(out)
    assert plainer(out.getvalue())
    assert parse("docx", out.getvalue()).text == f"{text}\n\nVersion 7\n"


def test_diagrams_and_charts_of_any_kind_are_read_from_slides() -> None:
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE

    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[6])
    numbers = CategoryChartData()
    numbers.categories = ["May"]
    numbers.add_series("Sold", (7,))
    slide.shapes.add_chart(XL_CHART_TYPE.AREA, 0, 0, 99, 99, numbers)
    out, other = io.BytesIO(), io.BytesIO()
    show.save(out)
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"areaChart", b"area3DChart"))
    text = parse("pptx", other.getvalue()).text
    assert all(word in text for word in ("Sold", "May", "7"))
