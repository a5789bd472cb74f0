"""The other side of `train.py`: TRL's SFTTrainer with a PEFT LoRA, on the very same tokens, in TRL's own environment.

    python train_trl.py JOB.json RESULT.json

The job names the base's folder, the rows as token ids with the start of what is supervised, the precision and the settings.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, set_seed
from trl import SFTConfig, SFTTrainer

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# What trains on a CPU: tokens of a packed row, or None to pad. padding_free needs FlashAttention. The loss is TRL's
# default, which computes the head at supervised positions alone.
VARIANTS = {"padded, by length": None, "packed to 512": 512, "packed to 1024": 1024}


class Clock(TrainerCallback):
    """When each step ended, by the clock on the wall and by this process's own."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    def on_step_end(self, args, state, control, **_):
        self.ends.append((time.perf_counter(), time.process_time()))


def run(job: dict, variant: str, rows: list[dict], epochs: float, out: str) -> dict:
    """One training; useful tokens a second over all steps but the first, which warms up."""
    set_seed(job["seed"])
    packed, batch = VARIANTS[variant], job["batch_rows"]
    tokens = sum(len(row["ids"]) for row in rows)
    options = {"packing": True} if packed else {"train_sampling_strategy": "group_by_length"}
    if packed:
        batch = max(1, round(batch * tokens / len(rows) / packed))
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
        max_length=packed,
        bf16=job["precision"] == "bfloat16",
        use_cpu=True,
        activation_checkpointing=False,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        seed=job["seed"],
        **options,
    )
    clock = Clock()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(job["base"], dtype=getattr(torch, job["precision"])),
        args=config,
        train_dataset=Dataset.from_list(data),
        processing_class=AutoTokenizer.from_pretrained(job["base"]),
        peft_config=LoraConfig(r=job["rank"], lora_alpha=job["alpha"], target_modules=TARGETS, task_type="CAUSAL_LM"),
        callbacks=[clock],
    )
    trainer.train()
    trainer.save_model(out)
    steps = len(clock.ends)
    counted = tokens * epochs * (steps - 1) / steps
    wall, cpu = (last - first for first, last in zip(clock.ends[0], clock.ends[-1], strict=True))
    speeds = {"tokens_per_s": counted / wall, "tokens_per_cpu_s": counted / cpu}
    return {"variant": variant, **speeds, "steps": steps, "batch": batch, "folder": out}


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    out = Path(job["out"])
    probes, refusals = [], {}
    drawn = random.Random(0).sample(job["rows"], min(job["probe_rows"], len(job["rows"])))
    for index, variant in enumerate(VARIANTS):
        try:
            probes.append(run(job, variant, drawn, 1, str(out / f"probe-{index}")))
        except Exception as error:
            refusals[variant] = f"{type(error).__name__}: {error}"
    best = max(probes, key=lambda probe: probe["tokens_per_cpu_s"])["variant"]
    result = run(job, best, job["rows"], job["epochs"], str(out / "full"))
    Path(sys.argv[2]).write_text(json.dumps({"probes": probes, "refusals": refusals, "best": result}))


if __name__ == "__main__":
    main()
