"""`rung import`: whatever is brought, told apart by what it is, admitted, and registered under a name as a claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rung.admission.adapter import import_adapter
from rung.admission.admit import admit_text, check_kind, decoded
from rung.admission.content import found_in, is_pickle_name
from rung.admission.faults import Fault, refusal
from rung.admission.incoming import Incoming
from rung.admission.limits import STANDARD
from rung.admission.modelfile import looks_like_one
from rung.admission.modelfile_meaning import from_hint, read_modelfile
from rung.admission.places import name_faults
from rung.admission.prompt_files import read_fields, read_text
from rung.engine.backend import ADAPTER_FILES
from rung.errors import UserError
from rung.escapes import quoted
from rung.parts import Demonstrations, SchemaConstraint
from rung.progress import Silent
from rung.registry.names import Evidence, check_name
from rung.sources.base import BaseReference
from rung.types import Candidate, Example, Progress

if TYPE_CHECKING:
    from rung.registry.home import Home

RUNG = "imported"
MAX_TOKENS = 256
MODELFILE, EXPORTED = "Modelfile", "prompt.json"
TEXTS, YAML = (".txt", ".md", ".markdown"), (".yaml", ".yml")
_TAKEN = (
    "Taken are: a folder as PEFT's save_pretrained writes it (or hf:org/name), a prompt (.txt, .md, .yaml), "
    "a prompt that MLflow exported (.json), and an Ollama Modelfile."
)
_BASES = "Give --base: a folder, a .gguf file, pip:, hf:, https://host/v1#model, or name@version for the base of a version."


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What was registered. `notes` are what of it is not kept, or what to know of it."""

    version: str
    candidate: Candidate
    claimed: str
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Base:
    """What answers: pinned, its template's digest, and the adapters that it has already."""

    reference: str
    template: str
    adapters: tuple[str, ...]


def take(brought: str, name: str, base: str | None, home: Home, progress: Progress | None = None) -> Taken:
    """Admits what is at the path `brought` (or hf:org/name, an adapter) and registers it as the next version of `name`, CLAIMED.

    base  the model that answers: a reference, or name@version; None takes the one that is named by what is brought

    Raises UserError that names every fault. What is registered is there as a whole or not at all.
    """
    check_name(name)
    progress = progress or Silent()
    found = _incoming(brought, home, own_base=base is None)
    beneath, reference = _beneath(base or found.base or None, home)
    if found.named:
        found = _without_from(found, brought, base)
    if found.adapter is not None or brought.startswith("hf:"):
        imported = import_adapter(found.adapter or brought, reference, home, progress, beneath=beneath)
        ground = _Base(reference=imported.base, template=imported.template, adapters=(*beneath, imported.digest))
        claimed = ", ".join(filter(None, (found.claimed, imported.claimed)))
        found = replace(found, claimed=claimed, notes=(*found.notes, *imported.notes))
    else:
        ground = _resolved(reference, beneath, brought, home, progress)
    candidate = _candidate(found, ground, home)
    with home.together():
        home.candidates.add(candidate, "")
        version = home.names.register(name, candidate.id, Evidence(claimed=found.claimed))
    return Taken(version=version, candidate=candidate, claimed=found.claimed, notes=found.notes)


def _without_from(found: Incoming, brought: str, base: str | None) -> Incoming:
    """What is told of a FROM that names no model here. Raises UserError where nothing else names one."""
    if base is None and found.adapter is None:
        problem = f"FROM {quoted(found.named)} is no model on this machine"
        raise UserError(problem, where=brought, hint=from_hint(found.named))
    instead = "--base" if base else "the model that the adapter names"
    return replace(found, notes=(f"FROM {quoted(found.named)} is not looked up: {instead} answers.", *found.notes))


def _incoming(brought: str, home: Home, *, own_base: bool) -> Incoming:
    """What is at the path, read from a copy of it. An adapter's own files are read where it is put on its base."""
    if brought.startswith("hf:"):
        return Incoming()
    path = Path(brought).expanduser()
    check_kind(path)
    return _of_folder(path, home, own_base=own_base) if path.is_dir() else _of_file(path, home, own_base=own_base)


def _of_folder(folder: Path, home: Home, *, own_base: bool) -> Incoming:
    names = {entry.name for entry in folder.iterdir()}
    if ADAPTER_FILES[0] in names:
        beside = f"The {MODELFILE} beside the adapter is not read: name it to take what it says as well."
        return Incoming(adapter=folder, notes=(beside,) if MODELFILE in names else ())
    for name in (MODELFILE, EXPORTED):
        if name in names:
            if (folder / name).is_symlink():
                raise refusal(folder, [Fault(file=name, said="a link", hint="Name the file itself.")])
            return _of_file(folder / name, home, own_base=own_base)
    if "config.json" in names and any(name.endswith(".safetensors") for name in names):
        hint = "Name it as a base: in a task file (base:), or with --base beside a prompt."
        raise UserError("the folder is a whole model, no adapter and no prompt", where=str(folder), hint=hint)
    return Incoming(adapter=folder)  # none: who reads adapters says what the folder is instead


