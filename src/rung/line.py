"""What a task says of its answers where they are served: what each is held to, what comes in its place, what may be added up.

It changes nothing of what good means, and is no part of a task's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class LineCheck:
    """What each answer is held to: a scorer that needs no target, its settings, and the least that it must give."""

    name: str
    scorer: str
    config: Mapping[str, Any] = field(default_factory=dict)
    at_least: float = 1.0


@dataclass(frozen=True, kw_only=True)
class LineCaps:
    """What a model may take, whoever asks it. None sets no cap.

    tokens       of an answer, `tool_calls` on the way to it
    per_minute   questions, of each process that serves
    usd_per_day  what its answers cost, from midnight to midnight UTC
    """

    tokens: int | None = None
    tool_calls: int | None = None
    per_minute: int | None = None
    usd_per_day: float | None = None


@dataclass(frozen=True, kw_only=True)
class Share:
    """A registered name (with @version or @alias), and the weights, from `least` to `most`, that its adapters may be added with."""

    name: str
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Adapters that may be added up; those of a mode have one weight each."""

    shares: tuple[Share, ...]
    mode: str = ""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """The section `serving` of a task file, its guards written out.

    checks         what each answer is held to, `form` whether also to the form that its Candidate asks for
    retry          how often it is asked again where it does not hold
    fallback       what is asked then: a registered name; "" for nobody
    message        what the client is told where there is no answer; "" for words of the server's own
    hold           how long a call waits for a person (30m, 12h, 7d)
    client_system  whether a client's own system message is followed behind the Candidate's prompt, or refused
    mixes          the combinations of adapters that may be asked for
    """

    checks: tuple[LineCheck, ...] = ()
    form: bool = True
    retry: int = 0
    fallback: str = ""
    message: str = ""
    hold: str = "1d"
    client_system: Literal["follow", "refuse"] = "follow"
    caps: LineCaps = LineCaps()
    mixes: tuple[Mix, ...] = ()

    def mode(self, name: str) -> Mix | None:
        """The mode of this name."""
        return next((mix for mix in self.mixes if mix.mode and mix.mode == name), None)
