"""The `serving:` key of a task file: what is made of its answers on the line. No part of the lock."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from rung import plugins
from rung.errors import did_you_mean
from rung.line import LineCaps, LineCheck, Mix, Serving, Share
from rung.task.texts import as_written
from rung.types import Bar, Example
from rung.verify.problems import Path as KeyPath
from rung.verify.problems import Problem
from rung.verify.scoring import BoundScorer, bind, read_settings, scorer_settings

KEY = "serving"
MOST_RETRIES, LARGEST = 5, 4.0
FALLBACK = "fallback"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:@[A-Za-z0-9][A-Za-z0-9._-]*)?")
_DURATION = re.compile(r"[1-9][0-9]{0,5}[mhdw]")
# Words by which a session leaves its mode.
NO_MODE = ("none", "off")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _then(value: str) -> str:
    """What comes where an answer does not hold: nothing, or another's."""
    word, _, name = value.partition(" ")
    if value == "refuse" or (word == FALLBACK and _NAME.fullmatch(name.strip())):
        return value
    if word == FALLBACK:
        raise ValueError(f"'then' is {value!r}: write the name of what answers instead: then: fallback NAME@champion")
    near = did_you_mean(word, ("refuse", FALLBACK))
    raise ValueError(f"'then' cannot be {value!r}. {near} It is refuse, or fallback NAME@champion")


def _hold(value: str) -> str:
    """How long a call waits for a person."""
    if not _DURATION.fullmatch(value):
        raise ValueError(f"'hold' is {value!r}, which is no duration: write a number and m, h, d or w, such as 12h")
    return value


