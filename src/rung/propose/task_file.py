"""A profile of a user's data file, written as a task file that says why each line is there."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rung import plugins
from rung.parts import USUAL_PACE, Pace
from rung.propose.class_names import are_numbers, place_for_names
from rung.propose.profile import Profile
from rung.task.keys import DEFAULT_BASE
from rung.task.yaml12 import write_yaml
from rung.types import Bar
from rung.verify.scoring import bind

COMMENT_WIDTH = 110
MOST_CLASSES_SHOWN = 20
MOST_NAMED = 10

ABOUT_BASE = "The model to change: pip:package, hf:org/model@revision, a local folder, or https://host/v1#model."
ABOUT_INSTRUCTION = "What the model is told. The prompt rung tries variants of it."
ABOUT_SPLIT = (
    "train is learnt from; dev is looked at freely; test decides and is looked at once. Fractions, numbers of rows, or the rest."
)
ABOUT_BAR = (
    "What good means. The bar is a proposal and yours to set: how often must the answer be right for the change to be worth "
    "shipping? Also possible: better_than: NAME with by: .1, or not_worse_than: NAME with margin: .02, where NAME is a rung of "
    "the climb or something registered."
)
ABOUT_LOWERED = (
    "It stands at what a test split of this size can prove; the data would suggest {wished:g}. More rows would allow that."
)
ABOUT_VERBATIM = (
    "{scorer} takes nothing beside the answer. Where answers come in sentences ('It weighs 310 g.' for '310 g'), scorer: contains "
    "(without ignore_space) is fairer."
)
ABOUT_MORE = [
    "What the model may use beside the prompt; take out the # where you have it. All keys: docs/task-file.md.",
    "",
    "knowledge: docs             # a folder of documents to look things up in: Markdown, HTML, PDF, DOCX, CSV, text",
    "tools: {file: tools.py}     # Python functions that the model may call",
]
ABOUT_ALPHA = "The chance that you accept of passing something that is not good enough, over the whole climb."
ABOUT_SEARCH = (
    "How widely the prompt rung searches, sized for a first verdict within minutes on {about}. Without these lines it tries more "
    "demonstrations on more rows."
)


def name_of(file: str) -> str:
    """A name for the task, from the data file's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", file.split(".", maxsplit=1)[0]).strip("-._") or "task"


def write_task(
    profile: Profile,
    out: Path,
    at_least: float,
    card: Sequence[str],
    base: str | None = None,
    trials: Sequence[str] = (),
    pace: Pace = USUAL_PACE,
) -> str:
    """The task file's text. `at_least` is the bar that it sets, `card` what the test split can prove; an empty one is left out.

    `base` None is the default base, `pace` the machine's that the search is sized by.
    `trials` says what the scorer was found to catch.
    """
    data: dict[str, Any] = {"examples": str(profile.reference.within(out.parent))}
    optional = {
        "columns": profile.columns.named(),
        "names": profile.names,
        "where": profile.where,
        "group": profile.group,
        "encoding": profile.encoding,
        "format": profile.layout.written(),
    }
    data |= {key: dict(value) if isinstance(value, dict) else value for key, value in optional.items() if value}
    data |= {"leave_out": list(profile.leave_out)} if profile.leave_out else {}
    split = _indented(commented(ABOUT_SPLIT) + write_yaml({"split": dict(profile.shares)})) if profile.shares else ""
    data |= {"limit": profile.limit} if profile.limit else {}
    bar = [ABOUT_BAR, ABOUT_LOWERED.format(wished=profile.at_least)] if at_least < profile.at_least else [ABOUT_BAR]
    verbatim = bind(Bar(scorer=profile.scorer, config=profile.config)).verbatim
    bar += [ABOUT_VERBATIM.format(scorer=profile.scorer)] if verbatim else []
    parts = [
        _comments(
            [
                f"Written by `rung init {profile.reference.shown}`, from what the file shows. Change what is wrong.",
                "",
                *seen(profile),
            ]
        ),
        write_yaml({"name": name_of(profile.reference.name)}),
        commented(ABOUT_BASE) + write_yaml({"base": _base(base, out.parent)}),
        commented(ABOUT_INSTRUCTION) + write_yaml({"instruction": profile.instruction}),
        write_yaml({"data": data}) + _place_for_names(profile) + split,
        _comments(ABOUT_MORE),
        _comments(bar) + write_yaml({"quality": {"scorer": profile.scorer, "at_least": at_least, **profile.config}}),
        commented(ABOUT_ALPHA) + write_yaml({"alpha": 0.05}),
        commented(ABOUT_SEARCH.format(about=pace.about)) + write_yaml({"rungs": _searches(profile, pace)}),
    ]
    if card:
        parts.append(_comments(["What this test split can and cannot prove:", *[f"  {line}" for line in card]]))
    if trials:
        parts.append(_comments(map(plain, trials)))
    return "\n".join(parts)


