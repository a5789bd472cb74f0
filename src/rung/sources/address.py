"""The address of a server of chat completions: read once, so that what is posted to, shown and trusted follows from one place."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from rung.errors import UserError

FORM = "Write https://host/v1#model."
_CHAT = "/chat/completions"
# What other interfaces are asked at, by the ends of their paths.
_OTHERS = ("/completions", "/responses", "/messages", "/embeddings", "/api/chat", "/api/generate", ":generateContent")
_SECRET = re.compile(
    r"(?<=[?&])(?P<name>(?:(?:api|access|subscription|auth)[-_]?)*(?:key|token|secret|password)|code|sig|signature|auth)=[^&#]+",
    re.IGNORECASE,
)
_KEPT = "which would be kept and shown with the task"
_NETLOC = re.compile(r"\s*(?P<scheme>\w+://)(?P<host>[^/?#]*)")
_AZURE = re.compile(r"\.(?:(?:openai|cognitiveservices|services\.ai)\.azure\.(?:com|us|cn)|azure-api\.net)$")


@dataclass(frozen=True, kw_only=True)
class ServerAddress:
    """Where a server's chat completions are. `str()` is the address in its plain form, which names it in what is stored.

    scheme  http or https
    host    as it was written: with its port, IPv6 in brackets
    path    without `/chat/completions` and slashes at its end
    query   what stands behind `?`, as it was written
    """

    scheme: str
    host: str
    path: str = ""
    query: str = ""

    @classmethod
    def read(cls, text: str) -> ServerAddress:
        """Raises UserError for what is no address, and for one that holds a password or a key: it would be kept with the task."""
        refuse_secrets(text)
        parts = _split(text)
        path = parts.path.rstrip("/").removesuffix(_CHAT).rstrip("/")
        if other := next((end for end in _OTHERS if path.endswith(end)), None):
            hint = f"Write the address as it stands before '{other}', usually https://host/v1#model."
            raise UserError(f"'{other}' is another interface: a server is asked for chat completions", where=text, hint=hint)
        return cls(scheme=parts.scheme.lower(), host=parts.netloc, path=path, query=parts.query)

    def __str__(self) -> str:
        return urlunsplit((self.scheme, self.host, self.path, self.query, ""))

    def to(self, end: str) -> str:
        """The URL of what stands beside the chat completions: `/models` for one."""
        return urlunsplit((self.scheme, self.host, self.path + end, self.query, ""))

    @property
    def completions(self) -> str:
        """The URL that a question is posted to."""
        return self.to(_CHAT)

    @property
    def name(self) -> str:
        """The host alone, without its port and brackets."""
        return urlsplit(f"//{self.host}").hostname or ""

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, which no proxy stands before."""
        try:
            return ipaddress.ip_address(self.name).is_loopback
        except ValueError:
            return self.name == "localhost" or self.name.endswith(".localhost")

    @property
    def is_safe(self) -> bool:
        """Whether what is sent there crosses no network in clear text."""
        return self.scheme == "https" or self.is_loopback

    @property
    def is_azure(self) -> bool:
        """Whether it is one of Azure's, which take the key in a header of their own."""
        return _AZURE.search(self.name) is not None


def refuse_secrets(text: str) -> None:
    """Raises UserError for an address, a model's name behind it or not, that holds a password or a key."""
    if (shown := _without_password(text)) != text:
        raise UserError(
            f"the address holds a user or password, {_KEPT}",
            where=_SECRET.sub(r"\g<name>=...", shown),
            hint="Take it out, and put `Basic ` and the base64 of user:password into the environment variable RUNG_API_KEY.",
        )
    if found := _SECRET.search(text.partition("#")[0]):
        raise UserError(
            f"the address holds a key ('{found['name']}='), {_KEPT}",
            where=_SECRET.sub(r"\g<name>=...", text),
            hint="Take it out, and put the key into the environment variable RUNG_API_KEY.",
        )


def _without_password(text: str) -> str:
    """What stands before a host, left out; a password may hold what ends a host elsewhere."""
    found = _NETLOC.match(text)
    if found is None or "@" not in text[found.start("host") :]:
        return text
    whole = "@" not in found["host"] and re.fullmatch(r"(?:\[[^\]]*\]|[^:]*)(?::[0-9]*)?", found["host"]) is not None
    return text if whole else f"{found['scheme']}...{text[text.rindex('@') :]}"


def _split(text: str) -> SplitResult:
    if re.search(r"[\s\x00-\x1f\x7f\\]", text):
        raise UserError("the address holds white space or a character that no address has", where=repr(text), hint=FORM)
    try:
        parts = urlsplit(text)
        known = parts.hostname and ".." not in parts.hostname and parts.port != 0
    except ValueError:
        problem = "the address cannot be read: its port is no number from 1 to 65535, or its brackets hold no IPv6 address"
        raise UserError(problem, where=text, hint=FORM) from None
    if parts.scheme.lower() not in ("http", "https") or not known:
        raise UserError("the address does not say which server and model", where=text, hint=FORM)
    return parts
