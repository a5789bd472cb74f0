"""What a person asks a rollout for -> a plan that can be carried out, begun; with what it promises and what it cannot judge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.promote.conditions import approval_condition, asked, receipt_condition
from rung.promote.promoting import version_of
from rung.registry.aliases import CANDIDATE, CHAMPION
from rung.registry.approvals import later
from rung.registry.rollout_states import Kind, Plan, Rollout
from rung.serve.rollout.measures import judges_of, kept_settings
from rung.verify.stats.promised import NEARLY_CERTAIN, SURE, Setting, hardest_mean, promised

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version

HARM, ALPHA = 5.0, 0.01
# What is told of: a candidate that is worse by so much, or by three times the harm where that is more.
WORSE = 0.20
PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
LEAST_SHARE = 0.001
LONGEST_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was written on the command line. `to` is a word for a version: `7`, `@7`, `spam@7`, an alias; "" leaves it open."""

    name: str
    canary: str = ""
    ab: str = ""
    shadow: bool = False
    to: str = ""
    steps: str = ""
    harm: float = HARM
    alpha: float = ALPHA
    lasts: str = ""


@dataclass(frozen=True, kw_only=True)
class Promise:
    """Within how many who ask a candidate that is `worse` by so much is rolled back: with probability 0.9, and with 0.99.

    share  of the candidate among them; 0 where both answer the same questions
    """

    worse: float
    share: float
    sure: int | None
    nearly_certain: int | None


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A rollout, what it promises, and what is told of it beside."""

    rollout: Rollout
    promise: Promise
    notes: tuple[str, ...]


def begin(home: Home, wanted: Wanted) -> Begun:
    """Begins a rollout. Raises UserError for what cannot be one: no champion, the champion itself, shares that do not rise."""
    champion = _champion(home, wanted.name)
    version = _candidate(home, wanted, champion)
    kind, steps = _steps(wanted)
    if not 0 < wanted.harm < 100:
        raise UserError(f"a harm of {wanted.harm:g} points is none", hint="Between 0 and 100: --harm 5.")
    if not 0 < wanted.alpha <= 0.5:
        raise UserError(f"an alpha of {wanted.alpha:g} is none", hint="Above 0 and at most 0.5: --alpha 0.01.")
    _refuse_shadow_of_tools(home, version, kind, steps)
    judges = judges_of(kept_settings(home, version.evidence.task))
    plan = Plan(
        name=version.name,
        version=version.version,
        champion=champion.version,
        kind=kind,
        steps=steps,
        harm=wanted.harm / 100,
        alpha=wanted.alpha,
        measures=judges.measures,
        task=version.evidence.task,
        lasts=wanted.lasts,
    )
    moment = home.audit.moment()
    ends = (
        later(moment, wanted.lasts, option="--for", what="a rollout", at_most="then somebody looks at it") if wanted.lasts else ""
    )
    promise = promise_of(plan)
    notes = (*(f"not judged: {one}" for one in judges.left_out), *_warnings(home, plan), *_of_promotion(home, version, plan))
    rollout = home.rollouts.begin(
        plan, who=home.keys.me().identity.fingerprint, ends=ends, said=f"{plan.ref} against {plan.champion_ref}"
    )
    return Begun(rollout=rollout, promise=promise, notes=notes)


def promise_of(plan: Plan) -> Promise:
    """Of the first step, by the champion's mean at which it takes longest."""
    worse = min(max(WORSE, 3 * plan.harm), 1.0)
    share, level = plan.steps[0], plan.alpha / len(plan.measures)
    setting = Setting(worse=worse, mean=hardest_mean(worse), share=share, harm=plan.harm, level=level)
    return Promise(worse=worse, share=share, sure=promised(setting, SURE), nearly_certain=promised(setting, NEARLY_CERTAIN))


def _champion(home: Home, name: str) -> Version:
    plain, at, which = name.partition("@")
    if at:
        raise UserError(
            f"'{name}' names a version", hint=f"Name the rollout's version by --to: rung rollout {plain} --to {which or '7'}."
        )
    if home.names.find(name) is None:
        raise home.candidates.unknown(name)
    found = home.names.find(f"{name}@{CHAMPION}")
    if found is None:
        raise UserError(
            f"{name} has no champion that a rollout could be held against", hint=f"rung promote {name}@VERSION makes one."
        )
    return found


