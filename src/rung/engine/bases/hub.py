"""A model or an adapter on the Hugging Face hub (or its mirror in HF_ENDPOINT), at one commit: the files that change an answer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from rung.disk import once
from rung.engine.bases.folder import ANSWER_FILES
from rung.engine.bases.quiet import quiet
from rung.engine.bases.selection import bring_model
from rung.errors import BrokenEnvironment, UserError
from rung.sources.base import BaseReference
from rung.types import Progress

# What is asked for by names.
Bring = Callable[[Sequence[str]], None]
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def folder_of_model(reference: BaseReference, bases: Path, progress: Progress) -> tuple[BaseReference, Path]:
    """(the reference with the commit that its revision is, the folder). Raises UserError and BrokenEnvironment."""
    return _settled(reference, bases, progress, lambda names, bring, to: bring_model(names, bring, to, reference.bare))


def folder_of_adapter(reference: BaseReference, adapters: Path, progress: Progress) -> Path:
    """An adapter in PEFT's format, and the tokenizer that may lie beside it. Raises UserError and BrokenEnvironment."""

    def fill(names: Sequence[str], bring: Bring, _to: Path) -> None:
        if lacking := [name for name in ADAPTER_FILES if name not in names]:
            pickled = next((name for name in names if name.startswith("adapter_model") and name.endswith(".bin")), "")
            problem = f"the hub's repository holds no {lacking[0]}" + (f", and {pickled} is pickled" if pickled else "")
            hint = "Name a repository that PEFT's save_pretrained wrote, with safetensors."
            raise UserError(problem, where=reference.bare, hint=hint)
        beside = [name for name in names if name != "config.json" and any(fnmatch(name, pattern) for pattern in ANSWER_FILES)]
        bring([*ADAPTER_FILES, *beside])

    return _settled(reference, adapters, progress, fill)[1]


def _settled(
    reference: BaseReference, folder: Path, progress: Progress, fill: Callable[[Sequence[str], Bring, Path], object]
) -> tuple[BaseReference, Path]:
    """`fill`: (names of the repository's files, what brings some of them, where to) -> the folder is whole."""
    try:
        from huggingface_hub import HfApi, errors, snapshot_download
    except ImportError as error:
        raise BrokenEnvironment("the hub's client is not installed", hint="pip install 'rung[hub]'") from error

    http_error: type[Exception] = vars(errors)["HTTPError"]  # of whichever HTTP client the hub's own uses
    endpoint, name, where = os.environ.get("HF_ENDPOINT") or None, reference.name, reference.bare
    try:
        found = HfApi(endpoint=endpoint).model_info(name, revision=reference.version or None)
        commit = found.sha or ""
        settled = replace(reference, version=commit)
        progress.note(f"Downloading {settled.bare}")

        def make(target: Path) -> None:
            def bring(names: Sequence[str]) -> None:
                snapshot_download(name, revision=commit, local_dir=target, allow_patterns=list(names), endpoint=endpoint)

            with quiet():
                fill([file.rfilename for file in found.siblings or ()], bring, target)
            shutil.rmtree(target / ".cache", ignore_errors=True)

        return settled, once(folder / f"{name.replace('/', '--')}-{commit}", make)
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        hint = "Check it, or set HF_TOKEN if private."
        raise UserError("the hub has no such model or revision", where=where, hint=hint) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, http_error) as error:
        problem = f"the hub cannot be reached: {str(error).splitlines()[0]}"
        raise BrokenEnvironment(problem, where=where, hint="Check the network, HF_ENDPOINT and HF_HUB_OFFLINE.") from error
