"""An adapter that was trained elsewhere, put under a base: admitted, held against that base, kept in the store by its digest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.admission.admit import admit_folder
from rung.admission.allowed import adapter_files
from rung.admission.faults import Fault, of_error, refusal
from rung.admission.limits import STANDARD, Limits
from rung.admission.origin import origin_faults
from rung.disk import once
from rung.errors import UserError
from rung.escapes import quoted
from rung.json_form import digest
from rung.progress import Silent
from rung.sources.base import BaseReference
from rung.types import Progress

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base
    from rung.engine.local.adapter import Loaded
    from rung.engine.local.peft.plain import Weights
    from rung.engine.local.shape import Shape
    from rung.registry.home import Home


@dataclass(frozen=True, kw_only=True)
class Imported:
    """digest  of the adapter in the home's store
    base    that it is put on, pinned
    claimed what it says of itself
    notes   what whoever imports it should know
    """

    digest: str
    base: str
    template: str
    claimed: str
    notes: tuple[str, ...] = ()


def import_adapter(
    adapter: str | Path,
    reference: str | None,
    home: Home,
    progress: Progress | None = None,
    *,
    beneath: Sequence[str] = (),
) -> Imported:
    """`adapter`: a folder, or hf:org/name[@revision]. `reference`: the base; None takes the one that the adapter names.

    beneath  digests of the adapters that the base has already

    Raises UserError that names every fault of the adapter's files, and then every way in which it does not fit the base; and for a
    base whose weights are not here.

    Only the adapter's two files are kept, of the copy that was looked at. An adapter that begins from a part of the base's weights
    is kept as a plain one.
    """
    from rung.engine.bases.resolve import resolve
    from rung.engine.local.peft.beside import other_base
    from rung.engine.local.peft.files import read_settings

    folder = adapter_folder(adapter, home, progress)
    _check_whole(folder)
    store = home.blobs.to_write()
    with store.scratch() as scratch:
        copy = scratch / "adapter"
        copy.mkdir()
        admit_folder(folder, copy, adapter_files(STANDARD))
        settings = _said_of(folder, copy, lambda: read_settings(copy))
        base = resolve(reference or _named_base(settings, folder), home.path, blobs=home.blobs, progress=progress or Silent())
        if base.kind != "local" or base.folder is None:
            problem = f"an adapter cannot be put on {base.reference.bare}: its weights are not here"
            raise UserError(problem, where=str(folder), hint="Name the folder, hub or package of the model that it was trained on.")
        shape = shape_of(base.folder)
        loaded = _held_against(copy, folder, base, shape, beneath)
        stored = store.put_tree(_kept(copy, scratch / "kept", loaded, base, home))
    note = other_base(settings, base.reference)
    unread = (
        "" if shape else "The base's shape is not known without its weights: the adapter is held against it when it first answers."
    )
    return Imported(
        digest=stored,
        base=base.pinned,
        template=base.template_digest,
        claimed=_claim(settings),
        notes=tuple(filter(None, (note, unread))),
    )


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


def _said_of(folder: Path, copy: Path, read: Callable[[], Any]) -> Any:
    """What `read` makes of the copy; what it says of a file there is said of the one in `folder`."""
    try:
        return read()
    except UserError as error:
        if not error.where.startswith(str(copy)):
            raise
        raise refusal(folder, [of_error(error, copy)]) from None


def _check_whole(folder: Path) -> None:
    """Raises UserError for a folder that is no adapter at all, with what it is instead; and for weights in pieces."""
    from rung.admission.content import is_pickle_name
    from rung.engine.local.peft.files import SETTINGS_FILE, read_settings, tensors_file

    if not (folder / SETTINGS_FILE).exists():
        read_settings(folder)
    if not any(is_pickle_name(file.name) for file in folder.iterdir()):
        tensors_file(folder)


def _named_base(settings: dict[str, Any], folder: Path) -> str:
    """The base that the adapter names: a folder here, or a model on the hub."""
    from rung.engine.local.peft.files import SETTINGS_FILE

    named = settings.get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        raise UserError("the adapter does not say what it was trained on", where=str(folder / SETTINGS_FILE), hint="Give --base.")
    return named if Path(named).expanduser().exists() else f"hf:{named}"


def _claim(settings: dict[str, Any]) -> str:
    kind, named = settings.get("peft_type"), settings.get("base_model_name_or_path")
    trained = f", trained on {quoted(named)}" if isinstance(named, str) and named else ""
    return f"a PEFT adapter ({quoted(str(kind))}){trained}"


def _held_against(copy: Path, folder: Path, base: Base, shape: Shape | None, beneath: Sequence[str]) -> Loaded | None:
    """The adapter as it is computed on the base, where the base's shape is known. Raises UserError that names every misfit."""
    from rung.engine.local.adapter import load_adapter
    from rung.engine.local.peft.beside import check_beside

    assert base.folder is not None
    base_folder = base.folder
    loaded: list[Loaded] = []

    def load() -> None:
        import torch

        if shape:
            loaded.append(load_adapter(copy, shape, torch.device("cpu")))

    faults = origin_faults(copy, base, beneath)
    looks: tuple[Callable[[], None], ...] = (lambda: check_beside(copy, base_folder), load)
    for look in looks:
        try:
            look()
        except UserError as error:
            if not error.where.startswith(str(copy)):
                raise
            faults.append(of_error(error, copy))
    faults += rank_faults(loaded[0], STANDARD) if loaded else []
    if faults:
        raise refusal(folder, faults)
    return loaded[0] if loaded else None


