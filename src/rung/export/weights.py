"""What the formats of weights share: which Candidates have weights to write, and what stands beside these."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.bases.checkpoint import checkpoint, read_json
from rung.engine.bases.folder import answer_files
from rung.export.agree import base_folder
from rung.types import Candidate

if TYPE_CHECKING:
    from rung.export.subject import Subject

GENERATION = "generation_config.json"
# What draws an answer at random, or bends it: a Candidate's answers are the likeliest ones, word by word.
_SAMPLING: tuple[str, ...] = ("temperature", "top_k", "top_p", "min_p", "typical_p", "top_h", "epsilon_cutoff", "eta_cutoff")
_SAMPLING += ("repetition_penalty", "encoder_repetition_penalty", "no_repeat_ngram_size", "num_beams", "num_beam_groups")
_SAMPLING += ("diversity_penalty", "length_penalty", "penalty_alpha", "do_sample", "early_stopping")
_LICENCES = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*")


def no_weights(candidate: Candidate) -> str:
    """Why there are no weights of its own to write; "" where there are."""
    reference = candidate.base_reference
    if reference.is_linear:
        return "it is a linear model, no language model"
    if reference.is_server:
        return f"{reference.bare} answers over HTTP: its weights are not here"
    return "it answers by a script, which has no weights" if reference.kind == "scripted" else ""


def no_adapter(candidate: Candidate) -> str:
    """Why there is no adapter to write; "" where there is one."""
    return no_weights(candidate) or ("" if candidate.adapters else "it has no adapter: its base answers as it was published")


def copy_beside(subject: Subject, folder: Path) -> None:
    """Puts what the base has beside its weights into the folder: tokenizer, chat template, licences; and how answers end."""
    base = base_folder(subject)
    found = checkpoint(base)
    weights = {*found.files, found.entry.name} if found else set()
    for name in answer_files(base):
        if name in weights or name in ("config.json", GENERATION):
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(base / name, folder / name)
    for pattern in _LICENCES:
        for file in sorted(path for path in base.glob(pattern) if path.is_file()):
            shutil.copyfile(file, folder / file.name)
    settings = _generation(base)
    (folder / GENERATION).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", "utf-8")


def ends_of(base: Path) -> tuple[int, ...]:
    """Every token that ends an answer as it was judged, sorted."""
    from rung.engine.local.tokenizer import end_tokens, load_tokenizer

    return tuple(sorted(end_tokens(load_tokenizer(base), base)))


def _generation(base: Path) -> dict[str, Any]:
    """The base's own settings, greedy, with every token that ends an answer."""
    said = read_json(base / GENERATION) if (base / GENERATION).is_file() else {}
    kept = {key: value for key, value in said.items() if key not in _SAMPLING}
    return {**kept, "do_sample": False, "eos_token_id": list(ends_of(base))}
