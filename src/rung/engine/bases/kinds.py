"""What a folder is that is no language model one can ask: said as what it is, with the way out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from rung.engine.bases.checkpoint import INDEX, SINGLE, lone_shards, read_json
from rung.errors import UserError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
ADAPTER = "adapter_config.json"
SHOWN = 10
# How the names of classes end that write text after text; `Model` alone is a body without a head.
_WRITES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForImageTextToText", "ForVision2Seq", "ForMultimodalLM")
_HEADS = {
    "ForSequenceClassification": "a classifier of texts",
    "ForTokenClassification": "a tagger of words",
    "ForQuestionAnswering": "a marker of passages",
    "ForMultipleChoice": "a chooser among texts",
    "ForMaskedLM": "an encoder, which fills gaps",
    "ForPreTraining": "an encoder, as it was pre-trained",
    "ForRewardModel": "a reward model",
    "ForImageClassification": "a classifier of images",
    "ForCTC": "a speech recogniser",
    "ForSpeechSeq2Seq": "a speech recogniser",
    "Model": "a body without the head that writes",
}
_ASK = "A base is a causal language model that was tuned for chat (its class ends in ForCausalLM)."
_TWIN = "Name the version of the model that has model.safetensors, or shards and their index."
_SAVE = "Save the model as safetensors: model.save_pretrained(folder)."
_ENCODER = f"As an encoder it can be named at knowledge.encoder. {_ASK}"


def refuse_strange_folder(folder: Path) -> None:
    """Raises UserError for a place without a config.json, or with that of something else than a causal language model."""
    if folder.is_file():
        raise _file(folder)
    if not folder.is_dir():
        looked = "" if folder.is_absolute() else f"It was looked for in {Path.cwd()}. "
        hint = f"{looked}A base is a local folder, or starts with pip:, hf: or https://."
        raise UserError("no such folder", where=str(folder), hint=hint)
    _refuse_broken_links(folder)
    names = {path.name for path in folder.iterdir()}
    refuse_strange_names(names, folder)
    if "config.json" not in names:
        raise _without_config(folder, names)
    refuse_strange_config(read_json(folder / "config.json"), str(folder / "config.json"))


def _refuse_broken_links(folder: Path) -> None:
    """A hub's cache holds links to what lies beside it: one that leads nowhere would pass for a file that the model has not."""
    if broken := sorted(path.name for path in folder.iterdir() if path.is_symlink() and not path.exists()):
        problem = f"links of the folder lead to files that are not there: {', '.join(broken[:SHOWN])}"
        hint = "Copy the folder with what its links stand for (cp -rL), or download the model again."
        raise UserError(problem, where=str(folder), hint=hint)


def refuse_strange_names(names: Collection[str], folder: Path | str) -> None:
    """Raises UserError where the files of a folder show that it is an adapter, a pipeline or an encoder."""
    where = str(folder)
    if "model_index.json" in names:
        raise UserError("the folder holds a pipeline that makes images (diffusers), no language model", where=where, hint=_ASK)
    if ADAPTER in names:
        raise _adapter(folder, names)
    if "modules.json" in names or "config_sentence_transformers.json" in names:
        raise UserError("the folder holds an encoder (sentence-transformers), no language model", where=where, hint=_ENCODER)


def refuse_strange_config(config: Mapping[str, Any], where: str) -> None:
    """Raises UserError for the configuration of a model that does not write text after text."""
    if "model_type" not in config:
        named = config.get("architectures")
        hint = "Name the model's own folder, with the config.json that it was published with."
        told = f" (its architectures: {named})" if named else ""
        raise UserError(f"the configuration does not say its model_type{told}", where=where, hint=hint)
    if not isinstance(config["model_type"], str):
        raise UserError("the configuration's model_type is no text", where=where, hint="Copy or download it again.")
    if config.get("is_encoder_decoder") is True:
        problem = f"'{config['model_type']}' reads with an encoder and writes with a decoder (seq2seq): no causal language model"
        raise UserError(problem, where=where, hint=_ASK)
    named = config.get("architectures") or []
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise UserError("the configuration's architectures are no list of names", where=where, hint="Copy or download it again.")
    own = config.get("auto_map")
    if not named or any(name.endswith(_WRITES) for name in named) or (isinstance(own, Mapping) and "AutoModelForCausalLM" in own):
        return
    kind = next((kind for end, kind in _HEADS.items() if named[0].endswith(end)), "no causal language model")
    raise UserError(f"{named[0]} is {kind}", where=where, hint=_ENCODER if "encoder" in kind or "body" in kind else _ASK)


