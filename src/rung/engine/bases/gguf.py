"""A GGUF file as a folder of bf16 safetensors, tokenizer and chat template, made once for each content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rung.disk import file_digest, once
from rung.engine.bases.quiet import quiet
from rung.errors import UserError
from rung.types import Progress

# llama.cpp's pre-tokenizers that take each digit alone (llama-vocab.cpp: the expression \p{N} goes first); transformers' GGUF
# reader does not look at `tokenizer.ggml.pre`, and would cut digits in another way than the model was trained on.
_LONE_DIGITS = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva"}


def folder_of_gguf(source: Path, name: str, bases: Path, progress: Progress) -> Path:
    """The folder under `bases`, named after `name` and the file's content. Raises UserError where the file cannot be read."""
    target = bases / f"{name}-{file_digest(source)[:16]}"
    if not target.is_dir():
        progress.note(f"Converting {source.name} to bf16 safetensors (once)")
    return once(target, lambda folder: _convert(source, folder))


def _convert(source: Path, target: Path) -> None:
    """Quantised weights are unpacked as they are."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with quiet():
        folder, name = str(source.parent), source.name
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
            model = AutoModelForCausalLM.from_pretrained(
                folder, gguf_file=name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
            )
        except (ValueError, KeyError, NotImplementedError, IndexError, RuntimeError) as error:
            raise UserError(
                f"cannot read this GGUF file: {error}", where=name, hint="Use a model that transformers can load."
            ) from error
        _cut_lone_digits(tokenizer, source)
        model.config.__dict__.pop("quantization_config", None)
        tokenizer.save_pretrained(target)
        model.save_pretrained(target)


def _cut_lone_digits(tokenizer: Any, source: Path) -> None:
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    field = GGUFReader(str(source)).get_field("tokenizer.ggml.pre")
    if field and field.contents() in _LONE_DIGITS:
        core = tokenizer.backend_tokenizer
        core.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), core.pre_tokenizer])
