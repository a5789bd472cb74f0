"""What `recognise` says of files that nobody has described, and that what it says reads them."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

from rung.data.read.encodings import LATIN, best
from rung.data.read.look import look
from rung.data.read.recognise.recognise import Recognised, recognise
from rung.data.read.source import Read, Source, read_rows
from rung.errors import UserError

HEADER = ("text", "label")
LABELS = ("billing", "returns", "praise")
CLAUSES = (
    "the lamp never arrived, sadly",
    "my parcel is broken again",
    "this invoice was charged twice",
    "our kettle works well, thanks",
    "we wait for a refund",
)


def rows_of(count: int = 60, comma: str = ",") -> list[tuple[str, str]]:
    rng = random.Random(3)
    texts = [f"{rng.choice(CLAUSES)} number {rng.randrange(10**6)}".replace(",", comma) for _ in range(count)]
    return [(text, rng.choice(LABELS)) for text in texts]


ROWS, PLAIN_ROWS = rows_of(), rows_of(comma="")
OBJECTS = [{"text": text, "label": label} for text, label in ROWS]


def as_csv(rows: Any, delimiter: str = ",", end: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    return out.getvalue()


def lines(form: str, rows: list[tuple[str, str]] = ROWS) -> str:
    return "".join(form.format(text=text, label=label, at=at) + "\n" for at, (text, label) in enumerate(rows))


@pytest.fixture
def seen(tmp_path: Path):
    def read_as_seen(name: str, content: str | bytes) -> tuple[Recognised, Read]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        found = recognise(path)
        source = Source(reference=name, base_folder=tmp_path, downloads=tmp_path, encoding=found.encoding, layout=found.layout)
        return found, read_rows(source)

    return read_as_seen


def values(read: Read) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for _, row in read.rows]


TITLED = {"skip_lines": 2}
LAST_COMMA = {"format": "text", "header": False, "skip_lines": 1, "label": "after last ,"}
TABLES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("a.csv", as_csv([HEADER, *ROWS]), None),
    ("a.csv", as_csv([HEADER, *ROWS], end="\r"), None),
    ("a.csv", as_csv([HEADER, *ROWS], ";"), None),
    ("a.tsv", as_csv([HEADER, *ROWS], "\t"), None),
    ("a.csv", "sep=;\r\n" + as_csv([HEADER, *ROWS], ";", "\r\n"), None),
    ("a.csv", as_csv(ROWS), {"header": False}),
    ("a.tsv", as_csv(ROWS, "\t"), {"header": False}),
    ("a.csv", as_csv([("0", "1"), *ROWS]), None),
    ("a.csv", as_csv([("Was sagt er", "Abteilung"), *ROWS]), None),
    ("a.csv", as_csv([("Please write down the whole complaint of the customer", "Which team?"), *ROWS]), None),
    ("a.csv", as_csv([("", *HEADER), *((at, *row) for at, row in enumerate(ROWS))]), {"index": True}),
    ("a.csv", as_csv([("Unnamed: 0", *HEADER), *((at, *row) for at, row in enumerate(ROWS))]), {"index": True}),
    ("a.csv", as_csv([HEADER, *((at + 1, *row) for at, row in enumerate(ROWS))]), {"index": True}),
    ("a.csv", as_csv([(at, *row) for at, row in enumerate(ROWS)]), {"header": False, "index": True}),
    ("a.csv", as_csv([HEADER, *ROWS[:30], HEADER, *ROWS[30:]]), None),
    ("a.csv", "All complaints\n\n" + as_csv([HEADER, *ROWS]), TITLED),
    ("a.csv", "# made today\n# by me, and you\n" + as_csv([HEADER, *ROWS]), TITLED),
    ("a.dat", as_csv([HEADER, *ROWS], "^"), {"delimiter": "^"}),
    ("a.csv", ";;".join(HEADER) + "\n" + lines("{text};;{label}"), {"delimiter": ";;"}),
    ("a.dat", lines("{at}::{text}::{label}"), {"header": False, "delimiter": "::", "index": True}),
    ("a.txt", lines("{text} ||| {label}"), {"header": False, "delimiter": " ||| "}),
    ("a.csv", "text, label\n" + lines('"{text}", {label}'), {"delimiter": ", "}),
    ("a.csv", "text,label\n" + lines("'{text}','{label}'"), {"quotes": "single"}),
    ("a.csv", "text,label\n" + lines('"{text}",{label},,'), None),
    ("a.txt", lines("__label__{label} {text}"), {"format": "text", "header": False, "label": "__label__"}),
    ("a.txt", lines("{label} The {text}"), {"format": "text", "header": False, "label": "first word"}),
    ("a.txt", lines("{label}: {text}"), {"format": "text", "header": False, "label": "before first :"}),
    ("a.txt", lines("{text}@{label}"), {"format": "text", "header": False, "label": "after last @"}),
    (
        "a.csv",
        "text,label\n" + lines("{text},{label}"),
        {"format": "text", "header": False, "skip_lines": 1, "label": "after last ,"},
    ),
]


@pytest.mark.parametrize(("name", "content", "layout"), TABLES, ids=[f"{at}-{table[0]}" for at, table in enumerate(TABLES)])
def test_a_table_is_read_as_it_is_laid_out(seen, name, content, layout) -> None:
    found, read = seen(name, content)
    assert found.layout.written() == layout
    assert (read.problems.count, len(read.rows)) == (0, len(ROWS))
    wanted = [(label, text) if "label" in str(layout and layout.get("label")) else (text, label) for text, label in ROWS]
    told = [tuple(part.removeprefix("The ") for part in row) for row in values(read)]
    assert [set(row) - {""} for row in told] == [set(row) for row in wanted]


@pytest.mark.parametrize(("number", "phrase"), [(5, "no header"), (14, "left out"), (15, "above the table"), (10, "takes no part")])
def test_what_was_inferred_is_said_with_the_line_that_changes_it(seen, number, phrase) -> None:
    name, content, _ = TABLES[number]
    found, _ = seen(name, content)
    (line,) = [inference.line() for inference in found.inferences if phrase in inference.line()]
    assert "data.format." in line or phrase == "left out"


def test_an_ordinary_file_needs_no_word(seen) -> None:
    assert seen("a.csv", as_csv([HEADER, *ROWS]))[0] == Recognised()


def test_a_table_of_sentences_alone_without_a_header(seen) -> None:
    pairs = [("Go.", "Va !"), *((f"{text}.", f"{label} {text} !") for text, label in ROWS)]
    found, read = seen("a.tsv", as_csv(pairs, "\t"))
    assert (found.layout.written(), len(read.rows)) == ({"header": False}, 61)


def test_years_are_names_of_columns(seen) -> None:
    table = [("country", "2019", "2020", "2021"), *((f"Land {at}", at, 3 * at, 90 - at) for at in range(30))]
    assert seen("a.csv", as_csv(table))[0].layout.header


def test_names_without_anything_that_shows_it_are_said_to_be_a_guess(seen) -> None:
    words = ["apple", "pear", "plum", "cherry", "quince", "apricot", "iron", "copper", "zinc", "nickel", "violin", "oboe"]
    (inference,) = seen("a.tsv", "".join(f"{word}\t{word[::-1]}\n" for word in words))[0].inferences
    assert inference.about == "header"
    assert "if it is data, there is no header" in inference.because


RAW = "".join(f'"Well" {text},{label}\n' if at % 3 else f'"{text},{label}\n' for at, (text, label) in enumerate(PLAIN_ROWS))


@pytest.mark.parametrize(
    ("content", "quotes", "first"),
    [
        ("text,label\n" + RAW, "none", f'"{PLAIN_ROWS[0][0]}'),
        ("text,label\n" + lines('"he said \\"{text}\\", and left",{label}'), "backslash", f'he said "{ROWS[0][0]}", and left'),
        ("text,label\n" + lines('a 5" {text},{label}', PLAIN_ROWS), "csv", f'a 5" {PLAIN_ROWS[0][0]}'),
        ("text,label\n" + lines('"{text}",{label}').replace('"', '"a 5" pipe, ', 1), "csv", f'a 5" pipe, {ROWS[0][0]}'),
        (as_csv([HEADER, *((f"{text}\n\nthanks, me", label) for text, label in ROWS)]), "csv", f"{ROWS[0][0]}\n\nthanks, me"),
        (as_csv([HEADER, *PLAIN_ROWS, ("Dear Bob,\nthanks", "praise")]), "csv", PLAIN_ROWS[0][0]),
    ],
)
def test_quotes(seen, content, quotes, first) -> None:
    found, read = seen("a.csv", content)
    assert (found.layout.quotes, read.problems.count, values(read)[0][0]) == (quotes, 0, first)
    assert len(read.rows) >= len(ROWS)


def test_decimal_commas_between_semicolons(seen) -> None:
    table = [(text, f"{at},{at % 7}") for at, (text, _) in enumerate(PLAIN_ROWS)]
    assert values(seen("a.csv", as_csv(table, ";"))[1]) == table


def test_rows_that_end_early(seen) -> None:
    content = "text,label,note\n" + "".join(
        f"{text},{label}{',see' if at % 3 else ''}\n" for at, (text, label) in enumerate(PLAIN_ROWS)
    )
    found, read = seen("a.csv", content)
    assert (found.layout.short_rows, read.problems.count, values(read)[0]) == (True, 0, (*PLAIN_ROWS[0], ""))


def test_one_row_of_another_width_is_a_bad_row_and_no_layout(seen) -> None:
    found, read = seen("a.csv", "text,label\n" + lines("{text},{label}", PLAIN_ROWS) + "one,two,three\n")
    assert (found, read.problems.count, len(read.rows)) == (Recognised(), 1, 60)


def test_names_that_stand_twice_are_numbered_and_told(seen) -> None:
    found, read = seen("a.csv", as_csv([("text", "text", "label"), *((text, "x", label) for text, label in ROWS)]))
    assert list(read.rows[0].row) == ["text", "text_2", "label"]
    assert "text_2" in found.inferences[0].taken


STRICT = "\n".join(map(json.dumps, OBJECTS))
JSON: list[tuple[str, str, Any]] = [
    ("a.jsonl", STRICT, None),
    ("a.json", STRICT, None),
    ("a.txt", STRICT, None),
    ("a.csv", STRICT, "jsonl"),
    ("a.jsonl", STRICT.replace("\n", "\n\n"), None),
    ("a.jsonl", STRICT.replace("\n", ",\n"), None),
    ("a.jsonl", STRICT.replace("\n", ""), None),
    ("a.jsonl", json.dumps(OBJECTS), None),
    ("a.jsonl", "\n".join(json.dumps(row, indent=2) for row in OBJECTS), None),
    ("a.json", "\ufeff" + json.dumps(OBJECTS), None),
    ("a.jsonl", "\n".join(map(repr, OBJECTS)), {"lenient": True}),
    ("a.json", repr(OBJECTS), {"lenient": True}),
    ("a.json", "[" + ",\n".join(f"{json.dumps(row)[:-1]},}}" for row in OBJECTS) + ",]", {"lenient": True}),
    ("a.json", "[" + ",".join(f"{{text: '{text}', label: '{label}'}} // one\n" for text, label in ROWS) + "]", {"lenient": True}),
]


@pytest.mark.parametrize(("name", "content", "layout"), JSON, ids=[f"{at}-{form[0]}" for at, form in enumerate(JSON)])
def test_json_in_every_form(seen, name, content, layout) -> None:
    found, read = seen(name, content)
    assert (found.layout.written(), read.problems.count, values(read)) == (layout, 0, ROWS)
    assert bool(found.inferences) == bool(layout)


def test_not_a_number_is_nothing_and_told(seen) -> None:
    found, read = seen("a.jsonl", "".join(json.dumps({"text": text, "score": float("nan")}) + "\n" for text, _ in ROWS))
    assert values(read)[0] == (ROWS[0][0], None)
    assert "NaN is nothing" in found.inferences[0].taken


def test_words_of_python_within_texts_stay(seen) -> None:
    row = {"text": "None, True and NaN // it's (all) text, isn't it,]", "label": "say \"no\" or 'no'"}
    assert values(seen("a.jsonl", f"{row!r}\n" * 3)[1])[0] == tuple(row.values())


SCRIPTS = {
    "cp1252": "le café était déjà froid",
    "mac_roman": "le café était déjà froid, naïf",
    "cp1250": "Paczka nie doszła, proszę o zwrot pieniędzy, źle działa",
    "cp1251": "Посылка так и не пришла, верните деньги",
    "koi8_r": "Посылка так и не пришла, верните деньги",
    "cp1253": "Το δέμα δεν ήρθε ποτέ, θέλω τα χρήματά μου",
    "cp1255": "החבילה לא הגיעה, אני רוצה את הכסף בחזרה",
    "cp1256": "لم تصل الطرود بعد وأريد استعادة نقودي من المتجر",
    "cp874": "พัสดุยังไม่มาถึง กรุณาคืนเงินให้ฉัน",
    "shift_jis": "荷物がまだ届いていません。返金してください",
    "gb18030": "包裹还没有到，请给我退款，这个灯不能用了",
    "big5": "包裹還沒有到，請給我退款，這個燈不能用了",
    "euc_kr": "소포가 아직 도착하지 않았습니다 환불해 주세요",
    "utf-16": "le café était déjà froid",
    "utf-16-le": "le café était déjà froid",
    "utf-16-be": "le café était déjà froid",
}


@pytest.mark.parametrize("encoding", SCRIPTS)
def test_encodings_are_told_by_their_words(seen, encoding) -> None:
    text = SCRIPTS[encoding]
    found, read = seen("a.csv", as_csv([HEADER, *((f"{text} {at}", label) for at, (_, label) in enumerate(ROWS))]).encode(encoding))
    assert values(read)[0][0] == f"{text} 0"
    assert (found.encoding is None) == (encoding == "utf-16")
    assert found.encoding is None or "a guess" in found.inferences[0].line()


def test_a_text_that_was_garbled_before_is_read_as_usual_and_said(seen) -> None:
    """Marks of UTF-8 that were read in one encoding and saved in another: no script's words, whatever it is read as."""
    torn = "Wait\x89Û_ it\x89Ûªs late \x89ÛÏno\x89Û\x9d"
    rows = as_csv([HEADER, *((f"{torn} {at}", label) for at, (_, label) in enumerate(ROWS))])
    found, _ = seen("a.csv", rows.encode("latin-1"))
    assert found.encoding in ("cp1252", "mac_roman", "latin-1")
    assert "garbled before" in found.inferences[0].line()


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.txt", "| text | label |\n|---|---|\n" + lines("| {text} | {label} |"), "a Markdown table"),
        ("a.txt", lines("{at:<6}{label:<12}{text}"), "a table of fixed width"),
        ("a.txt", lines("+1 1:0.5 {at}:0.25"), "LIBSVM"),
        ("a.csv", "<html><table><tr><td>a</td></tr></table></html>\n", "HTML"),
        ("a.csv", "<?xml version='1.0'?>\n<rows/>\n", "XML"),
        ("a.txt", lines("- text: {text}\n  label: {label}"), "YAML"),
        ("a.txt", lines("what is {text}?"), "lines of text without columns"),
        ("a.txt", lines("Hugo {text}. And so on, {label}."), "lines of text without columns"),
    ],
)
def test_what_is_not_read_is_called_by_its_name_with_a_way_on(seen, name, content, what) -> None:
    with pytest.raises(UserError, match=what) as error:
        seen(name, content)
    assert error.value.hint


def test_labels_that_look_like_nothing_stay_texts(seen) -> None:
    labels = ("None", "NA", "null", "nan")
    table = [(text, labels[at % 4]) for at, (text, _) in enumerate(ROWS)]
    assert values(seen("a.csv", as_csv([HEADER, *table]))[1]) == table


def test_lines_in_another_encoding_are_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(lines("le café est {text}@{label}").encode("latin-1"))
    found = look("a.txt", tmp_path, tmp_path).found
    assert (found.encoding, found.layout.label) == ("cp1252", "after last @")


def test_signs_here_and_there_are_of_no_other_script() -> None:
    """Prices and quotation marks that were spoiled twice are runs of two bytes, and words of nothing."""
    lines = [f"call now to win {chr(0xE5)}{chr(0xA3)}{n} or reply {chr(0xD5)}no{chr(0xD5)} to stop" for n in range(60)]
    assert best("\n".join(lines).encode("latin-1")) in LATIN