def _guards(value: Any) -> Any:
    """All of them, none, or some by their names."""
    if value in ("all", "none") or (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        return tuple(value) if isinstance(value, list) else value
    raise ValueError(f"'guards' cannot be {value!r}: it is all (those that need no target), none, or a list of their names")


def _range(value: Any) -> Any:
    """A weight, or the least and the largest that may be asked for."""
    ends = value if isinstance(value, list | tuple) else [value, value]
    sound = len(ends) == 2 and all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    if not sound or not all(math.isfinite(end) and abs(end) <= LARGEST for end in ends):
        raise ValueError(f"{value!r} is no weight: give a number within -{LARGEST:g} and {LARGEST:g}, or [least, largest]")
    if ends[0] > ends[1]:
        raise ValueError(f"the weights {value!r} begin above their end: write [{ends[1]}, {ends[0]}]")
    return (float(ends[0]), float(ends[1]))


def _weight(value: Any) -> Any:
    least, most = _range(value)
    if least != most or not least:
        raise ValueError(f"{value!r} is no weight of a mode: give each adapter one number that is not 0")
    return least


def _names(value: dict[str, Any]) -> dict[str, Any]:
    """Registered names, each once whatever it is called."""
    for name in value:
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' is no name: write NAME, NAME@version or NAME@alias")
    return value


def _modes(value: dict[str, Any]) -> dict[str, Any]:
    for name in value:
        if name in NO_MODE or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise ValueError(
                f"a mode cannot be called '{name}'" + (": that is how a session leaves one" if name in NO_MODE else "")
            )
    return value


Range = Annotated[tuple[float, float], BeforeValidator(_range)]
Weight = Annotated[float, BeforeValidator(_weight)]
OfNames = AfterValidator(_names)


class CapsSpec(_Strict):
    """What the model may take, whoever asks (`line.LineCaps`)."""

    tokens: int | None = Field(default=None, ge=1)
    tool_calls: int | None = Field(default=None, ge=0)
    per_minute: int | None = Field(default=None, ge=1)
    usd_per_day: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class ServingSpec(_Strict):
    """What is made of the task's answers where they are served."""

    guards: Annotated[Any, BeforeValidator(_guards)] = "all"
    checks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    form: bool = True
    retry: int = Field(default=0, ge=0, le=MOST_RETRIES)
    then: Annotated[str, AfterValidator(_then)] = "refuse"
    message: str = Field(default="", max_length=2000)
    hold: Annotated[str, AfterValidator(_hold)] = "1d"
    client_system: Literal["follow", "refuse"] = "follow"
    caps: CapsSpec = CapsSpec()
    modes: Annotated[dict[str, Annotated[dict[str, Weight], Field(min_length=1), OfNames]], AfterValidator(_modes)] = Field(
        default_factory=dict
    )
    stacks: list[Annotated[dict[str, Range], Field(min_length=1), OfNames]] = Field(default_factory=list)


def serving_problems(value: Any, guards: Any, written: Mapping[KeyPath, str]) -> list[Problem]:
    """What is wrong with the checks that the section names; its other keys are the model's to look at.

    value   of the key
    guards  the file's guards, as they are written
    """
    if not isinstance(value, Mapping):
        return []
    problems = list(_guard_problems(value.get("guards"), guards))
    checks = value.get("checks")
    for name, keys in checks.items() if isinstance(checks, Mapping) else ():
        if isinstance(keys, Mapping):
            problems += [Problem((KEY, "checks", name, *one.path), one.text) for one in _read_check(name, keys, written)[1]]
    return problems


def settled_serving(
    spec: ServingSpec, bars: Sequence[tuple[Bar, BoundScorer]], examples: Sequence[Example], folder: Path
) -> Serving:
    """What the section says, its checks with all that their scorers take from the data or from files.

    bars  the guards, settled
    """
    wanted = {bar.name for bar, scorer in bars if not scorer.needs_target} if spec.guards == "all" else set(spec.guards)
    checks = [LineCheck(name=bar.name, scorer=bar.scorer, config=_placed(bar, folder)) for bar, _ in bars if bar.name in wanted]
    for name, keys in spec.checks.items():
        scorer, _ = _read_check(name, keys, {})
        assert scorer is not None
        bar = Bar(name=name, scorer=scorer.name, config=scorer.settle(examples, folder).settings())
        least = float(keys.get("at_least", 1.0))
        checks.append(LineCheck(name=name, scorer=scorer.name, config=_placed(bar, folder), at_least=least))
    return Serving(
        checks=tuple(checks),
        form=spec.form,
        retry=spec.retry,
        fallback=spec.then.partition(" ")[2].strip(),
        message=spec.message,
        hold=spec.hold,
        client_system=spec.client_system,
        caps=LineCaps(**spec.caps.model_dump()),
        mixes=(*(_mix(shares, mode) for mode, shares in spec.modes.items()), *(_mix(shares) for shares in spec.stacks)),
    )


def _placed(bar: Bar, folder: Path) -> Mapping[str, Any]:
    """Its settings with whole paths: a server runs elsewhere than beside the task file."""
    return bind(bar, folder).settings()


def _mix(shares: Mapping[str, float | tuple[float, float]], mode: str = "") -> Mix:
    ends = {name: share if isinstance(share, tuple) else (share, share) for name, share in shares.items()}
    return Mix(shares=tuple(Share(name=name, least=least, most=most) for name, (least, most) in ends.items()), mode=mode)


def _guard_problems(named: Any, guards: Any) -> Iterator[Problem]:
    """Guards that the file does not have, or that nothing but a target can settle."""
    known = guards if isinstance(guards, Mapping) else {}
    for name in named if isinstance(named, list) else ():
        path = (KEY, "guards")
        if name not in known:
            yield Problem(path, f"no guard is called '{name}'. {did_you_mean(str(name), known) if known else 'The file has none.'}")
            continue
        keys = known[name]
        scorer = keys.get("scorer") if isinstance(keys, Mapping) else None
        if isinstance(scorer, str) and scorer in plugins.names("scorers"):
            settings = {key: keys[key] for key in scorer_settings(scorer).model_fields if key in keys}
            bound, faults = read_settings(scorer, settings)
            if bound and not faults and bound.needs_target:
                yield Problem(path, f"the guard '{name}' cannot be looked at on the line: {_in_want(bound.name)}")


def _read_check(name: str, keys: Mapping[str, Any], written: Mapping[KeyPath, str]) -> tuple[BoundScorer | None, list[Problem]]:
    """A check's scorer, or all that is wrong with it; paths begin at the check."""
    scorer, least = keys.get("scorer"), keys.get("at_least", 1.0)
    problems = []
    if "at_least" in keys and (isinstance(least, bool) or not isinstance(least, int | float) or not 0 < least <= 1):
        problems.append(
            Problem(("at_least",), f"'at_least' is {least!r}: of one answer a check asks for a score above 0 and up to 1")
        )
    if not isinstance(scorer, str):
        said = "the key 'scorer' is missing" if scorer is None else f"'scorer' cannot be {scorer!r}"
        return None, [*problems, Problem((), f"{said}: a check such as {name} names one of {', '.join(_at_hand())}")]
    if scorer not in plugins.names("scorers"):
        return None, [*problems, Problem(("scorer",), f"no scorer is called '{scorer}'. {did_you_mean(scorer, _at_hand())}")]
    settings = {key: part for key, part in keys.items() if key not in ("scorer", "at_least")}
    typed = as_written(settings, scorer_settings(scorer), (KEY, "checks", name), written)
    bound, faults = read_settings(scorer, typed, ("scorer", "at_least"))
    if bound is not None and bound.needs_target:
        faults = [*faults, Problem(("scorer",), _in_want(scorer))]
    return bound, [*problems, *faults]


def _in_want(scorer: str) -> str:
    return (
        f"'{scorer}' compares with the right answer, which nobody knows of a question that is asked. "
        f"These need none: {', '.join(_at_hand())}"
    )


def _at_hand() -> list[str]:
    """The scorers that can judge without a target, by some of their settings at least."""
    return [name for name in plugins.names("scorers") if hasattr(plugins.load("scorers", name), "TARGETLESS")]
