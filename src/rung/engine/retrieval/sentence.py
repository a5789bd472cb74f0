"""A sentence-transformers folder at work: tokens, their vectors, one vector of them, and the steps after it, one text at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.bases.quiet import quiet
from rung.engine.retrieval.pipeline import Pipeline, Pooling, Step, read_config
from rung.errors import UserError

if TYPE_CHECKING:
    import torch

# What transformers' tokenizers say where they were told no length.
NO_LENGTH = 1_000_000


class TextEncoder:
    """One text to its vector, (dimensions,) float32, as the folder's own library gives it; zeros for a text without a token."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def __call__(self, text: str, asked: bool = False) -> Any:
        import torch

        side = 0 if asked else 1
        prompt = self.pipeline.prompts[side]
        with torch.inference_mode():
            vector = self._first(prompt + text, prompt, self.pipeline.longest[side])
            empty = not vector.any()
            for step in self._steps:
                vector = step(vector)
        vector = torch.zeros_like(vector) if empty else vector
        return vector[: self.pipeline.dimensions].float().numpy()

    def unread(self, passages: Sequence[str]) -> tuple[int, int]:
        """(of how many passages the end is not read, how many tokens of each are)."""
        return self._first.unread([self.pipeline.prompts[1] + text for text in passages], self.pipeline.longest[1])

    def tokens(self, text: str) -> int:
        """How many tokens of it are read, its prompt and marks among them."""
        return self._first.tokens(self.pipeline.prompts[1] + text, self.pipeline.longest[1])

    @cached_property
    def _first(self) -> _Static | _Transformer:
        return _Static(self.pipeline) if self.pipeline.static else _Transformer(self.pipeline)

    @cached_property
    def _steps(self) -> list[Callable[[torch.Tensor], torch.Tensor]]:
        return [_MAKERS[step.kind](step) for step in self.pipeline.steps]


