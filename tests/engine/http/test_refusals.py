"""What servers say when they refuse, each in its own words, and what is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rung.engine.backend import ContextTooLong
from rung.engine.http.error_text import read_error
from rung.engine.http.refusals import Asked, NoAnswer, refused_for, sent_on
from rung.engine.http.signs import is_filtered, is_too_long, most_tokens
from rung.errors import UserError
from rung.sources.address import ServerAddress
from rung.types import REFUSED, WITHHELD

ADDRESS = "https://models.example/v1"


def refused(status: int, body: Any, address: str = ADDRESS) -> Exception:
    text = body if isinstance(body, str) else json.dumps(body)
    return refused_for(status, text, Asked(address=ServerAddress.read(address), model="tiny"))


def openai(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **more}}


TOO_LONG = [
    (400, openai("This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.")),
    (400, openai("the prompt does not fit", code="context_length_exceeded", param="messages")),
    (400, openai("Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300001 tokens.")),
    (400, openai("Your input exceeds the context window of this model. Please adjust your input and try again.")),
    (429, openai("Request too large for gpt on tokens per min (TPM): Limit 10000, Requested 12000. The input must be reduced.")),
    (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested 4500",
            "code": 400,
        },
    ),
    (400, openai("The decoder prompt (length 9000) is longer than the maximum model length of 4096.")),
    (
        400,
        openai("You passed 5000 input tokens and requested 256 output tokens. However, the model's context length is only 4096."),
    ),
    (400, openai("'max_tokens' is too large: 8192. This model's maximum context length is 4096 tokens (8192 > 4096 - 100).")),
    (400, {"object": "error", "message": "max_tokens must be at least 1, got -344.", "type": "BadRequestError", "code": 400}),
    (
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
            "error_type": "validation",
        },
    ),
    (422, {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000", "error_type": "validation"}),
    (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1300000) exceeds the maximum number of tokens allowed (1048575).",
                }
            }
        ],
    ),
    (
        400,
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"},
        },
    ),
    (400, {"type": "error", "error": {"message": "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"}}),
    (413, {"type": "error", "error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}),
    (
        400,
        {"error": {"code": 400, "message": "the request exceeds the available context size", "type": "exceed_context_size_error"}},
    ),
    (
        500,
        {
            "error": {
                "code": 500,
                "message": "input is too large to process. increase the physical batch size",
                "type": "server_error",
            }
        },
    ),
    (400, {"error": {"message": "Requested tokens (2285) exceed context window of 2048", "type": "invalid_request_error"}}),
    (400, {"error": "the input length exceeds the context length"}),
    (400, {"error": "Trying to keep the first 6547 tokens when context the overflows. However, the model is loaded with 4096"}),
    (400, {"error": "Reached context length of 4096 tokens with model (arch: llama) that does not support overflow"}),
    (
        400,
        {
            "object": "error",
            "message": "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
            "code": 400,
        },
    ),
    (400, {"object": "error", "message": "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens)."}),
    (400, openai("This endpoint's maximum context length is 4096 tokens. However, you requested about 5000 tokens", code=400)),
    (
        400,
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": '{"message": "Input is too long for model."}'},
            }
        },
    ),
    (400, openai("litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - no room", code="400")),
    (400, {"object": "error", "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"}),
    (400, openai("Please reduce the length of the messages or completion.")),
    (400, {"message": "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000."}),
    (400, {"message": "Input is too long for requested model."}),
    (400, {"error": "This model's maximum prompt length is 131072 but the request contains 150000 tokens."}),
    (400, openai("Please reduce the length. Current length is 9000 while limit is 8192")),
    (400, openai("Invalid request: Your request exceeded model token limit: 8192")),
    (400, openai("Range of input length should be [1, 30720]")),
    (413, openai("Request body too large for the model. Max size: 8000 tokens.", code="tokens_limit_reached")),
    (413, "<html><head><title>413 Request Entity Too Large</title></head><body><center>nginx</center></body></html>"),
    (422, {"detail": "the prompt has 5000 tokens: maximum context length is 4096"}),
    (400, {"detail": [{"loc": ["body", "messages"], "msg": "too many tokens", "type": "value_error"}]}),
    (400, {"errors": [{"message": "The number of tokens (9) exceeded this model context window limit (8)."}]}),
    (400, "context size exceeded"),
]


@pytest.mark.parametrize(("status", "body"), TOO_LONG, ids=range(len(TOO_LONG)))
def test_too_long_is_the_rows_own_in_every_servers_words(status: int, body: Any) -> None:
    found = refused(status, body)
    assert isinstance(found, ContextTooLong) and found.problem.startswith("the question is longer than the model's context: ")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, openai("Rate limit reached for gpt on tokens per min (TPM): Limit 30000, Used 29000, Requested 4000.")),
        (400, openai("Invalid 'user': string too long. Expected a string with maximum length 64", code="string_above_max_length")),
        (400, openai("Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64")),
        (400, openai("messages must not be empty")),
        (401, openai("the context length of this key is over")),
        (400, openai("max_tokens is too large: 8192. This model supports at most 4096 completion tokens.")),
        (
            422,
            {
                "detail": [
                    {"type": "missing", "loc": ["body", "x"], "msg": "Field required", "input": {"c": "maximum context length"}}
                ]
            },
        ),
    ],
)
def test_another_length_is_not_the_questions(status: int, body: Any) -> None:
    assert not is_too_long(status, read_error(json.dumps(body)))


FILTERED = [
    (
        400,
        openai("The response was filtered due to the prompt triggering Azure's content management policy.", code="content_filter"),
    ),
    (400, openai("no", innererror={"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}})),
    (400, openai("Your request was rejected as a result of our safety system.", code="content_policy_violation")),
    (400, openai("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", code="invalid_prompt")),
    (
        403,
        {
            "error": {
                "message": "The input requires moderation on this model. It was flagged",
                "metadata": {"reasons": ["violence"]},
            }
        },
    ),
    (400, {"error": {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}}),
    (400, openai("Content Exists Risk")),
    (400, [{"error": {"code": 400, "message": "The prompt was blocked: PROHIBITED_CONTENT", "status": "INVALID_ARGUMENT"}}]),
    (500, {"error": {"message": "output blocked by content filtering policy"}}),
]


@pytest.mark.parametrize(("status", "body"), FILTERED, ids=range(len(FILTERED)))
def test_what_a_filter_withheld_is_one_rows_own(status: int, body: Any) -> None:
    found = refused(status, body)
    assert isinstance(found, NoAnswer) and found.reason == WITHHELD and found.fault.startswith("a filter withheld it (")


def test_a_refusal_that_is_no_filters() -> None:
    for words in ("messages must not be empty", "the model has no safety", "unknown field 'policy'"):
        found = refused(400, openai(words))
        assert isinstance(found, NoAnswer) and found.reason == REFUSED and words in found.fault
    assert not is_filtered(read_error(json.dumps({"detail": [{"msg": "Field required", "input": "content_filter"}]})))


@pytest.mark.parametrize(
    ("body", "most"),
    [
        (
            openai("max_tokens is too large: 8192. This model supports at most 4096 completion tokens, whereas you provided 8192."),
            4096,
        ),
        (openai("max_tokens: 20000 > 8192, which is the maximum allowed number of output tokens"), 8192),
        (openai("`max_tokens` must be less than or equal to `4096`, the maximum value for this model"), 4096),
        (openai("Range of max_tokens should be [1, 2048]"), 2048),
        (
            openai("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."),
            None,
        ),
        (openai("This model's maximum context length is 4096 tokens; max_tokens is too large"), None),
    ],
)
def test_more_tokens_than_the_model_writes(body: Any, most: int | None) -> None:
    assert most_tokens(read_error(json.dumps(body))) == most


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "a"}}, "a"),
        ({"error": "a"}, "a"),
        ({"error": {"error": {"message": "a"}}}, "a"),
        ({"message": "a"}, "a"),
        ({"detail": "a"}, "a"),
        ({"detail": {"error": {"message": "a"}}}, "a"),
        ({"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs", "input": 1}, {"msg": "b"}]}, "seed: Extra inputs; b"),
        ({"errors": ["a", {"message": "b"}]}, "a; b"),
        ([{"error": {"message": "a"}}], "a"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": '{"error": {"message": "b"}}'}}},
            "Provider returned error; b",
        ),
        ({"error": {"message": "x", "metadata": {"raw": "plain words"}}}, "x; plain words"),
        ({"title": "Bad Gateway", "status": 502}, "Bad Gateway"),
        ({"msg": "a", "code": 1}, "a"),
        ("a", "a"),
        (
            "<!DOCTYPE html><html><head><title>502 Bad&nbsp;Gateway</title><style>p{}</style></head><p>nginx</p></html>",
            "502 Bad Gateway nginx",
        ),
        ("upstream\n  timed out", "upstream timed out"),
        ("", ""),
        ({"odd": 1}, '{"odd": 1}'),
        ({"error": None}, '{"error": null}'),
    ],
)
def test_a_servers_words_wherever_it_puts_them(body: Any, words: str) -> None:
    assert read_error(body if isinstance(body, str) else json.dumps(body)).words == words


def test_an_error_knows_its_status() -> None:
    assert read_error('{"error": {"code": 429, "message": "slow"}}').status == 429
    assert read_error('{"error": {"code": "503"}}').status == 503
    assert read_error('{"error": {"code": "rate_limit"}}').status == 0


@pytest.mark.parametrize(
    ("status", "body", "address", "message"),
    [
        (404, openai("no such model"), "https://host", r"Most servers answer under /v1: write https://host/v1#tiny"),
        (405, "", ADDRESS, r"no such address or model 'tiny'[\s\S]*/v1"),
        (404, {}, "https://r.openai.azure.com", r"Azure answers under https://r\.openai\.azure\.com/openai/v1#deployment"),
        (404, {}, "https://r.openai.azure.com/openai/deployments/d", r"deployments/NAME\?api-version="),
        (402, openai("Insufficient credits"), ADDRESS, r"wants to be paid first: Insufficient credits"),
        (403, openai("no access"), ADDRESS, r"refuses the key \(HTTP 403\): no access"),
    ],
)
def test_what_the_user_can_mend(status: int, body: Any, address: str, message: str) -> None:
    found = refused(status, body, address=address)
    assert isinstance(found, UserError)
    with pytest.raises(UserError, match=message):
        raise found


def test_a_redirect_says_where_to() -> None:
    asked = Asked(address=ServerAddress.read(ADDRESS), model="tiny")
    found = sent_on(308, "https://me:hunter2@other.example/v1/chat/completions?key=hunter2", asked)
    assert "hunter2" not in found.message
    assert "sends on to https://other.example/v1 (HTTP 308)" in found.problem and "https://other.example/v1#tiny" in found.hint
    assert "to https://models.example/login (HTTP 302)" in sent_on(302, "/login", asked).problem
    assert "without saying where to" in sent_on(301, "", asked).problem


def test_a_key_that_the_server_sends_back_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_API_KEY", "zq-17-verysecret-98")
    for status in (401, 403, 404, 400, 422, 418):
        found = refused(status, openai("a bad key: zq-17-verysecret-98, " + "x" * 300 + " zq-17-verysecret-98"))
        told = f"{found}{getattr(found, 'fault', '')}{getattr(found, 'error', '')}"
        assert "verysecret" not in told and "a bad key: [key]" in told
