"""What is asked of a fine-tuning job, read from its body; whatever is not understood is refused by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rung import plugins
from rung.errors import did_you_mean
from rung.registry.home import Home
from rung.registry.tunings import TUNED, Hyperparameters, TuningAsked
from rung.serve.tuning.uploads import PURPOSE
from rung.serve.types import Refused, Served, Tenant

KNOWN = (
    *("model", "training_file", "validation_file", "suffix", "seed", "metadata", "method", "hyperparameters", "integrations"),
    "check",
)
SUPERVISED, OTHER_METHODS = "supervised", ("dpo", "reinforcement")
HYPERPARAMETERS = ("n_epochs", "batch_size", "learning_rate_multiplier")
AUTO = "auto"
MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE, LONGEST_SUFFIX = 16, 64, 512, 64
MOST_EPOCHS, MOST_ROWS, MOST_FACTOR = 50, 1024, 100.0
RUN_DIGEST = "run_digest"
LONGEST_IDEMPOTENCY_KEY = 255
_STEM, _UNFIT = 20, re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked, before its model and files are looked up. `key` is what makes it the same request when it comes again."""

    asked: TuningAsked
    key: str = ""


def read_request(body: Any, idempotency_key: str = "") -> Request:
    """Raises Refused (400), with the field that is meant."""
    if not isinstance(body, Mapping):
        raise Refused(400, "The body must be a JSON object.")
    if strange := [key for key in body if key not in KNOWN]:
        told = f"Unrecognized request argument supplied: {str(strange[0])[:80]}. {did_you_mean(str(strange[0])[:80], KNOWN)}"
        raise Refused(400, told, param=str(strange[0])[:80], code="unknown_parameter")
    if body.get("integrations"):
        told = (
            "'integrations' are not made from here: nothing of a job leaves this server. Events and result files tell its figures."
        )
        raise Refused(400, told, param="integrations", code="unsupported_parameter")
    metadata = _metadata(body.get("metadata"))
    at_least, scorer = _check(body.get("check"))
    asked = TuningAsked(
        model=_text(body, "model", 200),
        base="",
        training=_text(body, "training_file", 255),
        validation=_text(body, "validation_file", 255, needed=False),
        suffix=_text(body, "suffix", LONGEST_SUFFIX, needed=False),
        seed=_seed(body.get("seed")),
        hyperparameters=_hyperparameters(body),
        metadata=metadata,
        at_least=at_least,
        scorer=scorer,
    )
    key = idempotency_key or metadata.get(RUN_DIGEST, "")
    if len(key) > max(LONGEST_IDEMPOTENCY_KEY, LONGEST_VALUE):
        raise Refused(400, f"Idempotency-Key is longer than {LONGEST_IDEMPOTENCY_KEY} characters", param="Idempotency-Key")
    return Request(asked=asked, key=key)


def with_model_and_files(home: Home, tenant: Tenant, asked: TuningAsked, served: Served) -> TuningAsked:
    """The same with its base, as a task file names it, and the blobs of its files. Raises Refused for what cannot be tuned."""
    reference = served.candidate.base_reference
    if reference.is_linear:
        told = f"The model `{asked.model}` is a linear one: a language model cannot be tuned from it."
        raise Refused(400, told, param="model", code="model_not_tunable")
    if why := reference.why_not_trainable:
        raise Refused(400, f"The model `{asked.model}` cannot be tuned here: {why}", param="model", code="model_not_tunable")
    named = {"training_file": asked.training} | ({"validation_file": asked.validation} if asked.validation else {})
    digests = tuple(_digest(home, tenant, param, name) for param, name in named.items())
    return replace(asked, base=served.ref if served.name else str(reference), digests=digests)


def model_name(asked: TuningAsked, served: Served, id: str) -> str:
    """What the tuned model will be called: `ft-BASE-SUFFIX-` and the end of its job's id. Its tenant alone may ask for it."""
    reference = served.candidate.base_reference
    stem = served.name or re.split(r"[/#:]", reference.bare)[-1]
    parts = [_UNFIT.sub("-", part).strip("-.") for part in (stem[-_STEM:], asked.suffix)]
    return "-".join([TUNED.removesuffix("-"), *filter(None, parts), id[-8:]])


def _digest(home: Home, tenant: Tenant, param: str, name: str) -> str:
    file = home.files.get(tenant.id, name)
    if file is None:
        raise Refused(400, f"invalid {param}: {name} is not one of your files", param=param, code="file_not_found")
    if file.purpose != PURPOSE:
        told = f"invalid {param}: {name} has the purpose '{file.purpose}', and must have '{PURPOSE}'"
        raise Refused(400, told, param=param, code="invalid_file_purpose")
    return file.digest


def _text(body: Mapping[str, Any], key: str, longest: int, *, needed: bool = True) -> str:
    value = body.get(key)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value) or not _storable(value):
        raise Refused(400, f"'{key}' must be a text" + (" that is not empty" if needed else ""), param=key)
    if len(value) > longest:
        raise Refused(400, f"'{key}' is too long: at most {longest} characters", param=key, code="string_above_max_length")
    return value