class _Transformer:
    """A transformer and its pooling."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.folder, self.pooling = pipeline.first, pipeline.pooling or Pooling()
        self.tokenizer, self.model, missing = load_transformer(self.folder, "AutoModel", "encoder")
        if absent := [name for name in missing if not name.startswith("pooler.")]:
            # transformers fills what is missing with random numbers.
            raise UserError(f"the folder holds no whole encoder: {absent[0]} is missing", where=str(self.folder))
        if pipeline.lower:
            _lower(self.tokenizer)
        self.prompt_tokens = cache(self._prompt_tokens)
        self.room = cache(lambda longest: longest_input(self.tokenizer, self.model, longest))

    def unread(self, texts: Sequence[str], longest: int | None) -> tuple[int, int]:
        room = self.room(longest)
        if room is None or not texts:
            return 0, 0
        ids = self.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        return sum(len(one) > room for one in ids), room

    def __call__(self, text: str, prompt: str, longest: int | None) -> torch.Tensor:
        import torch

        tokens = self._tokens(text, longest)
        if not tokens["input_ids"].shape[1]:
            return torch.zeros(self.model.config.hidden_size * len(self.pooling.modes))
        states = self.model(**tokens).last_hidden_state[0].float()
        skipped = 0 if self.pooling.prompt or not prompt else self.prompt_tokens(prompt, longest)
        return torch.cat([POOLED[mode](states, skipped) for mode in self.pooling.modes])

    def _tokens(self, text: str, longest: int | None) -> Any:
        room = self.room(longest)
        return self.tokenizer(text, truncation=room is not None, max_length=room, return_tensors="pt")

    def tokens(self, text: str, longest: int | None) -> int:
        return int(self._tokens(text, longest)["input_ids"].shape[1])

    def _prompt_tokens(self, prompt: str, longest: int | None) -> int:
        """How many tokens the prompt is by itself, without the mark that ends a text."""
        ids = self._tokens(prompt, longest)["input_ids"][0].tolist()
        return len(ids) - (1 if ids and ids[-1] in self.tokenizer.all_special_ids else 0)


def longest_input(tokenizer: Any, model: Any, told: int | None) -> int | None:
    """How many tokens are read: what the folder says, at most what the model has places for; None where nobody says."""
    if told is None:
        places = getattr(model.config, "max_position_embeddings", None) or NO_LENGTH
        told = min(tokenizer.model_max_length or NO_LENGTH, places if places > 0 else NO_LENGTH)
    learned = [
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for name, module in model.named_modules()
        if name.endswith(("position_embeddings", "wpe", "embed_positions")) and hasattr(module, "num_embeddings")
    ]
    room = min([told, *learned])
    return room if room < NO_LENGTH else None


def _lower(tokenizer: Any) -> None:
    """`do_lower_case`: the tokenizer gets small letters, where it does not make them itself."""
    from tokenizers import normalizers

    core = tokenizer.backend_tokenizer
    own = [core.normalizer] if core.normalizer is not None else []
    core.normalizer = normalizers.Sequence([normalizers.Lowercase(), *own])


def _kept(states: torch.Tensor, skipped: int) -> torch.Tensor:
    """The token vectors that count: those behind the prompt; all where nothing follows it."""
    return states[skipped:] if skipped < len(states) else states[:0]


def _mean(states: torch.Tensor, skipped: int) -> torch.Tensor:
    kept = _kept(states, skipped)
    return kept.sum(0) / max(len(kept), 1e-9)


def _mean_sqrt(states: torch.Tensor, skipped: int) -> torch.Tensor:
    kept = _kept(states, skipped)
    return kept.sum(0) / math.sqrt(max(len(kept), 1e-9))


def _weighted_mean(states: torch.Tensor, skipped: int) -> torch.Tensor:
    """Later tokens weigh more, by their place in the whole text (Muennighoff, 2022, arXiv 2202.08904)."""
    import torch

    weights = torch.arange(1, len(states) + 1, dtype=states.dtype)[:, None]
    weights[: min(skipped, len(states))] = 0
    return (states * weights).sum(0) / weights.sum().clamp(min=1e-9)


def _largest(states: torch.Tensor, skipped: int) -> torch.Tensor:
    kept = _kept(states, skipped)
    return kept.max(0).values if len(kept) else kept.sum(0)


POOLED: Mapping[str, Callable[[Any, int], Any]] = {
    "cls": lambda states, skipped: states[skipped if skipped < len(states) else 0],
    "max": _largest,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted_mean,
    "lasttoken": lambda states, skipped: states[-1],
}


class _Static:
    """The mean of a text's tokens' vectors. sentence-transformers calls it StaticEmbedding; it reads model2vec's weights too."""

    def __init__(self, pipeline: Pipeline) -> None:
        from tokenizers import Tokenizer

        file = pipeline.first / "tokenizer.json"
        if not file.is_file():
            raise UserError("the encoder has no tokenizer.json", where=str(pipeline.first), hint="Download it again.")
        self.tokenizer = Tokenizer.from_file(str(file))
        self.tokenizer.no_padding()
        self.weights = self._table(_stored(pipeline.first, "StaticEmbedding"), pipeline.first)

    @staticmethod
    def _table(stored: Mapping[str, torch.Tensor], folder: Path) -> torch.Tensor:
        table = stored.get("embedding.weight", stored.get("embeddings"))
        if table is None:
            raise UserError("the encoder holds no word vectors", where=str(folder), hint="Download it again.")
        table = table.float()
        if "mapping" in stored:
            table = table[stored["mapping"].long()]
        return table * stored["weights"].float()[:, None] if "weights" in stored else table

    def unread(self, texts: Sequence[str], longest: int | None) -> tuple[int, int]:
        return cut_by(self.tokenizer, texts)

    def tokens(self, text: str, longest: int | None) -> int:
        return len(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def __call__(self, text: str, prompt: str, longest: int | None) -> torch.Tensor:
        import torch

        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        return self.weights[torch.tensor(ids)].mean(0) if ids else torch.zeros(self.weights.shape[1])


def cut_by(tokenizer: Any, texts: Sequence[str]) -> tuple[int, int]:
    """(how many texts a tokenizer of the tokenizers library cuts, to how many tokens)."""
    if not tokenizer.truncation:
        return 0, 0
    cut = sum(bool(one.overflowing) for one in tokenizer.encode_batch(list(texts), add_special_tokens=False))
    return cut, int(tokenizer.truncation["max_length"])


@dataclass(frozen=True)
class _Dense:
    """Linear, its activation, and, where the step says so, what came in added to it."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    activation: Callable[[torch.Tensor], torch.Tensor]
    around: torch.Tensor | None
    adds: bool

    def __call__(self, vector: torch.Tensor) -> torch.Tensor:
        import torch

        made = self.activation(torch.nn.functional.linear(vector, self.weight, self.bias))
        if not self.adds:
            return made
        return made + (vector if self.around is None else torch.nn.functional.linear(vector, self.around))


def _dense(step: Step) -> _Dense:
    stored, config = _stored(step.folder, step.kind), step.config
    wanted = ["linear.weight", *(["linear.bias"] if config.get("bias", True) else [])]
    adds = bool(config.get("use_residual"))
    wanted += ["residual.weight"] if adds and config.get("in_features") != config.get("out_features") else []
    found = _wanted(stored, wanted, step)
    return _Dense(
        weight=found["linear.weight"],
        bias=found.get("linear.bias"),
        activation=activation(config.get("activation_function", "torch.nn.modules.activation.Tanh"), step.folder),
        around=found.get("residual.weight"),
        adds=adds,
    )


def activation(named: Any, folder: Path) -> Callable[[Any], Any]:
    """A class of torch's by its dotted name. Raises UserError for any other code."""
    import torch

    name = str(named).rpartition(".")[2]
    made = getattr(torch.nn, name, None)
    if not str(named).startswith("torch.nn.") or not isinstance(made, type) or not issubclass(made, torch.nn.Module):
        problem = f"the activation {named} is code of the model's own, which is not run"
        raise UserError(problem, where=str(folder / "config.json"), hint="Name another encoder.")
    found: Callable[[Any], Any] = made()
    return found


def _layer_norm(step: Step) -> Callable[[torch.Tensor], torch.Tensor]:
    import torch

    found = _wanted(_stored(step.folder, step.kind), ["norm.weight", "norm.bias"], step)
    shape = tuple(found["norm.weight"].shape)
    return lambda vector: torch.nn.functional.layer_norm(vector, shape, found["norm.weight"], found["norm.bias"])


def _normalize(step: Step) -> Callable[[torch.Tensor], torch.Tensor]:
    import torch

    return lambda vector: torch.nn.functional.normalize(vector, dim=-1)


_MAKERS: Mapping[str, Callable[[Step], Callable[[Any], Any]]] = {
    "Dense": _dense,
    "LayerNorm": _layer_norm,
    "Normalize": _normalize,
}


def _stored(folder: Path, kind: str) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = folder / "model.safetensors"
    if not file.is_file():
        pickled = any((folder / name).is_file() for name in ("pytorch_model.bin", "model.bin"))
        problem = "are pickled, which can run code when they are read" if pickled else "are not there as safetensors"
        hint = "Save the encoder with safetensors, or name another one."
        raise UserError(f"the weights of its step {kind} {problem}", where=str(folder), hint=hint)
    try:
        return load_file(file)
    except SafetensorError as error:
        raise UserError(f"not a safetensors file: {error}", where=str(file), hint="Copy or download it again.") from None


def _wanted(stored: Mapping[str, torch.Tensor], names: list[str], step: Step) -> dict[str, torch.Tensor]:
    for name in names:
        if name not in stored:
            raise UserError(f"its step {step.kind} lacks {name}", where=str(step.folder), hint="Copy or download it again.")
    return {name: stored[name].float() for name in names}


def load_transformer(folder: Path, kind: str, called: str) -> tuple[Any, Any, list[str]]:
    """(tokenizer, model, weights that the folder lacks) by an Auto class of transformers, from the folder's files alone.

    Of a model that reads and writes (T5) the half that reads. Raises UserError.
    """
    import transformers

    with quiet():
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            config = transformers.AutoConfig.from_pretrained(folder, **options)
            if kind == "AutoModel" and type(config) in transformers.MODEL_FOR_TEXT_ENCODING_MAPPING:
                kind = "AutoModelForTextEncoding"
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **options)
            loader = getattr(transformers, kind)
            model, loading = loader.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **options)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            said = " ".join(str(error).split())[:300]
            raise UserError(f"this {called} cannot be loaded: {said}", where=str(folder), hint=_way_out(folder)) from None
    return tokenizer, model.eval(), sorted(loading["missing_keys"])


def _way_out(folder: Path) -> str:
    if (folder / "adapter_config.json").is_file():
        return "It is an adapter: merge it into its model, and name the folder of the two."
    if read_config(folder, "config.json").get("auto_map"):
        return "It is computed by code of its own, which is not run. Name another one."
    return "Name a folder that transformers can load from its files alone, with safetensors."
