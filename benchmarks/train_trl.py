"""The other side of `train.py`: TRL's SFTTrainer with a PEFT LoRA, run by the Python of TRL's own environment on the very same tokens.

    python train_trl.py JOB.json RESULT.json

The job names the base's folder, the rows as token ids with the start of what is supervised, and the settings.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, set_seed
from trl import SFTConfig, SFTTrainer

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PACKED_TOKENS = 512
# Every setting that trains on a CPU in bfloat16; padding_free needs FlashAttention.
VARIANTS = {
    "padded, nll": {"loss_type": "nll"},
    "padded, chunked_nll": {"loss_type": "chunked_nll"},
    "packed, nll": {"loss_type": "nll", "packing": True},
    "packed, chunked_nll": {"loss_type": "chunked_nll", "packing": True},
}


class Clock(TrainerCallback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, args, state, control, **_):
        self.ends.append(time.perf_counter())


def run(job: dict, variant: str, rows: list[dict], epochs: float, out: str) -> dict:
    """One training; useful tokens a second over all steps but the first, which warms up."""
    set_seed(job["seed"])
    options = VARIANTS[variant]
    tokens = sum(len(row["ids"]) for row in rows)
    batch = job["batch_rows"]
    if options.get("packing"):
        batch = max(1, round(batch * tokens / len(rows) / PACKED_TOKENS))
    else:
        options = {**options, "train_sampling_strategy": "group_by_length"}
    data = [
        {"input_ids": row["ids"], "labels": [-100] * row["start"] + row["ids"][row["start"] :], "length": len(row["ids"])}
        for row in rows
    ]
    config = SFTConfig(
        output_dir=out,
        per_device_train_batch_size=batch,
        num_train_epochs=epochs,
        learning_rate=job["learning_rate"],
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.1},
        warmup_steps=0.05,
        weight_decay=0.0,
        max_grad_norm=1.0,
        max_length=PACKED_TOKENS if options.get("packing") else None,
        bf16=True,
        use_cpu=True,
        gradient_checkpointing=False,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        seed=job["seed"],
        **options,
    )
    clock = Clock()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(job["base"], dtype=torch.bfloat16),
        args=config,
        train_dataset=Dataset.from_list(data),
        processing_class=AutoTokenizer.from_pretrained(job["base"]),
        peft_config=LoraConfig(r=job["rank"], lora_alpha=job["alpha"], target_modules=TARGETS, task_type="CAUSAL_LM"),
        callbacks=[clock],
    )
    trainer.train()
    trainer.save_model(out)
    steps = len(clock.ends)
    seconds = clock.ends[-1] - clock.ends[0]
    return {
        "variant": variant,
        "tokens_per_s": tokens * epochs * (steps - 1) / steps / seconds,
        "steps": steps,
        "batch": batch,
        "folder": out,
    }


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    out = Path(job["out"])
    probes, refusals = [], {}
    for index, variant in enumerate(VARIANTS):
        try:
            probes.append(run(job, variant, job["rows"][: job["probe_rows"]], 1, str(out / f"probe-{index}")))
        except Exception as error:  # noqa: BLE001 - whatever a variant fails with, the others are still tried
            refusals[variant] = f"{type(error).__name__}: {error}"
    best = max(probes, key=lambda probe: probe["tokens_per_s"])["variant"]
    result = run(job, best, job["rows"], job["epochs"], str(out / "full"))
    Path(sys.argv[2]).write_text(json.dumps({"probes": probes, "refusals": refusals, "best": result}))


if __name__ == "__main__":
    main()
