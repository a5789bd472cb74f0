"""The gate for what comes from outside: a folder or a file is copied into a scratch folder, and the copy is looked at.

Every fault is named at once, with its file. What a scanner would let pass counts for nothing: only files of an allow-list are
taken, and each only where a strict reader reads all of it.
"""

from __future__ import annotations

import os
from pathlib import Path

from rung.admission.allowed import Allowed
from rung.admission.content import found_in, is_pickle_name
from rung.admission.copying import copy_file, kind_of, list_folder
from rung.admission.faults import Fault, refusal
from rung.admission.headers import read_header
from rung.admission.limits import STANDARD, Limits
from rung.admission.numbers import number_faults
from rung.admission.places import name_faults
from rung.admission.strict import strict_json
from rung.errors import UserError

TENSORS, JSON, TEXTS = ".safetensors", ".json", (".jinja", ".txt")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_ONLY = "Bring a folder of its own with these files alone: {names}."


def decoded(data: bytes) -> str:
    """UTF-8, or UTF-16 with its mark, as PowerShell writes texts. Raises UnicodeDecodeError for anything else."""
    return data.decode("utf-16" if data[:2] in UTF_16 else "utf-8-sig").replace("\r\n", "\n")


def admit_folder(source: Path, target: Path, allowed: Allowed, limits: Limits = STANDARD) -> None:
    """Copies the files of the folder `source` that are allowed into `target`. Raises UserError that names every fault."""
    listed = list_folder(source, limits, allowed.leaves_folder)
    named = name_faults([*listed.files, *(fault.file for fault in listed.faults if fault.file)])
    faults = [*listed.faults, *named]
    refused = {fault.file for fault in faults}
    for name in listed.files:
        limit = allowed.limit(name)
        if name in refused or (limit is None and allowed.is_left(name)):
            continue
        if limit is None:
            faults.append(_outside(source, name, allowed))
        else:
            faults += admit_file(source / name, target / name, name, limit, limits)
    if faults:
        raise refusal(source, faults)


def admit_file(source: Path, target: Path, name: str, limit: int, limits: Limits = STANDARD) -> list[Fault]:
    """Copies one file to `target` and looks at the copy; returns what is wrong with it."""
    if fault := copy_file(source, target, name, limit):
        return [fault]
    if name.endswith(TENSORS):
        return _tensor_faults(target, name, limits)
    if name.endswith(JSON):
        return _json_faults(target, name)
    return _text_faults(target, name) if name.endswith(TEXTS) else []


def admit_text(source: Path, target: Path, name: str, limit: int) -> list[Fault]:
    """As `admit_file`, for what is to be a text whatever it is called."""
    fault = copy_file(source, target, name, limit)
    return [fault] if fault else _text_faults(target, name)


def check_kind(source: Path) -> None:
    """Raises UserError for a path that is neither a file nor a folder, or is not there. A link that its user names is followed."""
    try:
        mode = os.stat(source).st_mode
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", where=str(source), hint="Name a file or a folder.") from None
    if not source.is_dir() and (said := kind_of(mode)):
        raise refusal(source, [Fault(file="", said=said)])


def _outside(source: Path, name: str, allowed: Allowed) -> Fault:
    """A file of a name that is not on the list: called what it is."""
    hint = _ONLY.format(names=", ".join(list(allowed.taken)[:2]))
    if is_pickle_name(name):
        return Fault(file=name, said="pickled, which can run code when it is read", hint=hint)
    try:
        found = found_in(source / name)
    except OSError:
        found = ""
    said = f"{found}, and on no list of files that are taken" if found else "on no list of files that are taken"
    return Fault(file=name, said=said, hint=hint)


def _tensor_faults(path: Path, name: str, limits: Limits) -> list[Fault]:
    if found := found_in(path):
        return [Fault(file=name, said=f"called safetensors, and {found}", hint="Fetch or save it again, as safetensors.")]
    header = read_header(path, name, limits)
    return list(header.faults) or number_faults(path, name, header.tensors)


def _json_faults(path: Path, name: str) -> list[Fault]:
    if found := found_in(path):
        return [Fault(file=name, said=f"called JSON, and {found}", hint="Fetch or save it again.")]
    try:
        strict_json(path.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        return [Fault(file=name, said=f"not JSON: no UTF-8 text, at byte {error.start}", hint="Save it again.")]
    except (ValueError, RecursionError) as error:
        return [Fault(file=name, said=f"not JSON: {error}", hint="The file is damaged: copy or save it again.")]
    return []


def _text_faults(path: Path, name: str) -> list[Fault]:
    if found := found_in(path):
        return [Fault(file=name, said=f"a text is asked for, and this is {found}")]
    try:
        text = decoded(path.read_bytes())
    except UnicodeDecodeError as error:
        return [Fault(file=name, said=f"no UTF-8 text, at byte {error.start}", hint="Save it as UTF-8.")]
    return [Fault(file=name, said="a text with a NUL in it", hint="Save it as UTF-8.")] if "\0" in text else []
