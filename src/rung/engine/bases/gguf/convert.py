"""A GGUF file as a folder of safetensors, tokenizer and chat template, made once for each content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, cast

from rung.disk import file_digest, once
from rung.engine.bases.gguf.config import config_of, family_of
from rung.engine.bases.gguf.header import COPY_AGAIN, Gguf
from rung.engine.bases.gguf.parts import part_files, read_parts, stem
from rung.engine.bases.gguf.tokenizer import TEMPLATE_BESIDE, begin_token, end_tokens, tokenizer_of
from rung.engine.bases.gguf.weights import tensors_of
from rung.engine.bases.quiet import quiet
from rung.engine.chat import chat_template
from rung.errors import UserError
from rung.types import Progress

# Raised where the same file becomes another folder: what an earlier reading made is then made again.
_READING = 2


def folder_of_gguf(source: Path, name: str, bases: Path, progress: Progress) -> Path:
    """The folder under `bases`, named after `name` and the content of the file, or of all parts of a split one.

    Raises UserError where the file cannot be read, or says what is not computed here.
    """
    gguf = read_parts(source)
    read = [*part_files(source), source.with_name(TEMPLATE_BESIDE)]
    digests = [file_digest(file) if file.is_file() else "" for file in read]
    content = hashlib.sha256(" ".join([str(_READING), *digests]).encode()).hexdigest()
    target = bases / f"{stem(name)}-{content[:16]}"
    if not target.is_dir():
        progress.note(f"Converting {source.name} to safetensors (once)")
    return once(target, lambda folder: _convert(gguf, folder))


def _convert(gguf: Gguf, target: Path) -> None:
    """Quantised weights are unpacked as they are, into bfloat16; others keep every bit."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    family = family_of(gguf)
    raw = config_of(gguf, family)
    with quiet():
        tokenizer = tokenizer_of(gguf)
        _check_template(gguf, tokenizer)
        try:
            config = AutoConfig.for_model(**_plain(raw), **_special(gguf, tokenizer))
            with torch.device("meta"):
                model = cast(Any, AutoModelForCausalLM).from_config(config)
        except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            raise gguf.refusal(f"its metadata describe no {family.model_type} model: {error}", COPY_AGAIN) from error
        tensors = tensors_of(gguf, family, raw, {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()})
        model.load_state_dict(tensors, strict=False, assign=True)
        model.tie_weights()
        model.config.dtype = next(iter(tensors.values())).dtype
        model.generation_config.eos_token_id = end_tokens(gguf) or None
        tokenizer.save_pretrained(target)
        model.save_pretrained(target)


def _check_template(gguf: Gguf, tokenizer: Any) -> None:
    try:
        chat_template(tokenizer).apply([{"role": "user", "content": "Hello"}], None, add_generation_prompt=True)
    except UserError as error:
        hint = f"Put a {TEMPLATE_BESIDE} of the model beside a file without one, or take another conversion."
        raise gguf.refusal(error.problem, hint, key="tokenizer.chat_template") from error


def _plain(raw: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in raw.items()}


def _special(gguf: Gguf, tokenizer: Any) -> dict[str, Any]:
    ends = end_tokens(gguf)
    return {"bos_token_id": begin_token(gguf), "eos_token_id": ends[0] if ends else None, "pad_token_id": tokenizer.pad_token_id}
