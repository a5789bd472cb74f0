"""Adapters by every way that weights leave the home: the same numbers, whatever their scales, kinds and company."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from exported import peft_folder, peft_logits, registered
from safetensors.torch import load_file

from rung.engine.local.architecture import DecoderConfig
from rung.errors import UserError
from rung.export.base import export
from rung.export.formats import vllm
from rung.export.subject import Options
from rung.registry.home import Home

IDS = torch.randint(0, 400, (1, 24), generator=torch.Generator().manual_seed(3))
ALL = ("peft", "baked", "merged", "vllm")


@pytest.fixture(scope="session")
def odd_pair(odd_adapter: Path, plain_adapter: Path) -> list[Path]:
    return [odd_adapter, plain_adapter]


@pytest.mark.parametrize("name", ALL)
def test_a_stack_with_odd_scales_leaves_as_it_answers(
    registry: Home, tiny_base: Path, odd_pair: list[Path], tmp_path: Path, name: str
) -> None:
    made = export(registered(registry, tiny_base, odd_pair), name, tmp_path)
    assert made.agreement and made.agreement.value < made.agreement.limit / 10
    again = export(registered(registry, tiny_base, odd_pair), name, tmp_path / "again", check=False)
    assert [(one.name, one.digest) for one in made.files] == [(one.name, one.digest) for one in again.files], "the same bytes"


def by_alpha_over_r(folder: Path, base: Path) -> torch.Tensor:
    """The base under W + (lora_alpha / r) B A for every tensor, as a program computes it that knows nothing more."""
    from transformers import AutoModelForCausalLM

    settings, tensors = (
        json.loads((folder / "adapter_config.json").read_text()),
        load_file(str(folder / "adapter_model.safetensors")),
    )
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    for name, down in tensors.items():
        if "lora_A" in name:
            up = tensors[name.replace("lora_A", "lora_B")]
            module = model.get_submodule(name.removeprefix("base_model.model.").removesuffix(".lora_A.weight"))
            module.weight.data += settings["lora_alpha"] / settings["r"] * (up.float() @ down.float())
    with torch.inference_mode():
        return model(IDS).logits


def test_the_baked_copy_is_the_original_to_peft_and_to_who_knows_alpha_over_r_alone(
    registry: Home, tiny_base: Path, odd_pair: list[Path], tmp_path: Path
) -> None:
    made = export(registered(registry, tiny_base, odd_pair), "baked", tmp_path, check=False)
    original = peft_logits(tiny_base, odd_pair, IDS)
    torch.testing.assert_close(peft_logits(tiny_base, [made.folder], IDS), original, rtol=0, atol=1e-4)
    torch.testing.assert_close(by_alpha_over_r(made.folder, tiny_base), original, rtol=0, atol=1e-4)
    alone = by_alpha_over_r(odd_pair[0], tiny_base)
    assert (alone - peft_logits(tiny_base, odd_pair[:1], IDS)).abs().max() > 0.01, "such a program is wrong about the original"
    settings = json.loads((made.folder / "adapter_config.json").read_text())
    assert settings["r"] == settings["lora_alpha"] == 10 and not settings["use_rslora"] and "rank_pattern" not in settings


def test_modules_that_only_some_layers_have_are_there_in_all(registry: Home, tiny_base: Path, tmp_path: Path) -> None:
    adapter = peft_folder(tiny_base, tmp_path / "some", layers_to_transform=[1], target_modules=["q_proj"])
    made = export(registered(registry, tiny_base, [adapter]), "baked", tmp_path)
    tensors = load_file(str(made.folder / "adapter_model.safetensors"))
    assert len(tensors) == 2 * DecoderConfig.read(tiny_base).layers
    assert sum(bool(tensor.any()) for tensor in tensors.values()) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "the embedding or the head"),
        ({"kind": "IA3Config", "target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]}, "IA3"),
    ],
)
def test_what_is_no_low_rank_is_merged_and_not_baked(
    registry: Home, tiny_base: Path, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    adapter = peft_folder(tiny_base, tmp_path / "more", **settings)
    subject = registered(registry, tiny_base, [adapter])
    for name in ("baked", "vllm"):
        with pytest.raises(UserError, match=f"more than updates of low rank: .*{said}"):
            export(subject, name, tmp_path)
    made = export(subject, "merged", tmp_path)
    assert made.agreement and made.agreement.value < 1e-6
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["home", "merged", "more"]


def test_rounding_is_told_and_refused_past_a_bound(registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path) -> None:
    narrow = Options(dtype="bfloat16", max_nats=1e-9)
    with pytest.raises(UserError, match=r"nats a token.*as bfloat16.*\n.*--dtype float32"):
        export(registered(registry, tiny_base, [plain_adapter], options=narrow), "merged", tmp_path)
    subject = registered(registry, tiny_base, [plain_adapter], options=Options(dtype="bfloat16", max_nats=1.0))
    made = export(subject, "merged", tmp_path)
    assert made.agreement and 1e-7 < made.agreement.value < 0.1
    assert json.loads((made.folder / "config.json").read_text())["dtype"] == "bfloat16"


def test_a_merge_to_no_effect_is_refused_however_little_the_adapter_does(
    registry: Home, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that are those of the base differ from the adapter by less than rounding may."""
    from rung.export.formats import merged
    from rung.export.tensors import merge

    slight = peft_folder(tiny_base, tmp_path / "slight", lora_alpha=0.05)
    subject = registered(registry, tiny_base, [slight])
    monkeypatch.setattr(merge, "_changes", lambda stack, module: {})
    with pytest.raises(UserError, match="does not agree"):
        export(subject, "merged", tmp_path)
    assert merged.check


