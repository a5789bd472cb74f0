"""Turns what a bucket's server, its client and the network say when they refuse into words with a remedy; no secret is repeated."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rung.errors import BrokenEnvironment, RungError

CREDENTIALS = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or write ~/.aws/credentials."
SECRET_NAMES = re.compile(r"SECRET|TOKEN|PASSWORD|ACCESS_KEY")
CLIENTS = ("botocore", "aiobotocore", "aiohttp", "s3fs")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is said where one of these words (classes of errors, codes of servers) stands in an error or in what it comes from."""

    words: str
    problem: str
    hint: str


# The first that fits is said.
TOLD = (
    Told(
        words="NoCredentialsError PartialCredentialsError CredentialRetrievalError ProfileNotFound TokenRetrievalError",
        problem="there are no credentials for the blobs",
        hint=CREDENTIALS,
    ),
    Told(
        words="RequestTimeTooSkewed RequestExpired",
        problem="the server of the blobs says that this machine's clock is wrong",
        hint="Set the clock.",
    ),
    Told(
        words="InvalidAccessKeyId SignatureDoesNotMatch InvalidToken ExpiredToken AuthFailure InvalidClientTokenId",
        problem="the server of the blobs does not take these credentials",
        hint=CREDENTIALS,
    ),
    Told(
        words="NoSuchBucket",
        problem="the bucket of the blobs is not there",
        hint="Make it, or correct the address: no bucket is made for you.",
    ),
    Told(
        words="PermissionError AccessDenied AllAccessDisabled Forbidden 403",
        problem="the blobs may not be read or written with these credentials",
        hint="They need s3:ListBucket, s3:GetObject and s3:PutObject there; `rung gc` needs s3:DeleteObject too.",
    ),
    Told(
        words="ConnectTimeoutError ReadTimeoutError FSTimeoutError TimeoutError SlowDown RequestTimeout ServiceUnavailable 503",
        problem="the server of the blobs does not answer",
        hint="Try again in a while: what was done stays.",
    ),
    Told(
        words="EndpointConnectionError ConnectionError ClientConnectorError HTTPClientError ConnectionClosedError gaierror "
        "SSLError ConnectionRefusedError ClientConnectorDNSError ServerDisconnectedError ProxyConnectionError ConnectionResetError",
        problem="the server of the blobs cannot be reached",
        hint="Is the network there, and is the address right? Blobs of which a copy lies here can be used meanwhile.",
    ),
    Told(
        words="InvalidEndpointError ParamValidationError InvalidBucketName PermanentRedirect InvalidRegionError",
        problem="the address of the blobs is not right",
        hint="Write s3://BUCKET/PREFIX?endpoint=https://HOST.",
    ),
)


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Raises BrokenEnvironment for what goes wrong between here and the place that `url` names; where only what was asked for is
    not there, FileNotFoundError goes through."""
    try:
        yield
    except RungError:
        raise
    except ImportError:
        scheme = url.partition("://")[0]
        hint = "pip install 'rung[s3]'" if scheme.startswith("s3") else "Install the package that fsspec names for it."
        raise BrokenEnvironment(f"blobs at {scheme}:// need a package that is not installed", where=url, hint=hint) from None
    except Exception as error:
        said = _chain(error)
        if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in said and "bucket does not exist" not in said:
            raise
        known = _told(error, said, url)
        if known is None:
            raise
        raise known from None


def _chain(error: BaseException | None) -> str:
    """The classes and the words of an error and of what it comes from."""
    said: list[str] = []
    while error is not None and len(said) < 12:
        answer = getattr(error, "response", None)
        code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else ""
        said += [type(error).__name__, str(error), str(code)]
        error = error.__cause__ or error.__context__
    return "\n".join(said)


def _told(error: Exception, said: str, url: str) -> BrokenEnvironment | None:
    if isinstance(error, FileNotFoundError):
        said = "NoSuchBucket"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return None
    for told in TOLD:
        if re.search(rf"\b({told.words.replace(' ', '|')})\b", said):
            return BrokenEnvironment(told.problem, where=url, hint=told.hint)
    if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in CLIENTS:
        return BrokenEnvironment(f"the server of the blobs refused: {without_secrets(str(error))[:200]}", where=url)
    return None


def without_secrets(text: str) -> str:
    """A text without any value of an environment variable that is a secret."""
    for name, value in os.environ.items():
        if len(value) >= 6 and SECRET_NAMES.search(name.upper()):
            text = text.replace(value, "***")
    return text
