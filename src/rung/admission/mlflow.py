"""A prompt of MLflow's registry, in any of the forms in which it leaves it: a PromptVersion's fields, what the REST API answers of
its model version (the text in the tag `mlflow.prompt.text`), and the `prompt.json` of mlflow-export-import, which wraps the fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rung.admission.incoming import Incoming, whole_number
from rung.admission.templates import Read, read_messages, read_template
from rung.errors import UserError, did_you_mean
from rung.escapes import quoted

TEXT, IS_PROMPT, KIND = "mlflow.prompt.text", "mlflow.prompt.is_prompt", "_mlflow_prompt_type"
FORMAT, CONFIG = "_mlflow_prompt_response_format", "_mlflow_prompt_model_config"
# Of MLflow's own book-keeping; users' tags are all others.
_RESERVED = (
    TEXT,
    IS_PROMPT,
    KIND,
    FORMAT,
    CONFIG,
    "mlflow.prompt.run_ids",
    "mlflow.prompt.associatedRunIds",
    "_mlflow_experiment_ids",
)
_FIELDS = ("name", "version", "template", "tags", "aliases", "commit_message", "description", "response_format", "model_config")
# Of a version in the registry, and no part of what it answers.
_ABOUT: tuple[str, ...] = (
    "creation_timestamp",
    "last_updated_timestamp",
    "creation_time",
    "user_id",
    "variables",
    "uri",
    "prompt_type",
    "run_id",
    "source",
)
_ABOUT += ("current_stage", "run_link", "status", "status_message", "model_id", "metrics", "params", "deployment_job_state")
_ABOUT += ("experiment_ids", "deployment_job_id")
_AGAIN = 'Export it with: json.dump({"name": p.name, "version": p.version, "template": p.template, "tags": p.tags}, file).'
_OWN = ("tags", "aliases", "commit_message", "response_format", "model_config", "uri", "user_id", "creation_timestamp")


def is_mlflow(value: Mapping[str, Any]) -> bool:
    """Whether these are fields of a prompt as MLflow has them."""
    if "mlflow" in value or any(key in value for key in ("model_version", "model_versions", "prompt_version")):
        return True
    tags = _pairs(value.get("tags"))
    fields = isinstance(value.get("template"), str | list) and "name" in value and "version" in value
    return TEXT in tags or IS_PROMPT in tags or (fields and any(key in value for key in _OWN))


def read_mlflow(value: Mapping[str, Any], where: str) -> Incoming:
    """Raises UserError for several versions in one file, for fields that are not known, and for a template without a place here."""
    fields = _one_version(value, where)
    # The exporter writes its times once more, for people, behind an underscore.
    if unknown := [key for key in fields if key not in (*_FIELDS, *_ABOUT) and not key.startswith("_")]:
        hint = did_you_mean(unknown[0], _FIELDS)
        raise UserError(f"unknown field {quoted(unknown[0])} of an MLflow prompt", where=where, hint=hint)
    tags = _pairs(fields.get("tags"))
    read = _template(fields, tags, where)
    schema, format_notes = _schema(fields.get("response_format") or _told(tags, FORMAT, where), where)
    config = fields.get("model_config") or _told(tags, CONFIG, where) or {}
    most, config_notes = _configured(config, where)
    own = {key: text for key, text in tags.items() if key not in _RESERVED}
    aliases = [str(alias) for alias in fields.get("aliases") or ()]
    notes = [*read.notes, *format_notes, *config_notes]
    if aliases:
        named = ", ".join(map(quoted, aliases))
        notes.append(f"Its aliases are not set here, only told of: {named}. `rung alias` sets one.")
    return Incoming(
        prompt=read.prompt,
        turns=read.turns,
        max_tokens=most,
        schema=schema,
        claimed=_claim(fields, own, aliases),
        notes=tuple(notes),
    )


def _claim(fields: Mapping[str, Any], tags: Mapping[str, str], aliases: Sequence[str]) -> str:
    said = [f"the MLflow prompt {quoted(str(fields.get('name', '')))}, version {quoted(str(fields.get('version', '')))}"]
    if message := fields.get("commit_message") or fields.get("description"):
        said.append(f"described {quoted(str(message))}")
    said += [f"tag {quoted(key)} {quoted(text)}" for key, text in sorted(tags.items())]
    said += [f"alias {quoted(alias)}" for alias in aliases]
    return ", ".join(said)


def _one_version(value: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    found: Any = value
    for key in ("mlflow", "prompt", "prompt_version", "model_version"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if isinstance(found, Mapping) and isinstance(found.get("model_versions"), list):
        versions = found["model_versions"]
        if len(versions) != 1:
            named = ", ".join(quoted(str(one.get("version"))) for one in versions[:5] if isinstance(one, Mapping))
            raise UserError(f"{len(versions)} versions of a prompt in one file: {named}", where=where, hint="Export one of them.")
        found = versions[0]
    if not isinstance(found, Mapping):
        raise UserError("no prompt of MLflow's in it", where=where, hint=_AGAIN)
    return found


def _template(fields: Mapping[str, Any], tags: Mapping[str, str], where: str) -> Read:
    template = fields.get("template", tags.get(TEXT))
    if template is None:
        raise UserError("the MLflow prompt has no template", where=where, hint=_AGAIN)
    if isinstance(template, str) and tags.get(KIND) == "chat":
        template = _parsed(template, "its template, which is a chat,", where)
    if isinstance(template, str):
        if not template.strip():
            raise UserError("the template is empty", where=where, hint=_AGAIN)
        return read_template(template, where)
    if isinstance(template, Sequence):
        return read_messages(template, where)
    raise UserError("the template is neither a text nor a list of messages", where=where, hint=_AGAIN)


def _schema(told: Any, where: str) -> tuple[Mapping[str, Any] | None, list[str]]:
    """The JSON schema that answers are held to; a remark on a form that is none."""
    if not told:
        return None, []
    if isinstance(told, Mapping) and isinstance(told.get("json_schema"), Mapping):
        told = told["json_schema"].get("schema", told["json_schema"])
    if not isinstance(told, Mapping) or not any(key in told for key in ("properties", "$ref", "anyOf", "oneOf", "items", "enum")):
        return None, [f"Its response format is not kept: {quoted(json.dumps(told, default=str))} is no JSON schema."]
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    if outside := _outside(told):
        raise UserError(
            f"the response format refers to {quoted(outside)}, outside of itself", where=where, hint="Write it out in full."
        )
    try:
        validator_for(dict(told)).check_schema(dict(told))
    except SchemaError as error:
        raise UserError(f"the response format is no JSON schema: {error.message}", where=where, hint=_AGAIN) from None
    return told, []


def _outside(value: Any) -> str:
    """The first reference in a schema that leads out of it."""
    if isinstance(value, Mapping):
        if isinstance(target := value.get("$ref"), str) and not target.startswith("#"):
            return target
        return next((found for part in value.values() if (found := _outside(part))), "")
    return next((found for part in value if (found := _outside(part))), "") if isinstance(value, list) else ""


def _configured(config: Any, where: str) -> tuple[int | None, list[str]]:
    if not isinstance(config, Mapping):
        raise UserError("the model config is not a JSON object", where=where, hint=_AGAIN)
    lost = [
        f"{key} {json.dumps(value, default=str)}"
        for key, value in config.items()
        if key != "max_tokens" and value not in (None, {}, [])
    ]
    notes = [f"Of its model config is not kept: {quoted(', '.join(lost), 200)}. --base says which model answers."] if lost else []
    most = config.get("max_tokens")
    return (whole_number(most, "max_tokens", where) if most is not None else None), notes


def _told(tags: Mapping[str, str], key: str, where: str) -> Any:
    return _parsed(tags[key], f"the tag {key}", where) if tags.get(key) else None


def _parsed(text: str, what: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{what} is not JSON: {error}", where=where, hint=_AGAIN) from None


def _pairs(tags: Any) -> dict[str, str]:
    """Tags by name: as a mapping, or as the REST API has them, a list of key and value."""
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    listed = tags if isinstance(tags, list) else ()
    return {str(tag["key"]): str(tag.get("value", "")) for tag in listed if isinstance(tag, Mapping) and "key" in tag}