def test_the_merged_folder_ends_its_answers_and_draws_none_at_random(
    registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    said = json.loads((base / "generation_config.json").read_text())
    (base / "generation_config.json").write_text(json.dumps(said | {"do_sample": True, "temperature": 0.7, "eos_token_id": 0}))
    (base / "LICENSE").write_text("Use it well.")
    made = export(registered(registry, base, [plain_adapter]), "merged", tmp_path)
    settings = json.loads((made.folder / "generation_config.json").read_text())
    assert settings["do_sample"] is False and "temperature" not in settings
    assert settings["eos_token_id"] == [0, 2]
    assert (made.folder / "LICENSE").read_text() == "Use it well."


def test_vllms_line_serves_what_was_judged(
    registry: Home, tiny_base: Path, odd_adapter: Path, plain_adapter: Path, tmp_path: Path
) -> None:
    odd, plain = (registered(registry, tiny_base, [one], prompt="Be brief.", max_tokens=9) for one in (odd_adapter, plain_adapter))
    words = vllm.launch_words(export(odd, "vllm", tmp_path / "odd").folder / "serve.sh")
    assert words[:3] == ["vllm", "serve", str(tiny_base)]
    assert words[words.index("--max-lora-rank") + 1] == "8"
    assert words[words.index("--lora-modules") + 1] == f"tone@{odd.candidate.id[:12]}=./adapter"
    made = export(plain, "vllm", tmp_path)
    stored = registry.blobs.local(plain.candidate.adapters[0])
    assert (made.folder / "adapter/adapter_model.safetensors").read_bytes() == (stored / "adapter_model.safetensors").read_bytes()
    request = json.loads((made.folder / "request.json").read_text())
    assert request["messages"][0] == {"role": "system", "content": "Be brief."} and request["max_tokens"] == 9
    assert request["model"] == f"tone@{plain.candidate.id[:12]}"
    assert (made.folder / "serve.sh").stat().st_mode & 0o111
    assert shlex.split(words[words.index("--override-generation-config") + 1])[0].startswith("{")


def test_a_rank_that_vllm_does_not_serve(registry: Home, tiny_base: Path, tmp_path: Path) -> None:
    adapter = peft_folder(tiny_base, tmp_path / "wide", r=513, target_modules=["q_proj"])
    with pytest.raises(UserError, match="serves ranks up to 512, and the adapter's is 513"):
        export(registered(registry, tiny_base, [adapter]), "vllm", tmp_path)


def test_a_base_without_an_adapter_leaves_as_a_whole_model(registry: Home, tiny_base: Path, tmp_path: Path) -> None:
    made = export(registered(registry, tiny_base, prompt="Be brief."), "merged", tmp_path)
    assert made.agreement and made.agreement.value < 1e-9