def no_weights(names: Collection[str], where: str) -> UserError:
    """What a folder's file names say of weights that transformers would not take."""
    problem, hint = next(told for told in _told_by(names, where) if told)
    return UserError(problem, where=where, hint=hint)


def _told_by(names: Collection[str], where: str) -> Iterator[tuple[str, str] | None]:
    """(problem, hint), the surest first."""
    ends, tensors = {Path(name).suffix for name in names}, sorted(name for name in names if name.endswith(".safetensors"))
    shards, ggufs = lone_shards(names), sorted(name for name in names if name.endswith(".gguf"))
    missing = f"the index of the weights is missing: {len(shards)} shards are here, and nothing says that they are all"
    yield (missing, f"Download {INDEX} of the same model beside them.") if shards else None
    if any(name.startswith("consolidated") for name in names):
        yield "the weights are in their publisher's own format (consolidated), not in that of transformers", _TWIN
    named = f"Name it {SINGLE}." if len(tensors) == 1 else f"Name the model's own {SINGLE}."
    yield (f"no safetensors file is named as a model's weights: {', '.join(tensors[:SHOWN])}", named) if tensors else None
    if "zero_to_fp32.py" in names or any(name.startswith("global_step") for name in names):
        yield "the weights are in the parts that DeepSpeed saved", "Join them: python zero_to_fp32.py . . --safe_serialization"
    if ".distcp" in ends or any(name.startswith("pytorch_model_fsdp") for name in names):
        yield "the weights are in the parts that FSDP saved", "Join them: accelerate merge-weights."
    yield ("the folder holds GGUF files", f"Name one of them: {_listed(ggufs, where)}") if ggufs else None
    yield ("the folder holds pickled weights, which can run code when they are read", _SAVE) if ends & set(PICKLES) else None
    for ending, what in {".h5": "TensorFlow", ".msgpack": "Flax", ".onnx": "ONNX", ".npz": "numpy"}.items():
        yield (f"the folder holds weights for {what}, and none as safetensors", _TWIN) if ending in ends else None
    yield "the folder holds no weights", _SAVE


def _without_config(folder: Path, names: Collection[str]) -> UserError:
    where = str(folder)
    if any(name.endswith(".gguf") for name in names):
        return no_weights(names, where)
    inside = sorted({path.parent.name for name in ("config.json", ADAPTER) for path in folder.glob(f"*/{name}")})
    if (folder / "snapshots").is_dir():
        inside = sorted(f"snapshots/{path.name}" for path in (folder / "snapshots").iterdir() if path.is_dir())
    if inside:
        holds = f"{len(inside)} of them" if len(inside) > 1 else "one"
        return UserError(
            f"the folder is no model, but holds {holds}", where=where, hint=f"Name one of them: {_listed(inside, where)}"
        )
    if "params.json" in names:
        return no_weights({*names, "consolidated"}, where)
    return UserError("the folder holds no config.json, so it is no model", where=where, hint="Name the model's own folder.")


def _listed(names: list[str], where: str) -> str:
    shown = ", ".join(str(Path(where) / name) for name in names[:SHOWN])
    return f"{shown}, and {len(names) - SHOWN} more." if len(names) > SHOWN else f"{shown}."


def _file(file: Path) -> UserError:
    if file.suffix == ".safetensors" or file.name == "config.json":
        return UserError("a file of a model, not its folder", where=str(file), hint=f"Name the folder: {file.parent}")
    if file.suffix in PICKLES:
        return UserError("a pickle, which can run code when it is read", where=str(file), hint="A base is a folder of safetensors.")
    return UserError(
        "a file, and no folder", where=str(file), hint="A base is a local folder or .gguf file, or pip:, hf:, https://."
    )


def _adapter(folder: Path | str, names: Collection[str]) -> UserError:
    where = str(folder)
    if "config.json" in names and any(name == "model.safetensors" or name.startswith("model-") for name in names):
        problem = f"the folder holds a whole model and an adapter ({ADAPTER}): which of them is meant is not to be seen"
        return UserError(problem, where=where, hint="Move the adapter's files into a folder of their own.")
    told = read_json(Path(folder) / ADAPTER).get("base_model_name_or_path") if Path(folder).is_dir() else None
    hint = f"Name both: base: {{model: {told or 'the model it was trained on'}, adapter: {where}}}; or see `rung import`."
    return UserError("the folder holds an adapter (PEFT), which is nothing without its base", where=where, hint=hint)
