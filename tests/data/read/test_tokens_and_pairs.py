"""Tokens with tags become sentences with their entities; two files become question and answer."""

from __future__ import annotations

import pytest

from rung.data.read.layout import Layout
from rung.data.read.locate import locate, open_located
from rung.data.read.rows import RowError
from rung.data.read.structure import structure_of
from rung.errors import UserError

CONLL = """-DOCSTART- -X- O O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O
. . O O

Peter NNP B-NP I-PER
Blackburn NNP I-NP I-PER

"""


def table(tmp_path, name, layout):
    return open_located(locate(name, tmp_path, tmp_path), None, layout)


def test_sentences_with_all_types(tmp_path):
    (tmp_path / "a.conll").write_text(CONLL, "utf-8")
    found = structure_of(locate("a.conll", tmp_path, tmp_path), None)
    assert found is not None and found[0] == Layout(format="iob")
    read = table(tmp_path, "a.conll", found[0])
    raw = list(read.rows)
    assert [row.line for row in raw] == [3, 9]
    assert read.parse(raw[0].content) == {
        "text": "EU rejects German call .",
        "entities": {"MISC": ["German"], "ORG": ["EU"], "PER": []},
    }
    assert read.parse(raw[1].content)["entities"]["PER"] == ["Peter Blackburn"]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["B-X", "I-X", "B-X"], ["a b", "c"]),
        (["S-X", "S-X", "O"], ["a", "b"]),
        (["B-X", "L-X", "U-X"], ["a b", "c"]),
        (["I-X", "O", "I-X"], ["a", "c"]),
        (["B-X", "E-X", "I-X"], ["a b", "c"]),
    ],
)
def test_where_entities_begin(tmp_path, tags, expected):
    (tmp_path / "a.txt").write_text("\n".join(f"{word}\t{tag}" for word, tag in zip("abc", tags, strict=True)) + "\n", "utf-8")
    read = table(tmp_path, "a.txt", Layout(format="iob"))
    assert read.parse(next(read.rows).content)["entities"] == {"X": expected}


def test_blank_lines_of_tabs_and_tabs_at_the_end(tmp_path):
    (tmp_path / "a.txt").write_text("a\tB-X\t\n\t\nb\tO\t\n", "utf-8")
    assert [row.line for row in table(tmp_path, "a.txt", Layout(format="iob")).rows] == [1, 3]


def test_a_line_without_a_tag_is_a_bad_row(tmp_path):
    (tmp_path / "a.txt").write_text("a B-X\nb\n\nc O\n", "utf-8")
    read = table(tmp_path, "a.txt", Layout(format="iob"))
    with pytest.raises(RowError, match="line 2 of the sentence"):
        read.parse(next(read.rows).content)


def test_text_is_no_such_file(tmp_path):
    (tmp_path / "a.txt").write_text("spam win a prize\nham see you\n\nham A B-52 flew\n" * 9, "utf-8")
    assert structure_of(locate("a.txt", tmp_path, tmp_path), None) is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("corpus.src", "corpus.tgt"),
        ("train.en", "train.de"),
        ("questions.txt", "answers.txt"),
        ("train.source", "train.target"),
        ("train_x.txt", "train_y.txt"),
        ("seq.in", "label"),
    ],
)
def test_each_half_names_the_other(tmp_path, asked, told):
    (tmp_path / asked).write_text("".join(f"line {n} here\n" for n in range(9)), "utf-8")
    (tmp_path / told).write_text("".join(f"zeile {n} hier\n" for n in range(9)), "utf-8")
    for name, other in ((asked, told), (told, asked)):
        with pytest.raises(UserError) as caught:
            structure_of(locate(name, tmp_path, tmp_path), None)
        assert other in caught.value.message and "answers=" in caught.value.hint
    (tmp_path / told).write_text("only one line\n", "utf-8")
    assert structure_of(locate(asked, tmp_path, tmp_path), None) is None


def test_lines_are_joined_blank_ones_too(tmp_path):
    (tmp_path / "a.src").write_text("one\n\nthree\n", "utf-8")
    (tmp_path / "a.tgt").write_text("eins\n\n\n", "utf-8")
    read = table(tmp_path, "a.src", Layout(answers="a.tgt"))
    raw = list(read.rows)
    assert (raw[0].line, read.parse(raw[0].content)) == (1, {"text": "one", "answer": "eins"})
    with pytest.raises(RowError, match=r"the line of a\.tgt is empty"):
        read.parse(raw[1].content)
    (tmp_path / "a.tgt").write_text("eins\n", "utf-8")
    with pytest.raises(UserError, match=r"3 lines, a\.tgt 1"):
        table(tmp_path, "a.src", Layout(answers="a.tgt"))
    with pytest.raises(UserError, match="no file"):
        table(tmp_path, "a.src", Layout(answers="b.tgt"))


def test_tables_are_joined_by_a_shared_id(tmp_path):
    (tmp_path / "q.csv").write_text("id,question\n1,why\n2,who\n3,when\n", "utf-8")
    (tmp_path / "a.csv").write_text("id,answer\n3,now\n1,so\n", "utf-8")
    read = table(tmp_path, "q.csv", Layout(answers="a.csv"))
    raw = list(read.rows)
    assert read.parse(raw[2].content) == {"id": "3", "question": "when", "answer": "now"}
    with pytest.raises(RowError, match="no row for id 2"):
        read.parse(raw[1].content)
    (tmp_path / "b.csv").write_text("answer,question\nso,x\nme,y\n", "utf-8")
    with pytest.raises(UserError, match="3 rows, and 2"):
        table(tmp_path, "q.csv", Layout(answers="b.csv"))


def test_a_tag_may_stand_in_front_of_its_token(tmp_path):
    lines = "B-Dish\tnoodle\nI-Dish\tsoup\nO\tnearby\n\nO\tany\nB-Price\tcheap\nO\tplaces\n"
    (tmp_path / "a.bio").write_text(lines, "utf-8")
    read = table(tmp_path, "a.bio", Layout(format="iob"))
    rows = [read.parse(row.content) for row in read.rows]
    assert rows[0] == {"text": "noodle soup nearby", "entities": {"Dish": ["noodle soup"], "Price": []}}
    assert structure_of(locate("a.bio", tmp_path, tmp_path), None)
