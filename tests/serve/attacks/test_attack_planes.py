"""What loads, changes or tells of others is nowhere on the data plane, whatever it is called elsewhere."""

from __future__ import annotations

import pytest
from attacked import Attacked

# How other servers call what loads adapters and models, runs code, or tells of what they hold.
ELSEWHERE = [
    "/v1/load_lora_adapter",
    "/v1/unload_lora_adapter",
    "/load_lora_adapter",
    "/load_lora_adapter_from_tensors",
    "/update_weights_from_tensor",
    "/update_weights_from_distributed",
    "/init_weights_update_group",
    "/flush_cache",
    "/collective_rpc",
    "/adapters",
    "/lora-adapters",
    "/invocations",
    "/slots",
    "/props",
    "/api/create",
    "/api/pull",
    "/api/push",
    "/api/delete",
    "/api/blobs/sha256:" + "0" * 64,
    "/admin/adapters",
    "/admin/tenants",
    "/v1/admin/keys",
    "/keys",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/server_info",
    "/get_server_info",
    "/start_profile",
    "/sleep",
    "/v1/rerank",
    "/pooling",
    "/tokenize",
    "/.env",
    "/.git/config",
    "/static/../../etc/passwd",
    "//etc/passwd",
    "/v1//models",
    "/v1/models/../../healthz",
    "/v1/chat/completions/",
    "/%2e%2e/%2e%2e/etc/passwd",
]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_nothing_answers_there(attacked: Attacked, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        came = attacked.wire.get(path, method)
        assert came.status in (401, 403, 404, 405), (method, path, came)
        assert b"root:" not in came.body and b"Traceback" not in came.body


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "PATCH", "PROPFIND", "HEAD", "FOO"])
def test_other_methods(attacked: Attacked, method: str) -> None:
    for path in ("/v1/chat/completions", "/v1/models", "/healthz"):
        came = attacked.wire.get(path, method)
        assert came.status in (200, 400, 401, 403, 404, 405) and (came.status != 200 or method == "HEAD"), (method, path, came)
        assert "access-control-allow-origin" not in came.head.lower()


@pytest.mark.parametrize(
    "fields",
    [
        {"cache_salt": "a"},
        {"extra_key": "a"},
        {"mm_hashes": ["0" * 64]},
        {"kv_transfer_params": {}},
        {"lora_path": "/x"},
        {"lora_request": {}},
        {"adapter_id": "x"},
        {"lora": [{"id": 0, "scale": 1}]},
        {"logits_processors": ["os.system"]},
        {"chat_template": "{{ ''.__class__ }}"},
        {"chat_template_kwargs": {}},
        {"documents": []},
        {"prompt_embeds": "AAAA"},
        {"input_embeds": [[0.0]]},
        {"allowed_token_ids": [1]},
        {"guided_regex": "(a+)+$"},
        {"structured_outputs": {"regex": "(a+)+$"}},
        {"grammar": "root ::= root"},
        {"vllm_xargs": {}},
        {"priority": -1},
        {"cache_prompt": True},
        {"id_slot": 0},
        {"n_discard": -1},
        {"return_hidden_states": True},
        {"tenant": "other"},
        {"trust_remote_code": True},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_fields_by_which_engines_are_steered_are_refused_by_name(attacked: Attacked, fields: dict[str, object]) -> None:
    came = attacked.wire.chat("echo", **fields)
    [name] = fields
    assert came.status == 400 and came.error["code"] == "unknown_parameter" and came.error["param"] == name, came


def test_nothing_tells_what_it_runs_on(attacked: Attacked) -> None:
    for came in (
        attacked.wire.get("/healthz"),
        attacked.wire.get("/nowhere"),
        attacked.wire.chat("nobody"),
        attacked.wire.chat("spam"),
    ):
        told = came.head.lower()
        assert "uvicorn" not in told and "python" not in told and "x-powered-by" not in told
        assert "x-content-type-options: nosniff" in told
