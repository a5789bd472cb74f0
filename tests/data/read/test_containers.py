"""Archives, workbooks, databases, folders: what they hold comes out as rows, or they are refused with a way on; none is touched."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pytest

from rung.data import archives
from rung.data.read.containers import workbook
from rung.data.read.locate import locate, open_located
from rung.data.read.reference import DataReference
from rung.errors import RungError, UserError

CSV = "text,label\n" + "".join(f"message {n},{'ab'[n % 2]}\n" for n in range(30))


def rows(reference: str, folder: Path, encoding: str | None = None) -> tuple[list[dict], list[str]]:
    """All rows, and what each is called."""
    table = open_located(locate(reference, folder, folder / "downloads", encoding), encoding)
    raw = list(table.rows)
    places = [table.places[row.line - 1] if table.places else f"{table.shown}:{row.line}" for row in raw]
    return [dict(table.parse(row.content)) for row in raw], places


def refusal(reference: str, folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        rows(reference, folder)
    return caught.value.message


def zipped(path: Path, **files: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)


def test_a_zip_of_one_file_is_that_file_whatever_lies_beside_it(tmp_path):
    zipped(tmp_path / "a.zip", **{"data/messages.csv": CSV, "README.txt": "about", "__MACOSX/._messages.csv": "x"})
    found, places = rows("a.zip", tmp_path)
    assert (len(found), found[1]) == (30, {"text": "message 1", "label": "b"})
    assert places[1] == "a.zip#data/messages.csv:3"
    assert rows("a.zip#data/messages.csv", tmp_path)[0] == found
    assert "Did you mean 'data/messages.csv'" in refusal("a.zip#messages.csv", tmp_path)


def test_several_files_are_named(tmp_path):
    zipped(tmp_path / "a.zip", **{"train.csv": CSV, "test.csv": "id,text\n1,x\n", "sample_submission.csv": "id,label\n1,a\n"})
    message = refusal("a.zip", tmp_path)
    assert "3 data files" in message and "a.zip#train.csv" in message and "a.zip#test.csv" in message


def test_files_that_are_splits_by_their_names_are_one_table(tmp_path):
    zipped(tmp_path / "a.zip", **{"x/train.csv": CSV, "x/dev.csv": "text,label\nd,a\n", "x/test.csv": "text,label\nt,b\nu,a\n"})
    found, places = rows("a.zip", tmp_path)
    assert [row["split"] for row in found if row["text"] in "dtu"] == ["dev", "test", "test"]
    assert places[0] == "a.zip#x/dev.csv:2" and len(found) == 33


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)], ids=["gzip", "bzip2", "xz"]
)
def test_compressed_files(tmp_path, suffix, pack):
    (tmp_path / f"a.csv{suffix}").write_bytes(pack(CSV.encode()))
    assert len(rows(f"a.csv{suffix}", tmp_path)[0]) == 30
    (tmp_path / f"b.csv{suffix}").write_bytes(pack(random.Random(0).randbytes(4000))[:-9])
    assert "b.csv" in refusal(f"b.csv{suffix}", tmp_path)


def test_zstandard_is_named(tmp_path):
    (tmp_path / "a.jsonl.zst").write_bytes(b"\x28\xb5\x2f\xfd" + b"\x00" * 40)
    assert "zstandard" in refusal("a.jsonl.zst", tmp_path) and "zstd -d" in refusal("a.jsonl.zst", tmp_path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_archives(tmp_path, mode):
    with tarfile.open(tmp_path / "a.tar.any", mode) as archive:
        for label in ("good", "bad"):
            for number in range(8):
                info = tarfile.TarInfo(f"./reviews/{label}/{number}.txt")
                text = f"text {number} of {label}".encode()
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text))
    found, places = rows("a.tar.any", tmp_path)
    assert len(found) == 16 and found[0] == {"id": "reviews/bad/0.txt", "text": "text 0 of bad", "label": "bad"}
    assert places[0] == "a.tar.any/reviews/bad/0.txt"


def texts(folder: Path, **kinds: int) -> None:
    for kind, count in kinds.items():
        own = folder / kind.replace("__", "/")
        own.mkdir(parents=True)
        for number in range(count):
            (own / f"{number}.txt").write_text(f"{kind} text {number}", "utf-8")


def test_a_folder_for_each_class_below_splits(tmp_path):
    texts(tmp_path / "d", train__pos=6, train__neg=6, test__pos=3, test__neg=3, train__unsup=9)
    (tmp_path / "d" / "train" / "urls.txt").write_text("http://x", "utf-8")
    (tmp_path / "d" / "README").write_text("about", "utf-8")
    found = locate("d", tmp_path, tmp_path)
    made, _ = rows("d", tmp_path)
    assert {(row["split"], row["label"]) for row in made} == {(s, c) for s in ("train", "test") for c in ("pos", "neg")}
    assert len(made) == 18 and any("10 files are left out" in inference.taken for inference in found.inferences)


def test_texts_in_another_encoding_are_told_with_their_place(tmp_path):
    texts(tmp_path / "d", a=8, b=8)
    (tmp_path / "d" / "b" / "3.txt").write_bytes("Grüße".encode("latin-1"))
    message = refusal("d", tmp_path)
    assert "d/b/3.txt: byte 0xfc" in message and "data.encoding" in message
    assert "Grüße" in [row["text"] for row in rows("d", tmp_path, "latin-1")[0]]


def test_texts_that_nothing_labels(tmp_path):
    texts(tmp_path / "d", one=30)
    assert "a folder for each class" in refusal("d", tmp_path)


def test_a_table_beside_texts_names_them(tmp_path):
    texts(tmp_path / "d", texts=20)
    lines = "".join(f"{n}.txt,{'ab'[n % 2]}\n" for n in range(21))
    (tmp_path / "d" / "labels.csv").write_text("file,label\n" + lines, "utf-8")
    found, _ = rows("d", tmp_path)
    assert found[3] == {"file": "3.txt", "label": "b", "text": "texts text 3"}
    assert "text" not in found[20]


def test_a_json_object_a_file_is_a_row(tmp_path):
    (tmp_path / "d").mkdir()
    for number in range(25):
        (tmp_path / "d" / f"case_{number}.json").write_text(json.dumps({"q": f"why {number}", "a": "so"}), "utf-8")
    found, places = rows("d", tmp_path)
    assert len(found) == 25 and {"q": "why 7", "a": "so"} in found and "d/case_7.json:1" in places


def test_a_folder_of_pictures_or_of_one_file(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.png").write_bytes(b"\x89PNG")
    assert "pictures" in refusal("d", tmp_path)
    (tmp_path / "d" / "rows.csv").write_text(CSV, "utf-8")
    assert rows("d", tmp_path)[1][0] == "d/rows.csv:2"


def test_bad_archives(tmp_path, monkeypatch):
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04" + b"\x00" * 50)
    assert "damaged" in refusal("cut.zip", tmp_path)
    zipped(tmp_path / "out.zip", **{"../evil.csv": CSV})
    assert "leads out" in refusal("out.zip", tmp_path)
    assert not (tmp_path.parent / "evil.csv").exists()
    zipped(tmp_path / "empty.zip")
    assert "is empty" in refusal("empty.zip", tmp_path)
    zipped(tmp_path / "word.zip", **{"[Content_Types].xml": "<x/>", "word/document.xml": "<x/>"})
    assert "Word document" in refusal("word.zip", tmp_path)
    zipped(tmp_path / "bomb.zip", **{"a.csv": "text,label\n" + "0" * (3 << 20)})
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", 1 << 20)
    assert "unpacks to more than" in refusal("bomb.zip", tmp_path)


def test_a_pointer_is_not_the_data(tmp_path):
    (tmp_path / "a.zip").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "utf-8")
    assert "git lfs pull" in refusal("a.zip", tmp_path)


def test_numbers_are_written_as_their_owner_sees_them(tmp_path):
    book(tmp_path / "a.xlsx", S=[["id", "share"], [100143192, 1.1], [7, 20.4]])
    assert rows("a.xlsx", tmp_path)[0] == [{"id": "100143192", "share": "1.1"}, {"id": "7", "share": "20.4"}]


def test_an_encrypted_archive(tmp_path):
    zipped(tmp_path / "a.zip", **{"a.csv": CSV})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    for at in (6, data.index(b"PK\x01\x02") + 8):
        data[at] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert "encrypted" in refusal("a.zip", tmp_path)


def database(path: Path, *, wal: bool = False) -> sqlite3.Connection:
    made = sqlite3.connect(path)
    if wal:
        made.execute("pragma journal_mode=wal")
    made.execute('create table "odd ""name" (id integer primary key, text text, n real, raw blob)')
    made.execute("create table other (a text)")
    made.executemany('insert into "odd ""name" (text, n, raw) values (?, ?, ?)', [(f"row {n}", n / 2, b"x") for n in range(20)])
    made.commit()
    return made


@pytest.mark.parametrize("wal", [False, True])
def test_a_table_of_sqlite_leaves_its_file_as_it_was(tmp_path, wal):
    open_ = database(tmp_path / "a.db", wal=wal)
    if not wal:
        open_.close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.endswith("-shm")}
    found, places = rows('a.db#odd "name', tmp_path)
    assert (len(found), found[1], places[1]) == (20, {"id": 2, "text": "row 1", "n": 0.5}, 'a.db#odd "name:2')
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.endswith("-shm")} == before
    open_.close()


def test_a_database_names_its_tables(tmp_path):
    database(tmp_path / "a.db").close()
    assert "SQLite" in refusal("a.db", tmp_path) and "a.db#other" in refusal("a.db", tmp_path)
    assert "Did you mean 'other'" in refusal("a.db#othr", tmp_path)
    assert "holds no rows" in refusal("a.db#other", tmp_path)
    assert len(rows('sqlite:///a.db#odd "name', tmp_path)[0]) == 20


def test_a_locked_database(tmp_path, monkeypatch):
    from rung.data.read.containers import sqlite

    monkeypatch.setattr(sqlite, "BUSY_S", 0.05)
    open_ = database(tmp_path / "a.db")
    open_.execute("begin exclusive")
    assert "locked" in refusal("a.db#other", tmp_path)
    open_.close()


def test_a_damaged_database(tmp_path):
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\x00" + os.urandom(5000))
    assert "cannot be read" in refusal("a.db#x", tmp_path)


SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData>{}</worksheet>'


def book(path: Path, merged: str = "", **sheets: list[list[object]]) -> None:
    """The least that is a workbook."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    parts = {}
    for at, cells in enumerate(sheets.values(), start=1):
        lines = ""
        for number, row in enumerate(cells, start=1):
            inner = "".join(
                f'<c r="{chr(65 + column)}{number}"><v>{cell}</v></c>'
                if isinstance(cell, int | float)
                else f'<c r="{chr(65 + column)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
                for column, cell in enumerate(row)
                if cell != ""
            )
            lines += f'<row r="{number}">{inner}</row>'
        parts[f"xl/worksheets/sheet{at}.xml"] = SHEET.format(lines, merged)
    names = "".join(f'<sheet name="{name}" sheetId="{at}" r:id="r{at}"/>' for at, name in enumerate(sheets, start=1))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts["xl/workbook.xml"] = f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{names}</sheets></workbook>'
    link = '<Relationship Id="r{0}" Type="{1}" Target="{2}"/>'
    links = "".join(link.format(at, f"{office}/worksheet", f"worksheets/sheet{at}.xml") for at in range(1, len(sheets) + 1))
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    parts["xl/_rels/workbook.xml.rels"] = f'<Relationships xmlns="{space}">{links}</Relationships>'
    top = link.format(1, f"{office}/officeDocument", "xl/workbook.xml")
    parts["_rels/.rels"] = f'<Relationships xmlns="{space}">{top}</Relationships>'
    parts["[Content_Types].xml"] = "<Types/>"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)


