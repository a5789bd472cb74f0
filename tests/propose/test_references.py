"""`rung init` takes what a task file's data.examples takes, and writes it there as it is seen from the task file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import yaml

from rung.errors import UserError
from rung.propose.profile import look_at
from rung.propose.propose import Draft, propose
from rung.verify.alpha import plan_alpha


def lines(count: int) -> str:
    return "text,label\n" + "".join(f"message {n} is {'good' if n % 2 else 'bad'},{'ab'[n % 2]}\n" for n in range(count))


def written(tmp_path: Path, what: str) -> dict:
    (tmp_path / "tasks").mkdir()
    out = tmp_path / "tasks" / "task.yaml"
    draft = Draft(
        profile=look_at(what, downloads=tmp_path),
        out=out,
        base=None,
        downloads=tmp_path,
        alpha=lambda task: plan_alpha(task, ["a", "b"]),
    )
    propose(draft)
    return yaml.safe_load(out.read_text("utf-8"))


def test_a_part_of_an_archive_is_written_as_seen_from_the_task_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x.csv", lines(300))
        archive.writestr("y.csv", "q,a\n1,2\n")
    data = written(tmp_path, f"{tmp_path}/a.zip#x.csv")["data"]
    assert data["examples"] == "../a.zip#x.csv"
    assert data["columns"] == {"input": "text", "target": "label"}


def test_where_rows_stand_is_written(tmp_path):
    import json

    rows = [{"text": f"message {n} is {'good' if n % 2 else 'bad'}", "intent": "ab"[n % 2]} for n in range(300)]
    (tmp_path / "nlu.json").write_text(json.dumps({"nlu_data": {"common_examples": rows, "regex": []}}), "utf-8")
    assert written(tmp_path, str(tmp_path / "nlu.json"))["data"]["format"] == {"rows": "nlu_data.common_examples[]"}


def test_a_reference_that_is_none(tmp_path):
    with pytest.raises(UserError, match="is no known kind of source"):
        look_at("pop:x==1", downloads=tmp_path)
    with pytest.raises(UserError, match="not a data set reference") as caught:
        look_at("hf:org/name", downloads=tmp_path)
    assert "REVISION" in caught.value.hint