def rank_faults(loaded: Loaded, limits: Limits) -> list[Fault]:
    """Updates of a rank above the limit."""
    from rung.engine.local.peft.files import TENSORS_FILE

    effects = {**loaded.read.effects}
    ends = loaded.read.ends
    effects |= {path: effect for path, effect in (("the embedding", ends.embedding), ("the head", ends.head)) if effect}
    ranks = {path: len(effect.down) for path, effect in effects.items() if effect.down is not None}
    hint = "Merge it into its base where it was trained, and name that folder as a base."
    return [
        Fault(file=TENSORS_FILE, said=f"the update of {quoted(path)} has rank {rank:,}, at most {limits.rank:,}", hint=hint)
        for path, rank in ranks.items()
        if rank > limits.rank
    ]


def _kept(copy: Path, target: Path, loaded: Loaded | None, base: Base, home: Home) -> Path:
    """A folder with the two files that the adapter is answered with. What is computed from the base's weights is computed once."""
    from rung.engine.backend import ADAPTER_FILES, AdapterUse

    if loaded and loaded.begun:
        key = digest({"adapter": AdapterUse.of(copy).digest, "base": base.digest})
        return once(home.path / "adapters" / key[:32], _plain(loaded, base))
    target.mkdir()
    for name in ADAPTER_FILES:
        shutil.move(copy / name, target / name)
    return target


def _plain(loaded: Loaded, base: Base) -> Callable[[Path], None]:
    def make(target: Path) -> None:
        from rung.engine.local.peft.plain import write_plain

        assert base.folder is not None
        write_plain(loaded.files, loaded.begun, _weights(base.folder, loaded.shape), target)

    return make


def shape_of(folder: Path) -> Shape | None:
    """Of a base whose shape is known without its weights; another's is looked at when it is opened."""
    from rung.engine.local.hooked.interface import NotHooked
    from rung.engine.local.known_shape import known_shape

    try:
        return known_shape(folder)
    except NotHooked:
        return None


def _weights(folder: Path, shape: Shape) -> Weights:
    """Read one by one where the files name them as the model does."""
    from rung.engine.local.architecture import DecoderConfig
    from rung.engine.local.modules import load_module
    from rung.engine.local.peft.plain import weights_in, weights_of
    from rung.engine.local.weights import stored_dtype

    return weights_of(folder) if isinstance(shape, DecoderConfig) else weights_in(load_module(folder, stored_dtype(folder)))