def test_a_workbook_is_its_sheet(tmp_path):
    cells = [["Report of May"], [], ["text", "label", "n"], *[[f"row {n}", "ab"[n % 2], n] for n in range(10)]]
    book(tmp_path / "a.xlsx", Sheet1=cells)
    found, places = rows("a.xlsx", tmp_path)
    assert (len(found), found[2], places[2]) == (10, {"text": "row 2", "label": "a", "n": "2"}, "a.xlsx#Sheet1:6")


def test_merged_cells_stand_in_each_row(tmp_path):
    merged = '<mergeCells count="1"><mergeCell ref="B2:B3"/></mergeCells>'
    book(tmp_path / "a.xlsx", merged, S=[["text", "team"], ["one", "x"], ["two", ""], ["three", "y"]])
    assert [row["team"] for row in rows("a.xlsx", tmp_path)[0]] == ["x", "x", "y"]


def test_sheets_are_named(tmp_path):
    cells = [["a", "b"], ["1", "2"]]
    book(tmp_path / "a.xlsx", One=cells, Two=cells, Empty=[])
    assert "a.xlsx#One, a.xlsx#Two" in refusal("a.xlsx", tmp_path)
    assert rows("a.xlsx#Two", tmp_path)[0] == [{"a": "1", "b": "2"}]
    assert "no rows" in refusal("a.xlsx#Empty", tmp_path)
    assert "Did you mean 'Two'" in refusal("a.xlsx#Tow", tmp_path)


