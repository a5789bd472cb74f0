"""A whole model with the adapter in its weights: a safetensors folder that transformers loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rung.export.agree import asked_of, base_folder
from rung.export.base import Agreement, version_in
from rung.export.nats import agreement, judged_in_int8, stored_as
from rung.export.subject import Subject
from rung.export.weights import copy_beside, no_weights
from rung.types import Candidate

EXTRA = ""
READER = ""
CARRIES = frozenset({"adapters"})


def fits(candidate: Candidate) -> str:
    """Weights are needed; without an adapter they are those of the base."""
    return no_weights(candidate)


def write(subject: Subject, folder: Path) -> None:
    """Weights, configuration, tokenizer and chat template. Raises UserError for what weights cannot hold."""
    from rung.engine.local.modules import save_module
    from rung.export.tensors.merge import merged
    from rung.export.tensors.read import read_stack

    module = merged(read_stack(subject), stored_as(subject))
    save_module(module, folder, module.state_dict())
    copy_beside(subject, folder)


def check(subject: Subject, folder: Path) -> Agreement:
    """Transformers' own model of the folder, computed in float32, against the adapter on its base: nats a token."""
    import torch
    from transformers import AutoModelForCausalLM

    from rung.engine.bases.quiet import quiet
    from rung.engine.local.remote_code import runs_own_code

    with quiet():
        own_code = runs_own_code(base_folder(subject))
        model: Any = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=torch.float32, local_files_only=True, trust_remote_code=own_code
        )
    said = asked_of(subject.registered.probes, lambda ids: model.eval()(input_ids=ids).logits)
    return agreement(subject, said, version_in("transformers"), stored_as(subject))


def notes(subject: Subject) -> list[str]:
    """How it is asked."""
    greedy = "It was judged greedy: generation_config.json draws no answers at random, whatever its base's makers recommend."
    return [greedy, *judged_in_int8(subject)]
