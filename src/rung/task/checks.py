"""`data.checks` of a task file: settings of the checks of its data, those that are silenced, and what stops a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from rung import plugins
from rung.data.audit import CheckSettings
from rung.errors import UserError, did_you_mean
from rung.task.positions import Located
from rung.types import Finding, Severity
from rung.verify.problems import TRUTHS, Problem, problems_of

KEY = ("data", "checks")
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


def read_checks(data: Any) -> tuple[dict[str, CheckSettings], list[Problem]]:
    """The settings of the checks that `data` says anything of, and everything that is wrong with them."""
    if not isinstance(data, Mapping):
        return {}, []
    settings = {name: CheckSettings(severity="warning") for name, key in _allowed_by().items() if data.get(key) is True}
    problems: list[Problem] = []
    checks = data.get("checks")
    for name, wanted in checks.items() if isinstance(checks, Mapping) else ():
        mine, faults = _check(str(name), wanted)
        allowed = settings.get(str(name), mine).severity
        settings[str(name)] = replace(mine, severity=mine.severity or allowed)
        problems += [Problem((*KEY, name, *fault.path), fault.text) for fault in faults]
    return settings, problems


def _allowed_by() -> dict[str, str]:
    """Check -> the key of `data` that makes a warning of what it takes for an error, for those that have one."""
    keys = {name: getattr(plugins.load("checks", name), "ALLOWED_BY", None) for name in plugins.names("checks")}
    return {name: key for name, key in keys.items() if key}


def _check(name: str, wanted: Any) -> tuple[CheckSettings, list[Problem]]:
    from pydantic import ValidationError

    known = plugins.names("checks")
    if name not in known:
        return CheckSettings(), [Problem((), f"no check is called '{name}'. {did_you_mean(name, known)}")]
    switched = TRUTHS.get(str(wanted).casefold())
    if switched is not None:
        return CheckSettings(off=switched == "false"), []
    if not isinstance(wanted, Mapping):
        return CheckSettings(), [Problem((), f"'{name}' takes its settings, such as {{severity: error}}, or off")]
    severity, problems = wanted.get("severity"), list[Problem]()
    if "severity" in wanted and severity not in SEVERITIES:
        problems.append(Problem(("severity",), f"'severity' cannot be {severity!r}. {did_you_mean(str(severity), SEVERITIES)}"))
    model = plugins.load("checks", name).Config
    config = None
    try:
        config = model.model_validate({key: part for key, part in wanted.items() if key != "severity"})
    except ValidationError as error:
        problems += problems_of(error, model, ("severity",))
    return CheckSettings(config=config, severity=None if problems else severity), problems


def refuse_errors(findings: Sequence[Finding], located: Located) -> None:
    """Raises UserError, with where the rows stand, for what the checks take for an error."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        return
    listing = [line for finding in errors for line in _listed(finding)]
    names = list(dict.fromkeys(finding.check for finding in errors))
    allowed = ", ".join(f"{name}: {{severity: warning}}" for name in names)
    keys = [f"data.{key}: true" for name, key in _allowed_by().items() if name in names]
    either = f" ({' and '.join(keys)} says the same)" if keys else ""
    raise UserError(
        "\n  ".join(listing),
        where=located.where((*KEY, names[0])),
        hint=f"Mend or remove these rows, or set data.checks: {{{allowed}}}{either}, and say so with the result.",
    )


def _listed(finding: Finding) -> list[str]:
    rest = finding.count - len(finding.places)
    more = [f"  ... and {rest:,} more"] if finding.places and rest > 0 else []
    return [f"{finding.check}: {finding.message}", *[f"  {place}" for place in finding.places], *more]
