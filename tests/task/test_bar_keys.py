"""What a bar may ask, in a task file: what is read of it, and what is said of a mistake, with its line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rung.errors import UserError
from rung.task.load import load_task
from rung.types import Task

LANGUAGES = ("de", "fr", "en")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 300 messages, a third of them spam, made the current one so that errors are short."""
    monkeypatch.chdir(tmp_path)
    rows = [f"message number {i},{'spam' if i % 3 == 0 else 'ham'},{LANGUAGES[i % 7 % 3]},{i % 5}" for i in range(300)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label,language,stars", *rows]) + "\n", "utf-8")
    return tmp_path


def load(scorer: str = "choice", **bar: Any) -> Task:
    data = {"examples": "rows.csv", "columns": {"input": "text", "target": "label"}}
    task = {"name": "mail", "data": data, "quality": {"scorer": scorer, **bar}}
    path = Path("task.yaml")
    path.write_text(yaml.safe_dump(task, sort_keys=False), "utf-8")
    return load_task(path, Path("downloads"))


def fault(**bar: Any) -> str:
    with pytest.raises(UserError) as caught:
        load(**bar)
    assert caught.value.exit_code == 2
    assert "task.yaml:" in caught.value.message
    return caught.value.message


def test_a_rows_other_columns_are_kept_only_where_a_bar_names_them() -> None:
    task = load(at_least=0.5, where={"language": "de", "target": "spam"})
    assert {tuple(row.slices) for row in task.examples} == {("language",)}
    assert {row.slices["language"] for row in task.examples} == set(LANGUAGES)
    assert all(not row.slices for row in load(at_least=0.5).examples)


def test_what_a_bar_is_about_is_part_of_the_lock() -> None:
    plain = load(at_least=0.5)
    assert replace(plain, quality=replace(plain.quality, where={}, metric="", k=0)).digest == plain.digest
    assert load(at_least=0.5, where={"target": "spam"}).digest != plain.digest
    assert load(at_least=0.5, where={"language": "de"}).digest != load(at_least=0.5, where={"language": "fr"}).digest


def test_costs_are_kept_under_the_classes_names() -> None:
    task = load(cost={"spam -> ham": 1, "ham->spam": 20, "*->none": 5}, at_most=0.5)
    assert task.quality.cost == {"spam->ham": 1.0, "ham->spam": 20.0, "*->none": 5.0}


@pytest.mark.parametrize(
    ("bar", "said"),
    [
        ({"at_least": 0.5, "where": {"target": "spma"}}, "where.target: no row has the target 'spma'. Did you mean 'spam'?"),
        ({"at_least": 0.5, "where": {"answer": ["spam", "hem"]}}, "no row has the target 'hem'. Did you mean 'ham'?"),
        ({"at_least": 0.5, "where": {"langauge": "de"}}, "rows.csv has no column 'langauge'"),
        ({"at_least": 0.5, "where": {"language": "es"}}, "no row of the test split is among those that this bar is about"),
        ({"at_least": 0.5, "where": {"language": {"a": 1}}}, "is no condition"),
        ({"at_least": 0.5, "where": {}}, "'where' cannot be {}"),
        ({"at_least": 0.5, "where": "spam"}, "keys with values"),
        ({"at_least": 0.5, "metric": "recal", "of": "spam"}, "no metric is called 'recal'. Did you mean 'recall'?"),
        ({"at_least": 0.5, "metric": "recall"}, "'recall' is of one class: say which, such as of: spam"),
        ({"at_least": 0.5, "metric": "f1", "of": "Spam"}, "no row has the target 'Spam'. Did you mean 'spam'?"),
        ({"at_least": 0.5, "metric": "micro_f1", "of": "spam"}, "'of' does not belong to 'micro_f1', which is of all classes"),
        ({"at_least": 0.5, "of": "spam"}, "'of' belongs to 'metric'"),
        ({"at_least": 0.5, "metric": "brier"}, "a bar on 'brier' is of the kind 'at_most': the less, the better"),
        ({"at_most": 0.5, "metric": "f1", "of": "spam"}, "a bar on 'f1' is of the kind 'at_least'"),
        ({"at_least": 0.5, "metric": "pass_at_k"}, "'pass_at_k' and 'k' belong together: metric: pass_at_k, k: 5"),
        ({"better_than": "r1_prompt", "metric": "f1", "of": "spam"}, "'f1' has no bound here on the difference of two candidates"),
        ({"better_than": "r1_prompt", "where": {"answer": "spam"}}, "the two candidates answer so on different rows"),
        ({"at_least": 0.5, "metric": "f1", "of": "spam", "where": {"answer": "spam"}}, "'where: answer' and 'f1' do not go"),
        ({"at_most": 1.5}, "lies within 0 and 1: nothing could fail this bar"),
        ({"at_most": 0.5, "cost": {"spam->hem": 1}}, "'spam->hem': no row has the target 'hem'. Did you mean 'ham'?"),
        ({"at_most": 0.5, "cost": {"spam": 1}}, "'spam' is no error: write target->answer, such as ham->spam"),
        ({"at_most": 0.5, "cost": {"spam->spam": 1}}, "'spam->spam' is no error: a right answer costs nothing"),
        ({"at_most": 0.5, "cost": {"spam->ham": -1}}, "-1 is no cost: give a number from 0 on"),
        ({"at_most": 0.5, "cost": {"spam->ham": 0}}, "every 'cost' is 0"),
        ({"at_most": 2, "cost": {"spam->ham": 1}}, "'at_most' is 2, and no error costs more than 1: nothing could fail this bar"),
        ({"at_least": 0.5, "cost": {"spam->ham": 1}}, "a 'cost' is a bar of the kind 'at_most'"),
        ({"at_most": 0.5, "cost": {"spam->ham": 1}, "metric": "brier"}, "'cost' and 'metric' are two bars"),
        ({"scorer": "contains", "at_least": 0.5, "metric": "f1", "of": "spam"}, "which the scorer 'contains' does not say"),
        ({"scorer": "contains", "at_least": 0.5, "metric": "pass_at_k", "k": 3}, "it needs several sampled ones a row"),
        ({"scorer": "labels", "at_least": 0.5, "metric": "macro_f1"}, "those of 'labels' are several: micro_f1"),
        ({"scorer": "contains", "at_least": 0.5, "where": {"answer": "spam"}}, "Those that do: choice, exact"),
    ],
)  # fmt: skip
def test_mistakes(bar: dict[str, Any], said: str) -> None:
    assert said in fault(**bar)


def test_a_comparison_as_a_number() -> None:
    task = load(at_least=0.5, where={"stars": ">= 3"})
    assert {row.slices["stars"] for row in task.examples} == {"0", "1", "2", "3", "4"}


def test_sets_of_labels_have_micro_f1() -> None:
    assert load(scorer="labels", at_least=0.5, metric="micro_f1").quality.metric == "micro_f1"


def test_free_text_has_no_classes() -> None:
    rows = "\n".join(f"message number {i},label {i}" for i in range(300))
    Path("rows.csv").write_text(f"text,label\n{rows}\n", "utf-8")
    assert "'f1' needs classes, and the targets are no closed set of labels" in fault(
        scorer="exact", at_least=0.5, metric="f1", of="label 1"
    )
