"""What a sentence-transformers folder says: the steps that make a text its vector, what is put before it, how two are compared.

modules.json lists the steps; each has a folder with its config.json and, where it was trained, model.safetensors. Without that list
a folder is a transformer whose token vectors are averaged. What is not computed here is refused by its name: a vector that was made
by most of the steps is another vector.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from rung.disk import file_digest
from rung.engine.bases.checkpoint import read_json
from rung.errors import UserError

Similarity = Literal["cosine", "dot", "euclidean", "manhattan"]
SIMILARITIES: tuple[Similarity, ...] = ("cosine", "dot", "euclidean", "manhattan")
STEPS = ("Transformer", "StaticEmbedding", "Pooling", "Dense", "LayerNorm", "Normalize", "Dropout")
# In the order in which sentence-transformers puts their vectors one behind the other, and how its older folders call them.
POOLINGS: Mapping[str, str] = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
# Where a folder of the first versions says how much of a text is read.
_SETTINGS = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "Pooling": ("word_embedding_dimension", "embedding_dimension", "pooling_mode", "include_prompt", *POOLINGS.values()),
    "Dense": (
        *("in_features", "out_features", "bias", "activation_function", "module_input_name", "module_output_name"),
        "use_residual",
    ),
    "LayerNorm": ("dimension",),
    "Normalize": ("module_input_name", "module_output_name"),
    "Dropout": ("dropout",),
}
_TRANSFORMER_KEYS = ("max_seq_length", "do_lower_case", "query_length", "document_length", "unpad_inputs", "cache_dir")
_PASSAGE_PROMPTS = ("document", "passage", "corpus")
_HINT = "Name another encoder, or serve this one."


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step after the transformer; `folder` holds its weights, where it has any."""

    kind: str
    config: Mapping[str, Any]
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """How token vectors become one: `modes` of POOLINGS, one behind the other; `prompt` says whether the prompt's tokens count."""

    modes: tuple[str, ...] = ("mean",)
    prompt: bool = True


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Everything that makes a text its vector.

    first         the folder of the transformer, or of the word vectors (`static`)
    longest       the most tokens that are read of (a question, a passage); None for what the model itself can take
    prompts       what is put before (a question, a passage)
    dimensions    the first so many are kept; None for all
    """

    first: Path
    static: bool = False
    lower: bool = False
    longest: tuple[int | None, int | None] = (None, None)
    pooling: Pooling | None = None
    steps: tuple[Step, ...] = ()
    prompts: tuple[str, str] = ("", "")
    similarity: Similarity = "cosine"
    dimensions: int | None = None

    @property
    def meaning(self) -> list[Any]:
        """What changes a vector beside the first folder's files and its own settings; nothing where all is as usual.

        Usual is what was computed before there were steps: the mean of a text's token vectors, at length 1.
        """
        # At the end a vector is made to be of length 1 anyway.
        steps = () if [step.kind for step in self.steps] == ["Normalize"] and self.similarity == "cosine" else self.steps
        told = {
            "pooling": [*self.pooling.modes, self.pooling.prompt] if self.pooling and self.pooling != Pooling() else None,
            "steps": [[step.kind, dict(step.config), _weights_digest(step.folder)] for step in steps],
            "prompts": self.prompts if any(self.prompts) else None,
            "similarity": self.similarity if self.similarity != "cosine" else None,
            "dimensions": self.dimensions,
            "lower": self.lower,
            "whole": not self.static and None in self.longest,
        }
        found = {key: value for key, value in told.items() if value}
        return [found] if found else []


def read_pipeline(folder: Path) -> Pipeline:
    """Raises UserError for what is not computed here, by its name, and for files that say nothing."""
    settings = read_config(folder, "config_sentence_transformers.json")
    _check_settings(settings, folder)
    listed = _listed(folder)
    if not listed:
        return _with_settings(_plain(folder), settings, folder)
    kinds = [_kind(entry, folder) for entry in listed]
    places = [folder / _path(entry, folder) for entry in listed]
    if kinds[0] not in ("Transformer", "StaticEmbedding") or set(kinds[1:]) & {"Transformer", "StaticEmbedding"}:
        raise UserError(f"its steps are {', '.join(kinds)}, which is no encoder of texts", where=str(folder), hint=_HINT)
    steps = [_step(kind, place) for kind, place in zip(kinds[1:], places[1:], strict=True)]
    pooled = [step for step in steps if step.kind == "Pooling"]
    static = kinds[0] == "StaticEmbedding"
    if static == bool(pooled) or (pooled and steps.index(pooled[0]) > 0):
        raise UserError(f"its steps are {', '.join(kinds)}, which is no encoder of texts", where=str(folder), hint=_HINT)
    found = Pipeline(first=places[0], static=True) if static else _transformer(places[0])
    found = replace(found, steps=tuple(step for step in steps if step.kind not in ("Pooling", "Dropout")))
    return _with_settings(replace(found, pooling=_pooling(pooled[0]) if pooled else None), settings, folder)


def _plain(folder: Path) -> Pipeline:
    """A folder without modules.json: sentence-transformers averages, and takes a decoder's last token; 1_Pooling is heeded."""
    config = read_config(folder, "config.json")
    named = [name for name in config.get("architectures") or () if isinstance(name, str)]
    decoder = bool(named) and named[0].endswith("ForCausalLM") and config.get("is_causal", True)
    pooling = Pooling(modes=("lasttoken",)) if decoder else Pooling()
    if (folder / "1_Pooling" / "config.json").is_file():
        pooling = _pooling(_step("Pooling", folder / "1_Pooling"))
    return replace(_transformer(folder), pooling=pooling)


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """A folder's JSON object; {} where there is no such file. Raises UserError where it is none."""
    file = folder / name
    return read_json(file) if file.is_file() else {}


