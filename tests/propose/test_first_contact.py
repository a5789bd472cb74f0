"""What people bring, at first contact: `rung init` says what an expert would, and what it writes climbs without an edit."""

from __future__ import annotations

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
    assert checker().verdict(cases()[name], answer) == []
    if code:
        return
    assert run(["climb", "task.yaml", "--json"]) in (0, 1), capsys.readouterr().err
    capsys.readouterr()
