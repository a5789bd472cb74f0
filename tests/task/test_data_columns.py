"""`data.columns`, `data.names` and `data.bad_rows` of a task file: what they make of it, and what is said where they are wrong."""

from pathlib import Path

import pytest

from rung.errors import UserError
from rung.task.load import load_task
from rung.types import Task
from rung.verify.one_answer import row_of, score_one

ROWS = "".join(f"stem {n},passage {n},first {n},second {n},{n % 2},{n % 3 % 2}\n" for n in range(80))
TABLE = f"stem,passage,opt_a,opt_b,label,rude\n{ROWS}"
TASK = """\
name: reading
data:
  examples: rows.csv
  columns:
    input: INPUT
    target: TARGET
  split: {train: .4, dev: .2, test: .4}
  MORE
quality: {scorer: SCORER, at_least: .5}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text(TABLE, "utf-8")
    return tmp_path


def load(written: str = "stem", target: str = "label", more: str = "", scorer: str = "choice") -> Task:
    text = TASK.replace("INPUT", written).replace("TARGET", target).replace("MORE", more).replace("SCORER", scorer)
    Path("task.yaml").write_text(text, "utf-8")
    return load_task(Path("task.yaml"), Path("downloads"))


def fault(**written: str) -> str:
    with pytest.raises(UserError) as caught:
        load(**written)
    assert caught.value.exit_code == 2
    return caught.value.message


def asked(task: Task, name: str) -> str:
    return str(row_of(task, name).messages[-1]["content"])


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("[stem, passage]", "stem: stem 0\n\npassage: passage 0"),
        ("{Question: stem, A: opt_a, B: opt_b}", "Question: stem 0\n\nA) first 0\nB) second 0"),
        ('"{stem}\\n\\nContext: {passage}"', "stem 0\n\nContext: passage 0"),
    ],
)
def test_several_columns_are_one_question(written: str, text: str) -> None:
    assert asked(load(written), "rows.csv:2") == text


def test_a_list_of_one_is_that_one_and_the_same_task() -> None:
    assert load("[stem]", "[label]").digest == load("stem", "label").digest
    assert load("[stem]", more="bad_rows: .2").digest == load().digest
    assert load("[stem, passage]").digest != load().digest


def test_names_are_what_is_right_everywhere() -> None:
    task = load(more="names: {0: negative, 1: positive}")
    row = row_of(task, "rows.csv:3")
    assert (row.target, dict(task.quality.config)["choices"]) == ("positive", ["negative", "positive"])
    assert score_one(task, row, "positive").bars[0].score == 1
    assert score_one(task, row, "1").bars[0].score == 0
    assert score_one(task, row, "positive").bars[0].ideal == "positive"
    assert load(more="names: {0.0: negative, 1.0: positive}").digest == task.digest != load().digest


def test_letters_are_the_options_that_a_target_names() -> None:
    task = load("{Question: stem, A: opt_a, B: opt_b}", more="names: letters")
    assert [row_of(task, name).target for name in ("rows.csv:2", "rows.csv:3")] == ["A", "B"]
    assert load("{Question: stem, A: opt_a, B: opt_b}", more="names: {0: A, 1: B}").digest == task.digest


def test_marks_are_labels_of_which_none_may_be_right() -> None:
    task = load(target="[label, rude]", scorer="labels")
    none = next(row for row in task.examples if row.target == [])
    assert score_one(task, none, "[]").bars[0].score == 1
    assert score_one(task, none, '["rude"]').bars[0].score == 0


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"written": "[stem, pasage]"}, "task.yaml:5: rows.csv has no column 'pasage'\n  Did you mean 'passage'?"),
        ({"written": '"{stem} {pasage}"'}, "task.yaml:5: rows.csv has no column 'pasage'\n  Did you mean 'passage'?"),
        ({"written": '"{stem"'}, "task.yaml:5: the template has '{' that names no column"),
        ({"written": "[stem, label]"}, "task.yaml:5: data.columns: 'label' is both in the input and the target"),
        ({"written": "[]"}, "task.yaml:5: data.columns.input cannot be []"),
        ({"written": "[stem, [passage]]"}, "task.yaml:5: data.columns.input cannot be"),
        ({"target": "[label, rued]"}, "task.yaml:6: rows.csv has no column 'rued'\n  Did you mean 'rude'?"),
        ({"target": "{a: label}"}, "task.yaml:6: data.columns.target cannot be"),
        ({"more": "names: {0: negative}"}, "task.yaml:8: data.names has no name for '1' (first at rows.csv:3)"),
        ({"more": "names: {0: same, 1: same}"}, "task.yaml:8: data.names: 0 and 1 have one name, 'same'"),
        ({"more": "names: {0: a, 0.0: b, 1: c}"}, "task.yaml:8: data.names: '0' and '0.0' are one value"),
        ({"more": "names: {}"}, "task.yaml:8: 'names' cannot be {}"),
        ({"more": "names: []"}, "task.yaml:8: 'names' cannot be []"),
        ({"more": "names: words"}, "task.yaml:8: 'names' cannot be 'words': give each value its name"),
        ({"more": "names: letters"}, "task.yaml:8: data.names: letters: in 80 of 80 rows 'label' names none of the options"),
        ({"more": "bad_rows: 1"}, "task.yaml:8: 1 is no share of bad rows: give a fraction below 1, such as .1; 0 refuses any"),
        ({"more": "bad_rows: -.1"}, "task.yaml:8: -0.1 is no share of bad rows"),
        ({"more": "bad_rows: .nan"}, "task.yaml:8: nan is no share of bad rows"),
        ({"more": "bad_rows: few"}, "task.yaml:8: 'bad_rows' cannot be 'few'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(written: dict[str, str], said: str) -> None:
    assert said in fault(**written)


def test_bad_rows_are_a_finding_of_the_task_and_no_part_of_it(folder: Path) -> None:
    before = load()
    (folder / "rows.csv").write_text(TABLE + ",p,a,b,1,0\n", "utf-8")
    task = load()
    assert [finding.check for finding in task.findings][:1] == ["bad_rows"]
    assert "1 row of 81 cannot be used and is left out: rows.csv:82: the input is empty" in task.findings[0].message
    assert task.digest == before.digest
    assert "1 row cannot be used\n  rows.csv:82: the input is empty" in fault(more="bad_rows: 0")


def test_what_is_shown_may_also_be_asked_for_by_where_and_by_a_bar(folder: Path) -> None:
    task = load("[stem, passage]", more="where: {passage: not empty, rude: 0}")
    assert {row.source for row in task.examples} <= {f"rows.csv:{n + 2}" for n in range(80) if n % 3 % 2 == 0}
