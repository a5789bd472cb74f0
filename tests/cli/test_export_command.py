"""rung export as it is typed: what it says, what it leaves, and the code that it exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_adapter import make_tiny_adapter

from rung.cli.app import run
from rung.engine.bases.resolve import resolve
from rung.registry.home import open_home
from rung.registry.names import Evidence
from rung.types import Candidate


@pytest.fixture
def tone(home: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """tone@1: a prompt and an adapter."""
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    with open_home(write=True) as opened:
        base = resolve(str(tiny_base), opened.path)
        stored = opened.blobs.put_tree(make_tiny_adapter(tiny_base, tmp_path / "adapter"))
        fields = {"base": base.pinned, "template": base.template_digest, "adapters": (stored,)}
        candidate = Candidate(rung="r4_adapter", prompt="Be brief.", **fields)
        opened.candidates.add(candidate, "")
        opened.names.register("tone", candidate.id, Evidence(claimed="made for a test"))
    return home


def test_several_formats_at_once_and_what_they_cannot_carry(tone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(["export", "tone", "--as", "peft, baked", "--to", str(out)]) == 0
    seen = capsys.readouterr()
    assert "largest difference of logits" in seen.out and str(out / "baked") in seen.out
    assert "! peft: NOT IN THESE FILES, and part of what passed: the system prompt" in seen.err
    assert (out / "peft" / "adapter_model.safetensors").is_file() and (out / "baked" / "export.json").is_file()
    assert run(["export", "tone@1", "--as", "peft", "--to", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["exports"][0]
    assert told["standing"] and told["agreement"]["reader"].startswith("peft ")
    assert told["left_out"][0] == "the system prompt"


def test_what_is_exported_comes_back_through_import(tone: Path, tiny_base: Path, tmp_path: Path) -> None:
    assert run(["export", "tone", "--as", "peft,baked", "--to", str(tmp_path / "out"), "--no-check"]) == 0
    for name in ("peft", "baked"):
        assert run(["import", str(tmp_path / "out" / name), "--as", name, "--base", str(tiny_base)]) == 0
    with open_home() as opened:
        assert opened.candidates.get("peft").adapters != opened.candidates.get("baked").adapters


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tone", "--as", "pefft"], "no format is called 'pefft'"),
        (["tone", "--as", ","], "no format is named"),
        (["tune", "--as", "peft"], "Did you mean 'tone'"),
        (["tone", "--as", "merged", "--dtype", "int4"], "int4"),
        (["tone", "--as", "peft,pefft"], "no format is called 'pefft'"),
    ],
)
def test_what_cannot_be_exported_leaves_nothing(
    tone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["export", *arguments, "--to", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unchecked_is_said(tone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "tone", "--as", "peft", "--to", str(tmp_path), "--no-check"]) == 0
    assert "NOT COMPARED" in capsys.readouterr().out
    assert json.loads((tmp_path / "peft" / "export.json").read_text("utf-8"))["checked"] is None


def test_a_place_that_cannot_be_written(tone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["export", "tone", "--as", "peft", "--to", str(tmp_path / "file"), "--no-check"]) == 3
    assert "rung:" in capsys.readouterr().err
