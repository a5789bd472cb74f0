"""The way to a server: past a proxy where the environment names one, by certificates that it trusts; and what ends it."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from rung.errors import BrokenEnvironment, RungError, UserError
from rung.sources.address import ServerAddress

_SCHEMES = ("http", "https", "socks5", "socks5h")
_IDLE_S = 4.0
_FORMS = "Write http://host:port, https://host:port or socks5://host:port, or unset it."
_TRUST = "If it is your own or your company's, name the file with its authority's certificate: SSL_CERT_FILE=ca.pem."


@dataclass(frozen=True, kw_only=True)
class Route:
    """How a server is reached.

    proxy   the URL of the proxy that stands before it, "" where none does
    named   the environment variable that names the proxy
    """

    address: ServerAddress
    proxy: str = ""
    named: str = ""

    @classmethod
    def of(cls, address: ServerAddress) -> Route:
        """As HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say; none to this machine. Raises UserError for what is no proxy."""
        proxies = getproxies()
        kind = next((kind for kind in (address.scheme, "all") if proxies.get(kind)), "")
        if not kind or address.is_loopback or _is_excepted(address, proxies.get("no", "")):
            return cls(address=address)
        named = next((name for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY") if os.environ.get(name)), f"{kind} proxy")
        proxy = proxies[kind] if "://" in proxies[kind] else f"http://{proxies[kind]}"
        found = cls(address=address, proxy=proxy, named=named)
        try:
            known = urlsplit(proxy).scheme.lower() in _SCHEMES and urlsplit(proxy).hostname and urlsplit(proxy).port != 0
        except ValueError:
            known = False
        if not known:
            raise UserError(f"'{found.shown}' is no proxy that can be used", where=f"environment variable {named}", hint=_FORMS)
        return found

    @property
    def shown(self) -> str:
        """The proxy without its user and password."""
        scheme, slashes, rest = self.proxy.partition("://")
        return f"{scheme}{slashes}{rest.rpartition('@')[2].rstrip('/')}"

    def client(self, headers: Mapping[str, str], timeout: Any, most: int, *, kind: Any = None) -> Any:
        """An httpx.Client (or another `kind`: AsyncClient) that goes this way, and keeps up to `most` connections.

        It follows no redirect: the headers are for the server that the task names.

        Raises UserError, BrokenEnvironment.
        """
        import httpx

        try:
            return (kind or httpx.Client)(
                timeout=timeout,
                headers=dict(headers),
                follow_redirects=False,
                proxy=self.proxy or None,
                verify=_trusted(),
                trust_env=False,
                # No question waits for another's connection. Servers close idle ones after five seconds: this side comes first.
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=most, keepalive_expiry=_IDLE_S),
            )
        except ImportError:
            raise BrokenEnvironment(
                "a SOCKS proxy needs a package that is not installed",
                where=f"environment variable {self.named} ({self.shown})",
                hint="Install the extra: pip install 'rung[socks]'; or unset the variable, or add the server's host to NO_PROXY.",
            ) from None

    def lasting(self, error: Exception) -> RungError | None:
        """What a failed try is, where no other could go better: a proxy that is not there, a certificate that is not trusted."""
        said = " ".join(str(error).split())
        if "CERTIFICATE_VERIFY_FAILED" in said:
            why = re.sub(r".*certificate verify failed:?\s*|\s*\(_ssl\.c:\d+\)", "", said) or said
            return UserError(f"the server's certificate is not trusted: {why}", where=str(self.address), hint=_TRUST)
        if re.search(r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|UNKNOWN_PROTOCOL|HTTP_REQUEST", said):
            hint = f"If it is a server without TLS, write http://{self.address.host}{self.address.path}."
            return UserError("what answers there speaks no TLS", where=str(self.address), hint=hint)
        # A proxy that says 502 to 504 speaks of the server behind it, which may come back.
        stands_between = type(error).__name__ in ("ProxyError", "ConnectError", "ConnectTimeout") and not re.match(r"50[234]", said)
        if self.proxy and stands_between:
            return BrokenEnvironment(
                f"the proxy {self.shown} does not let through to the server ({said or type(error).__name__})",
                where=f"environment variable {self.named}",
                hint=f"Mend or unset it, or go past it: NO_PROXY={self.address.name}.",
            )
        return None


def _is_excepted(address: ServerAddress, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host: as a name, as a domain that it is under, or as a network in which its number lies."""
    port = urlsplit(f"//{address.host}").port
    if proxy_bypass(address.name) or (port and proxy_bypass(f"{address.name}:{port}")):
        return True
    try:
        number = ipaddress.ip_address(address.name)
    except ValueError:
        return False
    return any(_holds(network.strip(), number) for network in no_proxy.split(","))


def _holds(network: str, number: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return number in ipaddress.ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False


def certificates() -> tuple[str | None, ...]:
    """The environment's own word on whom to trust."""
    return os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")


def _trusted() -> ssl.SSLContext:
    """What SSL_CERT_FILE or SSL_CERT_DIR names, else the authorities that come with httpx. Raises UserError for no such file."""
    import httpx

    try:
        return httpx.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        named = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), "SSL_CERT_FILE")
        raise UserError(
            f"the certificates cannot be read: {error.strerror or error}",
            where=f"environment variable {named}",
            hint="It names a file of authorities' certificates (PEM), or a folder of them.",
        ) from None