def _place_for_names(profile: Profile) -> str:
    """A line to fill in, where the classes are only numbers."""
    if profile.names or not are_numbers(profile.classes):
        return ""
    return f"  # {place_for_names(profile.classes)}   # what the numbers stand for: words that a model can know\n"


def _searches(profile: Profile, pace: Pace) -> dict[str, Any]:
    """Settings of the rungs that propose some for these rows, on a machine of this pace."""
    modules = {name: plugins.load("rungs", name) for name in plugins.names("rungs")}
    proposing = {name: module for name, module in modules.items() if hasattr(module, "propose")}
    settings = {name: module.propose(profile.examples, profile.classes, pace) for name, module in proposing.items()}
    return {name: proposed for name, proposed in settings.items() if proposed}


def seen(profile: Profile) -> list[str]:
    """What the file is, line by line: rows, answers, classes, what was noticed, what the checks found."""
    lines = [
        f"{profile.rows:,} rows ({profile.format}, {profile.shape}), {profile.usable:,} of them usable.",
        f"The answers are of the kind: {profile.kind}.",
    ]
    if profile.classes:
        total = sum(profile.classes.values())
        shown = list(profile.classes.items())[:MOST_CLASSES_SHOWN]
        rest = len(profile.classes) - len(shown)
        told = ", ".join(f"{plain(name)} {count:,} ({100 * count / total:.0f}%)" for name, count in shown)
        lines.append(f"Classes: {told}{f', and {rest} more' if rest else ''}.")
    lines += [plain(remark) for remark in profile.remarks]
    lines += [plain(inference.line()) for inference in profile.inferences if inference.aloud]
    lines += [f"Left out: {plain(name)}: {plain(reason)}." for name, reason in list(profile.leave_out.items())[:MOST_NAMED]]
    return [*lines, *[f"{finding.severity}: {plain(finding.message)}" for finding in profile.findings]]


def plain(text: str) -> str:
    """One line that any reader of YAML takes: what could end the line or is no character to print is replaced."""
    return printable(" ".join(text.split()))


def printable(line: str) -> str:
    """A line without what could end it, or is no character to print."""
    return "".join(char if char.isprintable() else "?" for char in line)


def _base(wanted: str | None, folder: Path) -> str:
    """The base, a path on this machine as seen from the task file."""
    if wanted is None:
        return DEFAULT_BASE
    path = Path(wanted).expanduser()
    return os.path.relpath(path, folder) if path.exists() else wanted


def commented(text: str) -> str:
    """A text as comment lines of a readable width."""
    return _comments([text])


def _comments(lines: Iterable[str]) -> str:
    """Comment lines of a readable width; what is wrapped hangs under an indented line."""
    wrapped = [part for line in lines for part in _wrapped(line)]
    return "".join(f"# {line}".rstrip() + "\n" for line in wrapped)


def _wrapped(line: str) -> list[str]:
    hanging = "    " if line.startswith(" ") else ""
    return textwrap.wrap(line, COMMENT_WIDTH, subsequent_indent=hanging) or [""]


def _indented(text: str) -> str:
    return textwrap.indent(text, "  ")
