"""Code that came with a base runs with leave alone, is part of its digest, and answers as it does in transformers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from oracle import TEXTS, ask, greedy
from tiny import tiny_tokenizer

from rung.engine.bases.folder import check_folder, digest_folder
from rung.engine.local.answering import Answering
from rung.engine.local.model import LocalModel
from rung.engine.local.remote_code import VARIABLE
from rung.errors import UserError

CODE = '''
import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedModel, PretrainedConfig
from transformers.modeling_outputs import CausalLMOutput


class MeanConfig(PretrainedConfig):
    model_type = "running_mean"

    def __init__(self, vocab_size=500, hidden_size=32, num_hidden_layers=2, **others):
        self.vocab_size, self.hidden_size, self.num_hidden_layers = vocab_size, hidden_size, num_hidden_layers
        super().__init__(**others)


class MeanForCausalLM(PreTrainedModel, GenerationMixin):
    """Each layer adds what it makes of the mean of all tokens so far; it keeps nothing between two tokens."""

    config_class = MeanConfig

    def __init__(self, config):
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(nn.Linear(config.hidden_size, config.hidden_size) for _ in range(config.num_hidden_layers))
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.embed

    def get_output_embeddings(self):
        return self.head

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **others):
        return {"input_ids": input_ids, "attention_mask": attention_mask}

    def forward(self, input_ids, attention_mask=None, use_cache=None, return_dict=None, **others):
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        mask = mask[..., None].to(self.embed.weight.dtype)
        x = self.embed(input_ids)
        for layer in self.layers:
            x = x + torch.tanh(layer((x * mask).cumsum(1) / mask.cumsum(1).clamp(min=1)))
        return CausalLMOutput(logits=self.head(x))
'''


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a model that only its own code computes."""
    import torch
    from safetensors.torch import save_file

    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path / "modules")])
    folder = tmp_path / "strange"
    folder.mkdir()
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    (folder / "modeling_mean.py").write_text(CODE, "utf-8")
    own = {"AutoConfig": "modeling_mean.MeanConfig", "AutoModelForCausalLM": "modeling_mean.MeanForCausalLM"}
    config = {"model_type": "running_mean", "architectures": ["MeanForCausalLM"], "auto_map": own, "vocab_size": len(tokenizer)}
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 32, "num_hidden_layers": 2}), "utf-8")
    generator = torch.Generator().manual_seed(0)
    sizes = {"embed.weight": (len(tokenizer), 32), "head.weight": (len(tokenizer), 32)}
    sizes |= {f"layers.{n}.weight": (32, 32) for n in range(2)} | {f"layers.{n}.bias": (32,) for n in range(2)}
    tensors = {name: torch.randn(size, generator=generator) * 0.5 for name, size in sizes.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_it_does_not_run_unasked(strange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    check_folder(strange)
    (strange / "modeling_mean.py").write_text("raise SystemExit('it ran')", "utf-8")
    with pytest.raises(
        UserError, match=r"'running_mean' is computed by code that came with the model \(modeling_mean.py\)"
    ) as told:
        LocalModel.load(strange, device="cpu")
    assert f"{VARIABLE}=1" in told.value.message and "config.json" in told.value.message
    monkeypatch.setenv(VARIABLE, "maybe")
    with pytest.raises(UserError, match="RUNG_TRUST_REMOTE_CODE is 'maybe'"):
        LocalModel.load(strange, device="cpu")


def test_code_that_lies_elsewhere_never_runs(strange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    text = (strange / "config.json").read_text("utf-8").replace("modeling_mean.MeanFor", "somebody/else--modeling_mean.MeanFor")
    (strange / "config.json").write_text(text, "utf-8")
    with pytest.raises(UserError, match=r"lies in another place \(somebody/else\)"):
        LocalModel.load(strange, device="cpu")


def test_it_answers_with_leave_as_it_does_in_transformers(strange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    monkeypatch.setenv(VARIABLE, "1")
    model = LocalModel.load(strange, dtype=torch.float32, device="cpu")
    theirs = AutoModelForCausalLM.from_pretrained(strange, trust_remote_code=True, dtype=torch.float32).eval()
    requests = [ask(text, max_tokens=7 + index) for index, text in enumerate(TEXTS[:3])]
    for request, answer in zip(requests, Answering(model).answer(requests), strict=True):
        tokens, text = greedy(theirs, model, request)
        assert (answer.text, answer.completion_tokens) == (text, len(tokens))


def test_its_code_is_part_of_what_was_measured(strange: Path) -> None:
    before = digest_folder(strange)
    (strange / "modeling_mean.py").write_text(CODE.replace("tanh", "sin"), "utf-8")
    assert digest_folder(strange) != before
    (strange / "config.json").write_text(json.dumps({"model_type": "llama"}), "utf-8")
    known = digest_folder(strange)
    (strange / "modeling_mean.py").unlink()
    assert digest_folder(strange) == known