def test_bad_workbooks(tmp_path, monkeypatch):
    book(tmp_path / "a.xlsx", S=[["a", "b"], ["1" * 5000, "2"]])
    data = (tmp_path / "a.xlsx").read_bytes()
    (tmp_path / "cut.xls").write_bytes(b"\xd0\xcf\x11\xe0" + b"\x00" * 600)
    assert "not a whole workbook" in refusal("cut.xls", tmp_path)
    (tmp_path / "b.xlsx").write_bytes(data.replace(b"sheetData", b"sheetDxta"))
    assert "b.xlsx" in refusal("b.xlsx", tmp_path)
    monkeypatch.setattr(workbook, "MAX_SHEETS_BYTES", 1000)
    assert "unpacks to more than" in refusal("a.xlsx", tmp_path)


def test_arrow_files(tmp_path):
    import pyarrow
    from pyarrow import feather, ipc

    table = pyarrow.table({"text": [f"t{n}" for n in range(5)], "raw": [b"x"] * 5})
    feather.write_feather(table, str(tmp_path / "a.feather"))
    with ipc.new_stream(str(tmp_path / "b.arrow"), table.schema) as out:
        out.write_table(table)
    for name in ("a.feather", "b.arrow"):
        assert rows(name, tmp_path)[0][4] == {"text": "t4"}
    (tmp_path / "c.arrow").write_bytes((tmp_path / "a.feather").read_bytes()[:-40])
    assert "Arrow" in refusal("c.arrow", tmp_path)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hunter2@host/db#t",
        "postgresql://host/db?password=hunter2#t",
        "mysql://me:hunter2@host/db#t",
        "postgresql://[",
    ],
)
def test_no_address_shows_a_password(tmp_path, address):
    message = refusal(address, tmp_path)
    assert "hunter2" not in message and address.partition(":")[0] in message


def test_a_server_that_is_not_there(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(RungError, match="refuses") as caught:
        rows("postgresql://me@127.0.0.1:1/db#t", tmp_path)
    assert "PGPASSWORD" in caught.value.message


def test_a_reference_is_taken_apart(tmp_path):
    (tmp_path / "a#b.csv").write_text(CSV, "utf-8")
    assert DataReference.read("a#b.csv", tmp_path).part == ""
    assert str(DataReference.read("hf:a/b@1#c/d", tmp_path)) == "hf:a/b@1#c/d"
    assert DataReference.read("pip:x==1#y.zip#z.csv", tmp_path).part == "z.csv"
    found = DataReference.read(str(tmp_path / "x.zip#y"), Path())
    assert str(found.within(tmp_path / "tasks")) == "../x.zip#y"
    assert "has no parts" in refusal("a#b.csv#c", tmp_path)
