"""What people have brought to other programs and been puzzled by, rebuilt small: taken rightly here, or refused with a cause."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from made import change, entry, make_adapter, tensors, zipped

from rung.admission.modelfile_meaning import read_modelfile
from rung.admission.prompt_files import read_fields, read_text
from rung.cli.app import run
from rung.errors import UserError

BASE = "http://127.0.0.1:9/v1#none"


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tiny_base, tmp_path_factory.mktemp("trained") / "lora")


@pytest.fixture
def lora(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "lora"))


def refused(capsys: pytest.CaptureFixture[str], path: Path, *more: str) -> str:
    capsys.readouterr()
    assert run(["import", str(path), "--as", "x", *more]) == 2
    return capsys.readouterr().err


def modelfile(text: str, folder: Path) -> Any:
    return read_modelfile(text, folder / "Modelfile", own_base=True)


def test_adapter_names_the_file_and_not_its_folder(
    lora: Path, tiny_base: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Modelfile").write_text("FROM granite3.2:8b\nADAPTER ./lora/adapter_model.safetensors\n", "utf-8")
    assert run(["import", str(tmp_path / "Modelfile"), "--as", "x", "--base", str(tiny_base)]) == 0
    assert "is not looked up: --base answers" in capsys.readouterr().err


def test_weights_under_another_name_beside_the_settings(lora: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lora / "adapter_model.safetensors").rename(lora / "frame.safetensors")
    said = refused(capsys, lora)
    assert "has no adapter_model.safetensors" in said


def test_a_checkpoint_folder_of_a_trainer(lora: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"):
        (lora / name).write_bytes(zipped())
    (lora / "trainer_state.json").write_text("{}", "utf-8")
    said = refused(capsys, lora)
    assert "for 4 reasons" in said and "'rng_state.pth': pickled" in said and "trainer_state" not in said
    assert "Bring a folder of its own with these files alone: adapter_config.json, adapter_model.safetensors." in said


def test_the_run_folder_that_holds_the_checkpoints(
    lora: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder = tmp_path / "run"
    shutil.move(lora, run_folder / "checkpoint-628")
    assert f"name {run_folder / 'checkpoint-628'}" in refused(capsys, run_folder)


def test_a_folder_of_the_hubs_cache_is_links(lora: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for file in lora.iterdir():
        (snapshot / file.name).symlink_to(file)
    said = refused(capsys, snapshot)
    assert "'adapter_config.json': a link" in said and "cp -rL" in said


def test_torch_weights_renamed_to_safetensors(lora: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lora / "adapter_model.safetensors").write_bytes(zipped())
    assert "called safetensors, and an archive with pickles in it" in refused(capsys, lora)


def test_shards_that_were_not_gathered(lora: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lora / "adapter_model.safetensors").write_bytes(tensors({"a.lora_B.weight": entry([0], 0, 0)}))
    said = refused(capsys, lora)
    assert "'a.lora_B.weight' is empty" in said and "ZeRO-3" in said
    (lora / "adapter_model.safetensors").write_bytes(tensors({}))
    assert "no tensor in it" in refused(capsys, lora)


def test_bytes_behind_the_last_tensor(lora: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (lora / "adapter_model.safetensors").open("ab") as file:
        file.write(b"\0" * 100)
    assert "100 bytes follow the last tensor" in refused(capsys, lora)


def test_a_megabyte_that_is_told_of_four_bytes(lora: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lora / "adapter_model.safetensors").write_bytes(tensors({"t": entry([1000, 1000], 0, 4)}, b"\0" * 4))
    assert "has 4 bytes, where F32 of shape (1000, 1000) takes 4,000,000" in refused(capsys, lora)


def test_names_of_another_wrapper_never_answer_as_the_base(lora: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def renamed(loaded: dict[str, Any]) -> None:
        for name in list(loaded):
            loaded[name.replace("model.layers.", "transformer.h.")] = loaded.pop(name)

    change(lora, renamed)
    assert "the adapter does not fit the base" in refused(capsys, lora)


def test_all_b_are_zero_after_training(lora: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(lora, lambda loaded: [tensor.zero_() for name, tensor in loaded.items() if ".lora_B." in name])
    assert "update is null" in refused(capsys, lora)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("failed to get console mode for stdout: The handle is invalid.\nFROM x", "Modelfile:1: unknown instruction 'FAILED'"),
        ('FROM x\nSYSTEM """Be kind."""\n\nVery important: be brief.', "Modelfile:4: unknown instruction 'VERY'"),
        ("FROM x\nMESSAGE assistant There was a man,\nwhose name was Pete.", "Modelfile:3: unknown instruction 'WHOSE'"),
        ("FROM a-1.gguf\nFROM a-2.gguf\nSYSTEM x", "Modelfile:2: FROM stands twice, on line 1 and here"),
        (
            "SYSTEM x\nPARAMETER stop [a b]\nPARAMETER temperature: 1",
            "Modelfile:3: PARAMETER 'temperature: 1' is no name and value",
        ),
    ],
)
def test_modelfiles_that_were_refused_without_a_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        modelfile(text, tmp_path)
    assert said in caught.value.message


def test_comments_that_begin_like_instructions(tmp_path: Path) -> None:
    found = modelfile("# system rabbit\n#FROM y\nPARAMETER temperature 0.0\nFROM x\nSYSTEM a # b\n", tmp_path)
    assert found.prompt == "a # b" and found.notes == ()


def test_json_in_a_prompt_is_no_variable() -> None:
    text = 'Answer as {"name": "...", "score": {"value": 1}}, and {{}} stays.'
    assert read_text(text, "p.txt", "p.txt").prompt == text
    assert read_text(text, "p.txt", "p.txt").notes == ()


def test_single_braces_are_told_of() -> None:
    found = read_fields(json.dumps({"template": "Be {tone}.", "name": "x"}), "p.json", "p.json", is_json=True)
    assert found.prompt == "Be {tone}." and "Nothing is filled in for {tone}" in found.notes[0]


def test_yaml_whose_text_begins_with_braces() -> None:
    with pytest.raises(UserError) as caught:
        read_fields("prompt: {{ question }}\n", "p.yaml", "p.yaml", is_json=False)
    assert "want quotes" in caught.value.hint and caught.value.where == "p.yaml:1"


def test_a_prompt_saved_with_a_mark_or_by_powershell(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rung.registry.home import open_home

    for number, coding in enumerate(("utf-8", "utf-8-sig", "utf-16"), 1):
        path = tmp_path / f"{number}" / "p.txt"
        path.parent.mkdir()
        path.write_bytes("Sei höflich.\r\nKurz.\r\n".encode(coding))
        assert run(["import", str(path), "--as", "kind", "--base", BASE, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["version"] == "kind@1"
    with open_home() as opened:
        assert opened.candidates.get("kind").prompt == "Sei höflich.\nKurz."
