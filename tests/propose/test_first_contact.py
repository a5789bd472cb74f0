"""What people bring, at first contact: `rung init` says what an expert would, and what it writes climbs without an edit."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from corpus import ABSENT, WHY_ABSENT, Corpus, cases, checker

from rung.cli.app import run

pytestmark = pytest.mark.skipif(ABSENT, reason=WHY_ABSENT)

# Answers with the first of what may be answered, else with the same words: what is tested is that the climb goes through.
MODEL = """
def answer(request):
    constraint = request["constraint"] or {}
    if constraint.get("choices"):
        return constraint["choices"][0]
    return "{}" if constraint else "It is as it was asked for."
"""


@pytest.fixture
def folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a model that costs nothing."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "model.py").write_text(MODEL, "utf-8")
    monkeypatch.chdir(work)
    return work


@pytest.mark.parametrize("name", cases())
def test_what_an_expert_would_write_and_then_a_climb(
    name: str, corpus: Corpus, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = corpus.file(name)
    code = run(["init", str(file), "--base", "scripted:model.py#answer", "--json", "--out", "task.yaml"])
    said = capsys.readouterr()
    written = Path("task.yaml").read_text("utf-8") if Path("task.yaml").exists() else ""
    hide = [str(file), os.path.relpath(file), str(file.parent), name, file.name]
    answer = checker().Answer(code, said.out, said.err, written, hide)
    wrong = checker().verdict(cases()[name], answer)
    if code == 0:
        climbs(folder, capsys)
    assert wrong == []


def climbs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both cheap rungs are built, scored on dev and judged, or say why they do not apply; and the page is written."""
    code = run(["climb", "task.yaml", "--all", "--json"])
    printed = capsys.readouterr()
    assert code in (0, 1), printed.err
    rungs = {rung["rung"]: rung for rung in json.loads(printed.out)["rungs"]}
    assert rungs["r1_prompt"]["verdict"]
    assert rungs["r0_linear"]["verdict"] or rungs["r0_linear"]["state"] == "skipped", rungs["r0_linear"]["reason"]
    assert all(rung["verdict"]["missing"] == 0 for rung in rungs.values() if rung["verdict"])
    assert [*(folder.parent / "home" / "reports").glob("*.html")]