def _listed(folder: Path) -> list[Mapping[str, Any]]:
    file = folder / "modules.json"
    if not file.is_file():
        return []
    try:
        listed = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"not JSON: {error}", where=str(file), hint="The file is damaged: copy or download it again.") from None
    if not isinstance(listed, list) or not listed or not all(isinstance(entry, dict) for entry in listed):
        raise UserError("it lists no steps", where=str(file), hint="The file is damaged: copy or download it again.")
    return listed


def named_steps(folder: Path) -> list[str]:
    """The types of the steps that modules.json lists, as they are written there; [] where there is no such file."""
    return [str(entry.get("type")) for entry in _listed(folder)]


def _kind(entry: Mapping[str, Any], folder: Path) -> str:
    named = entry.get("type")
    where = str(folder / "modules.json")
    if not isinstance(named, str) or not named:
        raise UserError("a step has no type", where=where, hint="The file is damaged: copy or download it again.")
    kind = named.rpartition(".")[2]
    if named.partition(".")[0] != "sentence_transformers":
        raise UserError(f"the step {named} is code of the model's own, which is not run", where=where, hint=_HINT)
    if kind not in STEPS:
        raise UserError(f"the step {kind} is not computed here ({', '.join(STEPS)} are)", where=where, hint=_HINT)
    return kind


def _path(entry: Mapping[str, Any], folder: Path) -> str:
    named = str(entry.get("path", ""))
    place = PurePosixPath(named)
    if place.is_absolute() or ".." in place.parts or "\\" in named:
        raise UserError(f"the step {named} is outside the folder", where=str(folder / "modules.json"), hint=_HINT)
    return named


def _step(kind: str, place: Path) -> Step:
    config = read_config(place, "config.json")
    if kind in ("Pooling", "Dense", "LayerNorm") and not config:
        hint = "Copy or download the encoder again, whole."
        raise UserError(f"modules.json names a {kind} step, whose config.json is not there", where=str(place), hint=hint)
    if unknown := sorted(set(config) - set(_ALLOWED[kind])):
        raise UserError(f"'{unknown[0]}' of {kind} is not computed here", where=str(place / "config.json"), hint=_HINT)
    if any(config.get(key) not in (None, "sentence_embedding") for key in ("module_input_name", "module_output_name")):
        problem = f"{kind} works on {config.get('module_input_name')}: the encoder gives a text more than one vector"
        raise UserError(problem, where=str(place / "config.json"), hint=_HINT)
    return Step(kind=kind, config=config, folder=place)


