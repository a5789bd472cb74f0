"""Adapters that were trained elsewhere, under a base: by a task file, and by `rung import`."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "climb"))
from test_registered_base import task_on

from rung.admission.adapter import import_adapter
from rung.climb.registered_base import load_task
from rung.errors import UserError
from rung.registry.home import open_home


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By how it began, an adapter that PEFT saved beside the base's own tokenizer, as trainers do."""
    import peft
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folders = {}
    for start in (True, "pissa"):
        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_pretrained(tiny_base)
        config = peft.LoraConfig(
            r=2,
            target_modules=["q_proj", "down_proj"],
            init_lora_weights=start,
            rank_pattern={"down_proj": 3},
            task_type="CAUSAL_LM",
        )
        model = peft.get_peft_model(model, config)
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.data += torch.randn(parameter.shape) * 0.2
        folder = tmp_path_factory.mktemp("trained") / f"my-{start}"
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(tiny_base).save_pretrained(folder)
        (folder / "trainer_state.json").write_text("{}", "utf-8")
        folders[str(start)] = folder
    return folders


@pytest.fixture
def folder(trained: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained["True"], tmp_path / "mine"))


def logits(base: Path, adapter: Path) -> Any:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    with torch.inference_mode():
        return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)(torch.arange(30)[None]).logits[0]


def test_its_two_files_are_kept_and_named_by_their_bytes(tiny_base: Path, folder: Path, tmp_path: Path) -> None:
    with open_home(tmp_path / "home", write=True) as home:
        first, again = (import_adapter(folder, str(tiny_base), home) for _ in range(2))
        assert first == again and first.notes == ()
        kept = home.blobs.local(first.digest)
        assert sorted(file.name for file in kept.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


def test_what_begins_from_the_base_is_kept_as_a_plain_one(trained: dict[str, Path], tiny_base: Path, tmp_path: Path) -> None:
    with open_home(tmp_path / "home", write=True) as home:
        kept = home.blobs.local(import_adapter(trained["pissa"], str(tiny_base), home).digest)
        settings = json.loads((kept / "adapter_config.json").read_text("utf-8"))
        assert settings["init_lora_weights"] is True and settings["r"] == 6
        assert (logits(tiny_base, kept) - logits(tiny_base, trained["pissa"])).abs().max() < 1e-4


def test_a_task_file_names_one(tiny_base: Path, folder: Path, tmp_path: Path) -> None:
    path = task_on(tmp_path / "task", str(tiny_base), "r1_prompt")
    shutil.copytree(folder, path.parent / "lora")
    raw = yaml.safe_load(path.read_text("utf-8"))
    with open_home(tmp_path / "home") as home:
        plain = load_task(path, home)
        path.write_text(yaml.safe_dump(raw | {"base": {"model": str(tiny_base), "adapter": "lora"}}), "utf-8")
        task = load_task(path, home)
        assert task.base == plain.base and len(task.base_adapters) == 1 and task.base_name.endswith("lora")
        assert task.digest != plain.digest
        for base, said in (
            ({"model": str(tiny_base), "adapter": "nowhere"}, "no such folder"),
            ({"model": "https://host/v1#model", "adapter": "lora"}, "its weights are not here"),
            ({"model": str(tiny_base), "adaptor": "lora"}, "adaptor"),
            (3, "'base' cannot be 3"),
        ):
            path.write_text(yaml.safe_dump(raw | {"base": base}), "utf-8")
            with pytest.raises(UserError, match=said):
                load_task(path, home)


def test_what_lies_beside_it_is_looked_at(tiny_base: Path, folder: Path, tmp_path: Path) -> None:
    with open_home(tmp_path / "home", write=True) as home:
        (folder / "chat_template.jinja").write_text("{{ messages }}", "utf-8")
        with pytest.raises(UserError, match="another chat template"):
            import_adapter(folder, str(tiny_base), home)
        (folder / "chat_template.jinja").unlink()
        tokenizer = folder / "tokenizer.json"
        raw = json.loads(tokenizer.read_text("utf-8"))
        raw["added_tokens"].append({**raw["added_tokens"][-1], "id": 9999, "content": "<|new|>"})
        tokenizer.write_text(json.dumps(raw), "utf-8")
        with pytest.raises(UserError, match=r"1 tokens .*'<\|new\|>'"):
            import_adapter(folder, str(tiny_base), home)
        tokenizer.unlink()
        settings = folder / "adapter_config.json"
        changed = json.loads(settings.read_text("utf-8")) | {"base_model_name_or_path": "someone/other", "revision": "main"}
        settings.write_text(json.dumps(changed), "utf-8")
        assert "trained on someone/other; it is put on" in import_adapter(folder, str(tiny_base), home).notes[0]


def test_the_command(folder: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rung.cli.app import run

    assert run(["import", str(folder), "--as", "mine", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == "mine@1" and document["notes"] == [] and document["origin"] == "CLAIMED"
    assert run(["show", "mine"]) == run(["ls"]) == 0
    assert capsys.readouterr().out.count("CLAIMED, judged by no task here: a PEFT adapter ('LORA'), trained on") == 2
    assert run(["answer", "mine", "How are you?", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["candidate"] == document["candidate"]
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    assert run(["import", str(folder), "--as", "mine"]) == 2
    assert "can run code" in capsys.readouterr().err
    assert run(["import", str(folder / "adapter_config.json"), "--as", "mine"]) == 2
    assert f"Name the folder: {folder}" in capsys.readouterr().err


def test_what_is_saved_here_is_found_by_peft(tiny_base: Path, tmp_path: Path) -> None:
    import torch
    from peft import AutoPeftModelForCausalLM

    from rung.engine.local.adapter import Adapter, BaseName, kind_of

    base = tmp_path / "base"
    shutil.copytree(tiny_base, base)
    kind = kind_of("lora")
    from rung.engine.local.model import LocalModel

    model = LocalModel.load(base, dtype=torch.float32, device="cpu")
    adapter = Adapter.initialise(kind, kind.Config(rank=2), model.config, 0, torch.device("cpu"))
    for tensor in adapter.tensors.values():
        tensor.add_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(1)), alpha=0.2)
    adapter.save(tmp_path / "saved", {"base": f"{base}@sha256:ab"}, BaseName.of(f"{base}@sha256:{'ab' * 32}", base))
    with torch.inference_mode():
        theirs = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "saved")(torch.arange(30)[None]).logits[0]
    assert torch.allclose(theirs, logits(base, tmp_path / "saved"), atol=1e-5)
    assert BaseName.of("hf:org/name@abc123", base) == BaseName(name="org/name", revision="abc123")
