"""`rung import`: each kind of thing, registered as CLAIMED until a task has judged it; half of one leaves nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "climb"))
from made import make_adapter
from test_registered_base import task_on

from rung.admission import copying
from rung.cli.app import run
from rung.registry.home import open_home
from rung.registry.names import Names

BASE = "http://127.0.0.1:9/v1#none"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "brought"
    made.mkdir()
    return made


def imported(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["import", *arguments, "--json"]) == 0, capsys.readouterr()
    return dict(json.loads(capsys.readouterr().out))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    capsys.readouterr()
    assert run(["import", *arguments]) == code
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def versions(name: str) -> list[Any]:
    with open_home() as home:
        return [version for version in home.names.all() if version.name == name]


def test_a_prompt_is_a_claim_until_a_task_has_judged_it(folder: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "p.md").write_text("Say yes or no.\n", "utf-8")
    first = imported(capsys, str(folder / "p.md"), "--as", "tone", "--base", BASE)
    assert (first["version"], first["origin"], first["claimed"]) == ("tone@1", "CLAIMED", "the prompt of 'p.md'")
    assert imported(capsys, str(folder / "p.md"), "--as", "tone", "--base", BASE)["version"] == "tone@1"
    for command in (["ls"], ["show", "tone"]):
        assert run(command) == 0
        assert "CLAIMED, judged by no task here: the prompt of 'p.md'" in capsys.readouterr().out
    assert run(["ls", "--json"]) == 0 and json.loads(capsys.readouterr().out)["names"][0]["claimed"] is True
    from rung.admission.claims import judged

    with open_home(write=True) as opened:
        assert judged(opened, first["candidate"], "t" * 64, {}) == ("tone@2",)
        assert judged(opened, first["candidate"], "t" * 64, {}) == ()
    assert [version.is_claimed for version in versions("tone")] == [True, False]


def scripted(folder: Path) -> str:
    """A model that says the last word of what it is asked."""
    text = 'def answer(request):\n    return request["messages"][-1]["content"].split()[-1]\n'
    (folder / "answers.py").write_text(text, "utf-8")
    return f"scripted:{folder / 'answers.py'}#answer"


def test_an_evaluation_that_passes_on_test_judges_it(
    folder: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "p.txt").write_text("Say the word.", "utf-8")
    base = scripted(folder)
    rows = [{"input": f"Please say w{n}", "target": f"w{n}"} for n in range(120)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    task = folder / "task.yaml"
    task.write_text(
        f"name: words\nbase: '{base}'\ninstruction: Say the word.\n"
        "data: {examples: rows.jsonl, columns: {input: input, target: target}}\n"
        "quality: {scorer: exact, at_least: 0.8}\n",
        "utf-8",
    )
    imported(capsys, str(folder / "p.txt"), "--as", "words", "--base", base)
    assert run(["eval", str(task), "--candidate", "words", "--split", "dev", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["judged"] == [] and len(versions("words")) == 1
    assert run(["eval", str(task), "--candidate", "words", "--split", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["judged"] == ["words@2"]
    assert [version.is_claimed for version in versions("words")] == [True, False]


def test_a_modelfile_with_its_model_and_adapter(
    tiny_base: Path, folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_base, folder / "model")
    make_adapter(folder / "model", folder / "lora")
    (folder / "Modelfile").write_text(
        "FROM ./model\nADAPTER ./lora\nSYSTEM Be kind.\nPARAMETER num_predict 8\nPARAMETER top_p 1\n"
        "MESSAGE user a\nMESSAGE assistant b\n",
        "utf-8",
    )
    found = imported(capsys, str(folder), "--as", "kind")
    assert "from './model'" in found["claimed"] and "a PEFT adapter ('LORA')" in found["claimed"] and found["adapter"]
    assert len(found["notes"]) == 1 and "Line 5: PARAMETER 'top_p 1'" in found["notes"][0]
    with open_home() as opened:
        candidate = opened.candidates.get("kind@1")
        assert candidate.prompt == "Be kind." and candidate.max_tokens == 8 and len(candidate.adapters) == 1
        assert candidate.demonstrations and (candidate.demonstrations.shared, candidate.demonstrations.k) == (1, 0)
    assert run(["answer", "kind", "Hello", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["candidate"] == found["candidate"]
    (folder / "p.txt").write_text("Be brief.", "utf-8")
    again = imported(capsys, str(folder / "p.txt"), "--as", "kind", "--base", "kind@1")
    assert (again["version"], again["adapter"], again["base"]) == ("kind@2", found["adapter"], found["base"])


def test_a_modelfile_whose_model_only_ollama_knows(folder: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "kind.modelfile"
    path.write_bytes("FROM hf.co/org/name:Q4_K_M\r\nSYSTEM Be kind.\r\n".encode("utf-16"))
    said = refused(capsys, str(path), "--as", "kind")
    assert "FROM 'hf.co/org/name:Q4_K_M' is no model on this machine" in said and "--base: hf:org/name" in said
    found = imported(capsys, str(path), "--as", "kind", "--base", BASE)
    assert found["notes"] == ["FROM 'hf.co/org/name:Q4_K_M' is not looked up: --base answers."]
    path.write_text("FROM \x1b[2Jx\nSYSTEM Be kind.", "utf-8")
    assert "http://localhost:11434/v1#llama3.2" in refused(capsys, str(path), "--as", "kind")


def test_an_mlflow_export(folder: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompt = {"name": "s", "version": 2, "template": "Be kind. {{q}}", "tags": {}, "aliases": ["champion"]}
    (folder / "prompt.json").write_text(json.dumps({"mlflow": {"prompt": prompt}}), "utf-8")
    found = imported(capsys, str(folder), "--as", "support", "--base", BASE)
    assert "the MLflow prompt 's', version '2'" in found["claimed"] and any(
        "aliases are not set" in note for note in found["notes"]
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.txt", b"", "'p.txt': empty"),
        ("p.txt", b"\x80\x04\x95abc", "a text is asked for, and this is pickled"),
        ("p.txt", b"\xe9t\xe9", "'p.txt': no UTF-8 text, at byte 0"),
        ("p.txt", b"a\0b", "a text with a NUL in it"),
        ("p.yaml", b"PK\x03\x04", "an archive (zip)"),
        ("p.txt", b"x" * 1_000_001, "too large: 1.0 MB, at most 1.0 MB"),
        ("p.pdf", b"%PDF-1.7", "of no kind that is taken"),
        ("model.gguf", b"GGUF", "A GGUF model is a base"),
        ("model.pt", b"x", "pickled, which can run code"),
        ("all.zip", b"PK\x03\x04", "Unpack it first"),
        ("tokenizer.json", b"{}", "which is taken as a whole"),
        ("adapter_model.safetensors", b"{}", "which is taken as a whole"),
        ("a\x1b[2J.txt", b"x", "cannot be shown"),
        ("p", b"Be kind.", "Give --base"),
    ],
)
def test_files_that_are_not_taken(
    folder: Path, home: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, said: str
) -> None:
    (folder / name).write_bytes(content)
    found = refused(capsys, str(folder / name), "--as", "x")
    assert said in found and "\x1b" not in found and versions("x") == []


def test_paths_and_names_that_are_none(tiny_base: Path, folder: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read: No such file" in refused(capsys, str(folder / "nothing"), "--as", "x")
    os.mkfifo(folder / "pipe")
    assert "a pipe (FIFO)" in refused(capsys, str(folder / "pipe"), "--as", "x")
    assert "a device" in refused(capsys, "/dev/null", "--as", "x")
    assert "the folder is a whole model" in refused(capsys, str(tiny_base), "--as", "x")
    assert "has no adapter_config.json" in refused(capsys, str(folder), "--as", "x")
    (folder / "p.txt").write_text("x", "utf-8")
    assert "'../x' cannot be a name" in refused(capsys, str(folder / "p.txt"), "--as", "../x", "--base", BASE)
    assert "no candidate is called 'x@3'" in refused(capsys, str(folder / "p.txt"), "--as", "x", "--base", "x@3")
    (folder / "Modelfile").symlink_to(folder / "p.txt")
    assert "'Modelfile': a link" in refused(capsys, str(folder), "--as", "x")


def left(home: Path) -> list[str]:
    """What stands in a home beside its registry, once it has been opened again."""
    with open_home(home, write=True) as opened:
        assert opened.names.all() == []
    return sorted(str(path.relative_to(home)) for path in (home / "blobs").rglob("*") if path.is_file())


def test_a_full_disk_leaves_nothing(
    tiny_base: Path, folder: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_adapter(tiny_base, folder / "lora")

    def full(*_arguments: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(copying, "_copied", full)
        assert "no space left" in refused(capsys, str(folder / "lora"), "--as", "x", code=3)
    assert left(home) == []


@pytest.mark.parametrize("moment", ["copied", "looked at", "stored"])
def test_a_killed_import_leaves_nothing(tiny_base: Path, folder: Path, home: Path, moment: str) -> None:
    make_adapter(tiny_base, folder / "lora")
    child = os.fork()
    if child == 0:
        _killed_at(moment, str(folder / "lora"))
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert len(left(home)) == (2 if moment == "stored" else 0)  # a whole blob, which nothing names
    assert not list(home.rglob(".making-*"))
    assert run(["import", str(folder / "lora"), "--as", "x"]) == 0


def _killed_at(moment: str, path: str) -> None:
    from rung.admission import adapter

    def kill(*_arguments: Any, **_options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    if moment == "copied":
        adapter.admit_folder = kill
    elif moment == "looked at":
        adapter._held_against = kill
    else:
        Names.register = kill  # type: ignore[method-assign]
    try:
        run(["import", path, "--as", "x"])
    finally:
        os._exit(1)


def test_a_task_on_an_imported_version(folder: Path, tiny_base: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_adapter(tiny_base, folder / "lora")
    found = imported(capsys, str(folder / "lora"), "--as", "lora")
    from rung.climb.registered_base import load_task

    with open_home() as opened:
        task = load_task(task_on(folder / "task", "lora@1", "r1_prompt"), opened)
    assert task.base_adapters == (found["adapter"],)