def _candidate(home: Home, wanted: Wanted, champion: Version) -> Version:
    """The version that is asked for; the one that `candidate` stands for, else the newest, where none is."""
    name, word = wanted.name, wanted.to.rpartition("@")[2]
    if wanted.to and wanted.to.rpartition("@")[0] not in ("", name):
        raise UserError(f"'{wanted.to}' is a version of another name than {name}", hint=f"--to 7, or --to {CANDIDATE}.")
    if not word:
        word = CANDIDATE if home.names.find(f"{name}@{CANDIDATE}") else ""
    version = version_of(home, f"{name}@{word}" if word else name)
    if version.candidate == champion.candidate:
        hint = f"--to VERSION names another; `rung ls {name}` lists them."
        raise UserError(f"{version.ref} is the same as the champion ({champion.ref})", hint=hint)
    return version


def _steps(wanted: Wanted) -> tuple[Kind, tuple[float, ...]]:
    """What kind of rollout it is, and its shares: shadow is 0, the champion's place 1."""
    if wanted.ab:
        if wanted.canary or wanted.steps or wanted.shadow:
            raise UserError(
                "an A/B has one share and no steps", hint="--ab 50% alone; --canary 5% --steps 5%,25%,100% goes step by step."
            )
        return "ab", (_share(wanted.ab, "--ab"), 1.0)
    shares = [_share(part.strip(), "--steps") for part in wanted.steps.split(",")] if wanted.steps else []
    if wanted.canary:
        first = _share(wanted.canary, "--canary")
        if shares and shares[0] != first:
            raise UserError(
                f"--canary {wanted.canary} is not the first of --steps {wanted.steps}", hint="Leave one of the two out."
            )
        shares = shares or [first, 1.0]
    if not shares and not wanted.shadow:
        hint = "rung rollout NAME --canary 5%, or --ab 50%, or --shadow (it answers copies, and nobody)."
        raise UserError("a rollout needs to be told how the candidate is to answer", hint=hint)
    if sorted(set(shares)) != shares or len(shares) > LONGEST_STEPS:
        raise UserError("the steps of a rollout rise", where=f"--steps {wanted.steps}", hint="--steps 5%,25%,100%")
    if shares[:1] == [1.0] and not wanted.shadow:
        raise UserError(
            "100% at once is a promotion, which nothing is compared in", hint=f"rung promote {wanted.name}, or --canary 5%."
        )
    steps = (*((0.0,) if wanted.shadow else ()), *shares)
    return "canary" if shares else "shadow", steps


def _share(text: str, option: str) -> float:
    found = PERCENT.fullmatch(text)
    share = float(found[1]) / 100 if found else 0.0
    if found is None:
        raise UserError(f"'{text}' is no share of those who ask", hint=f"Write it in percent: {option} 5%.")
    if not (LEAST_SHARE <= share < 1 or (share == 1 and option == "--steps")):
        hint = f"From {100 * LEAST_SHARE:g}% to below 100%; the last of --steps may be 100%: the champion's place."
        raise UserError(f"a share of {text} is too {'small' if share < LEAST_SHARE else 'large'}", where=option, hint=hint)
    return share


def _refuse_shadow_of_tools(home: Home, version: Version, kind: Kind, steps: tuple[float, ...]) -> None:
    if 0.0 in steps and home.candidates.get(version.candidate).tools is not None:
        hint = "Begin with a small share of those who ask: --canary 1%."
        raise UserError(f"{version.ref} calls tools: a shadow would call them once more for every question", hint=hint)


def _warnings(home: Home, plan: Plan) -> list[str]:
    found = []
    before = [one for one in home.rollouts.all(["rolled-back"], plan.name) if one.plan.version == plan.version]
    if before:
        found.append(f"{plan.ref} was rolled back before ({before[0].updated[:10]}: {before[0].said[:160]})")
    if not any(measure.kind == "scorer" for measure in plan.measures):
        found.append("no scorer judges it without the right answer: without feedback nothing will be shown")
    if plan.steps[0] == 0 and not any(measure.kind == "scorer" for measure in plan.measures):
        found.append("nobody can give feedback on a shadow's answer: it shows how the answers differ, and decides nothing")
    return found


def _of_promotion(home: Home, version: Version, plan: Plan) -> list[str]:
    """What promotion would say now, where the rollout is to end in one."""
    if plan.steps[-1] != 1:
        return []
    wanted = asked(home, version)
    conditions = [receipt_condition(home, wanted)]
    if wanted.receipt is not None and wanted.receipt.document.consequence == "high":
        conditions.append(approval_condition(home, wanted, home.keys.me().identity.fingerprint))
    return [f"promotion will wait for its {one.name}: {one.said}. {one.hint}".strip() for one in conditions if not one.holds]
