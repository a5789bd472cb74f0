"""Another architecture is one more file: planted in a copy of the package, it is read, computed, adapted, trained and saved."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import rung

PACKAGE = Path(rung.__file__).parent
HERE = Path(__file__).parent

CHECK = """
import sys
from pathlib import Path
import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM
from rung.engine.local.adapter import Adapter, kind_of, load_adapter
from rung.engine.local.architecture import DecoderConfig
from rung.engine.local.attention import PrefixedRows
from rung.engine.local.fused import FusedDecoder
from rung.engine.local.weights import export, load_weights
from rung.train.batches import collate
from rung.train.fit import predict_memory
from rung.train.config import TrainConfig
from rung.train.rows import EncodedRow

work, cpu = Path(sys.argv[1]), torch.device("cpu")
torch.manual_seed(0)
sizes = dict(vocab_size=101, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, head_dim=8)
sizes |= dict(num_key_value_heads=1, max_position_embeddings=256, initializer_range=0.2, pad_token_id=0)
model = AutoModelForCausalLM.from_config(AutoConfig.for_model("gemma", **sizes)).float().eval()
for name, parameter in model.named_parameters():
    if "norm" in name:
        torch.nn.init.normal_(parameter, 0.0, 0.3)
model.save_pretrained(work / "base")
config = DecoderConfig.read(work / "base")
decoder = FusedDecoder(config, load_weights(work / "base", config, torch.float32, cpu))
ids = torch.randint(0, 101, (50,))

def ours(update=None):
    with torch.inference_mode():
        hidden = decoder.hidden(ids, torch.arange(50), PrefixedRows(prefix_tokens=0, rows=1, row_length=50), update)
        return decoder.logits(hidden)

def theirs(reference):
    with torch.inference_mode():
        return reference(ids[None]).logits[0]

assert torch.allclose(ours(), theirs(model), atol=1e-4)
stored = export(decoder.weights, config)
assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in stored.items())
assert config.parameters == sum(parameter.numel() for parameter in model.parameters())
for kind in map(kind_of, ("lora", "ia3")):
    adapter = Adapter.initialise(kind, kind.Config(), config, 1, cpu)
    for tensor in adapter.tensors.values():
        tensor.add_(torch.randn(tensor.shape), alpha=0.2)
    adapter.save(work / kind.PEFT_TYPE, {})
    update = load_adapter(work / kind.PEFT_TYPE, config, cpu).update(torch.float32)
    reference = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(work / "base"), work / kind.PEFT_TYPE)
    assert torch.allclose(ours(update), theirs(reference.eval()), atol=1e-3)
    assert (ours(update) - ours()).abs().max() > 0.1
row = EncodedRow(tuple(ids.tolist()), 40)
assert predict_memory(config, 4, TrainConfig.read({"method": "full", "objective": "sft"}), [row]).total > 0
print("all equal")
"""


def test_a_planted_architecture_needs_no_other_edit(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(PACKAGE, tmp_path / "src" / "rung", ignore=shutil.ignore_patterns("__pycache__")))
    shutil.copyfile(HERE / "planted_gemma.py", copy / "engine" / "local" / "models" / "gemma.py")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
    ran = subprocess.run([sys.executable, "-c", CHECK, str(tmp_path)], env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout.endswith("all equal\n"), ran.stderr[-2000:]
