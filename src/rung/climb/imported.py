"""An adapter that was trained elsewhere, put under a base: held against that base, kept in the store, named by its digest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rung.disk import once
from rung.errors import UserError
from rung.json_form import digest
from rung.progress import Silent
from rung.sources.base import BaseReference
from rung.types import Candidate, Progress

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base
    from rung.engine.local.peft.plain import Weights
    from rung.engine.local.shape import Shape
    from rung.registry.home import Home

RUNG = "imported"
MAX_TOKENS = 256


@dataclass(frozen=True, kw_only=True)
class Imported:
    """digest  of the adapter in the home's store
    base    that it is put on, pinned
    notes   what whoever imports it should know
    """

    digest: str
    base: str
    template: str
    notes: tuple[str, ...] = ()

    @property
    def candidate(self) -> Candidate:
        """What answers with nothing else than the base and this adapter."""
        return Candidate(
            rung=RUNG, base=self.base, template=self.template, adapters=(self.digest,), constraint=None, max_tokens=MAX_TOKENS
        )


def import_adapter(adapter: str | Path, reference: str, home: Home, progress: Progress | None = None) -> Imported:
    """`adapter`: a folder, or hf:org/name[@revision].

    Raises UserError for an adapter that the base cannot be answered with exactly, and for a base whose weights are not here.

    Only the adapter's two files are kept: what trainers leave beside them (optimizers, checkpoints, tokenizers) is not. An adapter
    that begins from a part of the base's weights is kept as a plain one.
    """
    from rung.engine.backend import AdapterUse
    from rung.engine.bases.resolve import resolve
    from rung.engine.local.peft.beside import check_beside, other_base
    from rung.engine.local.peft.files import read_settings, tensors_file
    from rung.registry.store import BlobStore

    folder = adapter_folder(adapter, home, progress)
    settings, _ = read_settings(folder), tensors_file(folder)
    base = resolve(reference, home.path, blobs=home.blobs, progress=progress or Silent())
    if base.kind != "local" or base.folder is None:
        problem = f"an adapter cannot be put on {base.reference.bare}: its weights are not here"
        raise UserError(problem, where=str(folder), hint="Name the folder, hub or package of the model that it was trained on.")
    check_beside(folder, base.folder)
    key = digest({"adapter": AdapterUse.of(folder).digest, "base": base.digest})
    kept = once(home.path / "adapters" / key[:32], _keep(folder, base))
    stored = BlobStore(home.path / "blobs", writable=True).put_tree(kept)
    note = other_base(settings, base.reference)
    return Imported(digest=stored, base=base.pinned, template=base.template_digest, notes=(note,) if note else ())


def adapter_folder(adapter: str | Path, home: Home, progress: Progress | None = None) -> Path:
    """Where the adapter lies on this machine, fetched first where it is on the hub. Raises UserError."""
    if str(adapter).startswith("hf:"):
        from rung.engine.bases.hub import folder_of_adapter

        return folder_of_adapter(BaseReference.read(str(adapter)), home.path / "adapters", progress or Silent())
    folder = Path(adapter).expanduser()
    if not folder.is_dir():
        raise UserError(
            "no such folder", where=str(folder), hint="An adapter is a folder that PEFT's save_pretrained wrote, or hf:org/name."
        )
    return folder


def _keep(folder: Path, base: Base) -> Callable[[Path], None]:
    """What fills a folder with the adapter's files, as they are answered with."""
    from rung.engine.backend import ADAPTER_FILES

    def make(target: Path) -> None:
        import torch

        from rung.engine.local.adapter import load_adapter
        from rung.engine.local.peft.plain import write_plain

        assert base.folder is not None
        shape = _shape(base.folder)
        loaded = load_adapter(folder, shape, torch.device("cpu")) if shape else None
        if loaded and loaded.begun:
            write_plain(loaded.files, loaded.begun, _weights(base.folder, shape), target)
            return
        for name in ADAPTER_FILES:
            shutil.copyfile(folder / name, target / name)

    return make


def _shape(folder: Path) -> Shape | None:
    """Of a base whose shape is known without its weights; another's is looked at when it is opened."""
    from rung.engine.local.architecture import DecoderConfig, NotComputed
    from rung.engine.local.hooked.interface import NotHooked
    from rung.engine.local.hooked.shape import HookedShape

    try:
        return DecoderConfig.read(folder)
    except NotComputed:
        pass
    try:
        return HookedShape.read(folder)
    except NotHooked:
        return None


def _weights(folder: Path, shape: Shape | None) -> Weights:
    """Read one by one where the files name them as the model does."""
    from rung.engine.local.architecture import DecoderConfig
    from rung.engine.local.modules import load_module
    from rung.engine.local.peft.plain import weights_in, weights_of
    from rung.engine.local.weights import stored_dtype

    return weights_of(folder) if isinstance(shape, DecoderConfig) else weights_in(load_module(folder, stored_dtype(folder)))
