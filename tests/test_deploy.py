"""The example manifests, against the schemas of what reads them: no network, and no key that is not known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
KUBERNETES = "1.34"


def documents(name: str) -> list[dict[str, Any]]:
    """The manifest's documents, with something in the place of what is to be filled in."""
    text = re.sub(
        r"<[^<>\n]+>", lambda found: "s3://filled/in" if "://" in found[0] else "filled", (DEPLOY / name).read_text("utf-8")
    )
    return [one for one in yaml.safe_load_all(text) if one]


def test_kubernetes_by_its_own_schemas() -> None:
    validate = pytest.importorskip("kubernetes_validate")
    for document in documents("kubernetes.yaml"):
        validate.validate(document, KUBERNETES, strict=True)


def test_a_key_that_is_not_known_is_found() -> None:
    validate = pytest.importorskip("kubernetes_validate")
    [deployment] = [one for one in documents("kubernetes.yaml") if one["kind"] == "Deployment"]
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(Exception, match="readynessProbe"):
        validate.validate(deployment, KUBERNETES, strict=True)


def test_nothing_of_an_engine_is_reached_from_outside_its_pod() -> None:
    every = documents("kubernetes.yaml")
    [deployment] = [one for one in every if one["kind"] == "Deployment"]
    containers = {one["name"]: one for one in deployment["spec"]["template"]["spec"]["containers"]}
    engine, gateway = containers["vllm"], containers["gateway"]
    assert "--host=127.0.0.1" in engine["args"] and "ports" not in engine
    assert all(port["targetPort"] == "http" for one in every if one["kind"] == "Service" for port in one["spec"]["ports"])
    assert all(mount.get("readOnly") for mount in engine["volumeMounts"] if mount["name"] in ("blobs", "models"))
    paths = [{mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]} for one in (engine, gateway)]
    assert paths[0]["blobs"] == paths[1]["blobs"], "an adapter's path is the same for both"
    for one in containers.values():
        confined = one["securityContext"]
        assert confined["readOnlyRootFilesystem"] and not confined["allowPrivilegeEscalation"]
        assert confined["capabilities"] == {"drop": ["ALL"]}


def test_the_gateways_words_are_those_of_the_command() -> None:
    from rung.engine.http.vllm.engines import Engine

    [deployment] = [one for one in documents("kubernetes.yaml") if one["kind"] == "Deployment"]
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    [engine] = [one.removeprefix("--engine=") for one in arguments if one.startswith("--engine=")]
    assert Engine.read(engine).asked.model == "base"
    told = (Path(__file__).parents[1] / "docs" / "cli.md").read_text("utf-8")
    for option in (one.partition("=")[0] for one in arguments if one.startswith("--")):
        assert option in told, option


def test_ray_serve_by_its_own_schema() -> None:
    schema = pytest.importorskip("ray.serve.schema")
    [config] = documents("ray-serve.yaml")
    read = schema.ServeDeploySchema.model_validate(config)
    [application] = read.applications
    assert application.import_path == "ray.serve.llm:build_openai_app"
    with pytest.raises(ValueError, match="proxies"):
        type(read).model_validate({**config, "proxies": 1})


# What Ray's LLMConfig takes of these, where `ray[llm]` is not installed to ask it.
_LLM = {
    "model_loading_config": {"model_id", "model_source"},
    "accelerator_type": None,
    "engine_kwargs": {
        *("enable_lora", "max_loras", "max_cpu_loras", "max_lora_rank", "enable_prefix_caching", "enable_prompt_tokens_details")
    },
    "lora_config": {"dynamic_lora_loading_path", "max_num_adapters_per_replica"},
    "deployment_config": {"max_ongoing_requests", "autoscaling_config"},
}


def test_ray_serves_llm_config() -> None:
    [config] = documents("ray-serve.yaml")
    [llm] = config["applications"][0]["args"]["llm_configs"]
    assert set(llm) == set(_LLM)
    for name, keys in _LLM.items():
        assert keys is None or set(llm[name]) <= keys, name
    autoscaling = llm["deployment_config"]["autoscaling_config"]
    assert autoscaling["min_replicas"] <= autoscaling["max_replicas"]
    assert config["http_options"]["host"] == "127.0.0.1"
