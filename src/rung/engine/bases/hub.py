"""A model on the Hugging Face hub (or its mirror in HF_ENDPOINT), at one commit; of its files only those that change an answer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rung.disk import once
from rung.engine.bases.quiet import quiet
from rung.engine.bases.selection import bring_model
from rung.errors import BrokenEnvironment, UserError
from rung.sources.base import BaseReference
from rung.types import Progress


def folder_of_model(reference: BaseReference, bases: Path, progress: Progress) -> tuple[BaseReference, Path]:
    """(the reference with the commit that its revision is, the folder). Raises UserError and BrokenEnvironment."""
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
                bring_model([file.rfilename for file in found.siblings or ()], bring, target, where)
            shutil.rmtree(target / ".cache", ignore_errors=True)

        return settled, once(bases / f"{name.replace('/', '--')}-{commit}", make)
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        hint = "Check it, or set HF_TOKEN if private."
        raise UserError("the hub has no such model or revision", where=where, hint=hint) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, http_error) as error:
        problem = f"the hub cannot be reached: {str(error).splitlines()[0]}"
        raise BrokenEnvironment(problem, where=where, hint="Check the network, HF_ENDPOINT and HF_HUB_OFFLINE.") from error