def _storable(text: str) -> bool:
    """Whether it is made of whole characters, none of which ends a text."""
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _seed(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise Refused(400, "'seed' must be a whole number from 0 to 2147483647", param="seed")
    return value


def _metadata(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for pair in value.items() for one in pair):
        raise Refused(400, "'metadata' must be an object of texts", param="metadata")
    if not all(_storable(one) for pair in value.items() for one in pair):
        raise Refused(400, "'metadata' holds what is no character", param="metadata")
    if len(value) > MOST_PAIRS:
        raise Refused(400, f"'metadata' has more than {MOST_PAIRS} pairs", param="metadata")
    for key, said in value.items():
        if len(key) > LONGEST_KEY or len(said) > LONGEST_VALUE:
            told = f"keys of 'metadata' have at most {LONGEST_KEY} characters, values {LONGEST_VALUE}"
            raise Refused(400, told, param=f"metadata.{key[:LONGEST_KEY]}", code="string_above_max_length")
    return dict(value)


def _check(value: Any) -> tuple[float | None, str]:
    """The body's extension: the bar that the job must reach on its validation rows, and how answers are compared."""
    if value is None:
        return None, ""
    if not isinstance(value, Mapping) or (strange := [key for key in value if key not in ("at_least", "scorer")]):
        told = "'check' must be an object with 'at_least', 'scorer' or both"
        raise Refused(400, told, param="check" if not isinstance(value, Mapping) else f"check.{str(strange[0])[:80]}")
    at_least, scorer = value.get("at_least"), value.get("scorer", "")
    if at_least is not None and (isinstance(at_least, bool) or not isinstance(at_least, int | float) or not 0 < at_least < 1):
        raise Refused(400, "'check.at_least' must be a number between 0 and 1", param="check.at_least")
    known = plugins.names("scorers")
    if scorer and scorer not in known:
        raise Refused(
            400, f"no scorer is called {str(scorer)[:80]!r}. {did_you_mean(str(scorer)[:80], known)}", param="check.scorer"
        )
    return at_least, scorer


def _hyperparameters(body: Mapping[str, Any]) -> Hyperparameters:
    method = body.get("method")
    given: Any = body.get("hyperparameters")
    where = "hyperparameters"
    if method is not None:
        given, where = _of_method(method, given)
    if given is None:
        return Hyperparameters()
    if not isinstance(given, Mapping):
        raise Refused(400, f"'{where}' must be an object", param=where)
    if strange := [str(key)[:80] for key in given if key not in HYPERPARAMETERS]:
        told = f"Unrecognized parameter: {where}.{strange[0]}. {did_you_mean(strange[0], HYPERPARAMETERS)}"
        raise Refused(400, told, param=f"{where}.{strange[0]}")
    return Hyperparameters(
        epochs=_number(given, "n_epochs", where, most=MOST_EPOCHS, whole=True),
        batch_rows=_whole(_number(given, "batch_size", where, most=MOST_ROWS, whole=True)),
        rate_factor=_number(given, "learning_rate_multiplier", where, most=MOST_FACTOR),
    )


def _of_method(method: Any, beside: Any) -> tuple[Any, str]:
    """The hyperparameters of the method, and where they stand."""
    if not isinstance(method, Mapping):
        raise Refused(400, "'method' must be an object with a 'type'", param="method")
    kind = method.get("type")
    if kind in OTHER_METHODS:
        told = f"The method '{kind}' is not trained here yet; '{SUPERVISED}' is."
        raise Refused(400, told, param="method.type", code="unsupported_method")
    if kind != SUPERVISED:
        raise Refused(400, f"'method.type' must be one of '{SUPERVISED}', 'dpo', 'reinforcement'", param="method.type")
    if strange := [str(key)[:80] for key in method if key not in ("type", SUPERVISED)]:
        raise Refused(400, f"'method' is {SUPERVISED}, and '{strange[0]}' stands beside it", param=f"method.{strange[0]}")
    own = method.get(SUPERVISED)
    if own is not None and not isinstance(own, Mapping):
        raise Refused(400, f"'method.{SUPERVISED}' must be an object", param=f"method.{SUPERVISED}")
    if strange := [str(key)[:80] for key in own or {} if key != "hyperparameters"]:
        raise Refused(400, f"Unrecognized parameter: method.{SUPERVISED}.{strange[0]}", param=f"method.{SUPERVISED}.{strange[0]}")
    given = (own or {}).get("hyperparameters")
    if given and beside:
        told = "hyperparameters are given twice: leave out those beside 'method'"
        raise Refused(400, told, param="hyperparameters")
    return given or beside, f"method.{SUPERVISED}.hyperparameters"


def _number(given: Mapping[str, Any], key: str, where: str, *, most: float, whole: bool = False) -> float | None:
    value = given.get(key)
    if value is None or value == AUTO:
        return None
    sound = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= most
    if not sound or (whole and value != int(value)):
        what = "a whole number from 1 to" if whole else "a number above 0, at most"
        raise Refused(400, f"'{key}' must be 'auto' or {what} {most:g}", param=f"{where}.{key}", code="invalid_value")
    return float(value)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