def _pooling(step: Step) -> Pooling:
    where = str(step.folder / "config.json")
    named = step.config.get("pooling_mode")
    if named is None:
        modes = tuple(mode for mode, key in POOLINGS.items() if step.config.get(key)) or ("mean",)
    else:
        modes = (named,) if isinstance(named, str) else tuple(named)
    if not modes or not set(modes) <= set(POOLINGS):
        problem = f"it pools by {', '.join(map(str, modes)) or 'nothing'}; known are {', '.join(POOLINGS)}"
        raise UserError(problem, where=where, hint=_HINT)
    return Pooling(modes=modes, prompt=bool(step.config.get("include_prompt", True)))


def _transformer(place: Path) -> Pipeline:
    name = settings_file(place)
    settings = read_config(place, name)
    where = str(place / name)
    for problem in _strange(settings):
        raise UserError(problem, where=where, hint=_HINT)
    longest = _length(settings, "max_seq_length", where)
    lengths = tuple(_length(settings, key, where) or longest for key in ("query_length", "document_length"))
    return Pipeline(first=place, lower=bool(settings.get("do_lower_case")), longest=(lengths[0], lengths[1]))


def settings_file(place: Path) -> str:
    """Which of its files says how much of a text a transformer reads."""
    names = [f"sentence_{name}_config.json" for name in _SETTINGS]
    return next((name for name in names if (place / name).is_file()), names[0])


def _strange(settings: Mapping[str, Any]) -> Iterator[str]:
    """What a transformer's settings ask for that is not computed here."""
    if settings.get("transformer_task") not in (None, "feature-extraction"):
        yield f"its transformer is made for {settings['transformer_task']}, not for text vectors"
    shapes = settings.get("modality_config")
    text = {"method": "forward", "method_output_name": "last_hidden_state"}
    if shapes is not None and (not isinstance(shapes, dict) or "message" in shapes or shapes.get("text") != text):
        yield "'modality_config' asks for more than the last layer's vectors of a plain text"
    if settings.get("module_output_name") not in (None, "token_embeddings"):
        yield f"its transformer gives {settings['module_output_name']}, not token vectors"
    known = ("transformer_task", "modality_config", "module_output_name", *_TRANSFORMER_KEYS)
    for key in sorted(set(settings) - set(known)):
        if settings[key]:
            yield f"'{key}' is not computed here"


def _length(settings: Mapping[str, Any], key: str, where: str) -> int | None:
    value = settings.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UserError(f"'{key}' is no number of tokens: {value!r}", where=where, hint="The file is damaged: download it again.")
    return value


def _check_settings(settings: Mapping[str, Any], folder: Path) -> None:
    if settings.get("model_type") not in (None, "SentenceTransformer"):
        problem = f"it is a {settings['model_type']}, which gives a text no single dense vector"
        raise UserError(problem, where=str(folder / "config_sentence_transformers.json"), hint=_HINT)


def _with_settings(pipeline: Pipeline, settings: Mapping[str, Any], folder: Path) -> Pipeline:
    where = str(folder / "config_sentence_transformers.json")
    named = settings.get("similarity_fn_name") or "cosine"
    similarity = next((known for known in SIMILARITIES if known == named), None)
    if similarity is None:
        problem = f"it compares by {named}; known are {', '.join(SIMILARITIES)}"
        raise UserError(problem, where=where, hint=_HINT)
    return replace(
        pipeline,
        prompts=prompts_of(settings, where),
        similarity=similarity,
        dimensions=_length(settings, "truncate_dim", where),
    )


def prompts_of(settings: Mapping[str, Any], where: str) -> tuple[str, str]:
    """What is put before (a question, a passage): their own prompts, or, where neither has one, the default before both."""
    prompts = settings.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise UserError("'prompts' are no texts by their names", where=where, hint="The file is damaged: download it again.")
    default = settings.get("default_prompt_name")
    if default is not None and default not in prompts:
        problem = f"the default prompt '{default}' is none of its prompts"
        raise UserError(problem, where=where, hint=f"It has: {', '.join(prompts) or 'none'}.")
    question = prompts.get("query") or ""
    passage = next((text for name in _PASSAGE_PROMPTS if (text := prompts.get(name))), "")
    if not question and not passage and default:
        return prompts[default] or "", prompts[default] or ""
    return question, passage


def _weights_digest(folder: Path) -> str:
    file = folder / "model.safetensors"
    return file_digest(file) if file.is_file() else ""