def _of_file(path: Path, home: Home, *, own_base: bool) -> Incoming:
    read = _reader(path, own_base=own_base)
    with home.blobs.scratch() as scratch:
        copy = scratch / "brought"
        faults = name_faults([path.name]) or admit_text(path.resolve(), copy, path.name, STANDARD.text)
        if faults:
            raise refusal(path, faults)
        return read(decoded(copy.read_bytes()))


def _reader(path: Path, *, own_base: bool) -> Callable[[str], Incoming]:
    """Who reads a file of this name. Raises UserError where nobody does."""
    name, suffix, where = path.name, path.suffix.lower(), str(path)
    if suffix == ".modelfile" or name.lower().startswith("modelfile"):
        return lambda text: read_modelfile(text, path, own_base=own_base)
    if suffix in TEXTS:
        return lambda text: _text(text, name, where)
    if suffix in YAML or suffix == ".json":
        _refuse_part(path)
        return lambda text: read_fields(text, name, where, is_json=suffix == ".json")
    if not suffix:
        return lambda text: read_modelfile(text, path, own_base=own_base) if looks_like_one(text) else read_text(text, name, where)
    raise _not_taken(path)


def _text(text: str, name: str, where: str) -> Incoming:
    found = read_text(text, name, where)
    if looks_like_one(text):
        note = f"It reads like an Ollama Modelfile: call it {MODELFILE} to have its instructions followed."
        return replace(found, notes=(*found.notes, note))
    return found


def _refuse_part(path: Path) -> None:
    """Raises UserError for a file that is one part of something."""
    if path.name in (*ADAPTER_FILES, "config.json", "tokenizer.json", "tokenizer_config.json"):
        raise UserError("a file of a folder, which is taken as a whole", where=str(path), hint=f"Name the folder: {path.parent}")


def _not_taken(path: Path) -> UserError:
    if path.name == ADAPTER_FILES[1]:
        return UserError("a file of an adapter, which is taken as a whole", where=str(path), hint=f"Name the folder: {path.parent}")
    if is_pickle_name(path.name):
        return refusal(path, [Fault(file=path.name, said="pickled, which can run code when it is read", hint=_TAKEN)])
    try:
        found = found_in(path)
    except OSError as error:
        found = f"a file that cannot be read: {error.strerror or error}"
    if path.suffix.lower() == ".gguf":
        hint = "A GGUF model is a base: name it with --base. An adapter is taken as PEFT has it, before it was made a GGUF file."
        return refusal(path, [Fault(file=path.name, said="a GGUF file, no prompt and no adapter of PEFT's", hint=hint)])
    unpack = "Unpack it first, and name what is in it. " if found.startswith(("an archive", "compressed")) else ""
    said = f"{found}, and of no kind that is taken" if found else "of no kind that is taken"
    return refusal(path, [Fault(file=path.name, said=said, hint=unpack + _TAKEN)])


def _beneath(base: str | None, home: Home) -> tuple[tuple[str, ...], str | None]:
    """The adapters of a registered base, and the model that answers under them."""
    if base is None:
        return (), None
    if BaseReference.read(base).kind != "registered":
        return (), base
    candidate = home.candidates.get(base)
    if candidate.base_reference.is_linear:
        problem = f"the base {base} is a linear model: no language model can build on it"
        raise UserError(problem, hint="Name a version that another rung built (`rung ls`).")
    return candidate.adapters, candidate.base


def _resolved(reference: str | None, beneath: tuple[str, ...], brought: str, home: Home, progress: Progress) -> _Base:
    from rung.engine.bases.resolve import resolve

    if reference is None:
        raise UserError("it does not say which model here answers", where=brought, hint=_BASES)
    base = resolve(reference, home.path, blobs=home.blobs, progress=progress)
    return _Base(reference=base.pinned, template=base.template_digest, adapters=beneath)


def _candidate(found: Incoming, ground: _Base, home: Home) -> Candidate:
    return Candidate(
        rung=RUNG,
        base=ground.reference,
        template=ground.template,
        prompt=found.prompt,
        demonstrations=_shown(found, home),
        constraint=SchemaConstraint(schema=found.schema) if found.schema else None,
        adapters=ground.adapters,
        max_tokens=found.max_tokens or MAX_TOKENS,
    )


def _shown(found: Incoming, home: Home) -> Demonstrations | None:
    from rung.engine.demos import pool_bytes

    if not found.turns:
        return None
    rows = [
        Example(id=str(number), messages=({"role": "user", "content": turn.user},), target=turn.assistant)
        for number, turn in enumerate(found.turns)
    ]
    pool = home.blobs.put_bytes(pool_bytes(rows, lambda row: str(row.target)))
    return Demonstrations(pool=pool, k=0, shared=len(rows))
