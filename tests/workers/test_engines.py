"""Engines: the OpenAI protocol against a local server, Bedrock against botocore's stubber, retries and the breaker."""

from __future__ import annotations

import datetime as dt
import json
import random
from email.utils import format_datetime
from typing import Any

import boto3
import pybreaker
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import ANY, Stubber
from worker_fakes import WebServer, chat

from workers.engines import EngineBusy, EngineRefused, Unusable, engine_from
from workers.engines.bedrock import Bedrock
from workers.engines.openai import OpenAI
from workers.engines.resilience import ATTEMPTS, LONGEST_WAIT, OPEN_AFTER, OPEN_SECONDS, Guard, retry_after

CHAT = "/v1/chat/completions"
JPEG = b"\xff\xd8\xff jpeg"


class Waits(list[float]):
    """A sleep that takes no time and keeps what it was asked for."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    random.seed(1)
    return Waits()


def openai(web: WebServer, waits: Waits, **options: Any) -> OpenAI:
    return OpenAI("tiny", f"{web.url}/v1", key="secret", guard=Guard(sleep=waits), **options)


# ── OpenAI ────────────────────────────────────────────────────────────────────


def test_openai_sends_model_prompt_image_and_schema_and_returns_the_text(web: WebServer, waits: Waits):
    web.answers(CHAT, chat("hello"))
    engine = openai(web, waits)
    assert engine.complete("say hello", system="be kind", image=JPEG, schema={"type": "object"}) == "hello"
    call = web.calls[0]
    body = json.loads(call.body)
    assert call.headers["Authorization"] == "Bearer secret"
    assert body["model"] == "tiny"
    assert body["messages"][0] == {"role": "system", "content": "be kind"}
    text, image = body["messages"][1]["content"]
    assert text == {"type": "text", "text": "say hello"}
    assert image["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert engine.name == "openai:tiny@127.0.0.1"


def test_openai_waits_as_long_as_retry_after_says_and_then_succeeds(web: WebServer, waits: Waits):
    web.answers(CHAT, (429, {"Retry-After": "7"}, b"{}"), (500, {}, b"oops"), chat("at last"))
    assert openai(web, waits).complete("p", system="s") == "at last"
    assert len(web.calls) == 3
    assert 7 <= waits[0] <= 8  # the second asked for, plus jitter
    assert 0 <= waits[1] <= 2  # full jitter of the second wait


def test_openai_gives_up_after_four_attempts(web: WebServer, waits: Waits):
    web.answers(CHAT, (503, {}, b""))
    with pytest.raises(EngineBusy, match="HTTP 503"):
        openai(web, waits).complete("p", system="s")
    assert len(web.calls) == ATTEMPTS
    assert all(0 <= wait <= LONGEST_WAIT for wait in waits)


def test_openai_does_not_pay_for_a_wait_of_minutes(web: WebServer, waits: Waits):
    web.answers(CHAT, (429, {"Retry-After": "600"}, b""))
    with pytest.raises(EngineBusy) as failure:
        openai(web, waits).complete("p", system="s")
    assert failure.value.retry_after == 600
    assert len(web.calls) == 1
    assert not waits


def test_openai_retries_a_server_that_is_too_slow(web: WebServer, waits: Waits):
    web.answers(CHAT, (200, {"slow": "yes"}, b""), chat("awake"))
    assert openai(web, waits, timeout=0.2).complete("p", system="s") == "awake"


def test_openai_retries_garbage_that_claims_success(web: WebServer, waits: Waits):
    web.answers(CHAT, (200, {}, b"<html>a proxy's page</html>"))
    with pytest.raises(EngineBusy, match="other than JSON"):
        openai(web, waits).complete("p", system="s")
    assert len(web.calls) == ATTEMPTS


def test_openai_reports_a_refusal_once_and_without_the_key(web: WebServer, waits: Waits):
    web.answers(CHAT, (401, {}, b'{"error": {"message": "no such key"}}'))
    with pytest.raises(EngineRefused, match="HTTP 401 no such key") as failure:
        openai(web, waits).complete("p", system="s")
    assert len(web.calls) == 1
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (chat("half an ans", finish="length"), Unusable),
        (chat(None), Unusable),
        (chat("", finish="content_filter"), EngineRefused),
        (chat(None, refusal="I would rather not"), EngineRefused),
        ((200, {}, b'{"choices": []}'), Unusable),
    ],
)
def test_openai_does_not_pass_off_an_incomplete_answer(
    web: WebServer, waits: Waits, answer: tuple[int, dict[str, str], bytes], error: type[Exception]
):
    web.answers(CHAT, answer)
    with pytest.raises(error):
        openai(web, waits).complete("p", system="s")
    assert len(web.calls) == 1


def test_openai_does_not_follow_a_redirect_with_its_key(web: WebServer, waits: Waits):
    web.answers(CHAT, (307, {"Location": f"{web.url}/elsewhere"}, b""))
    with pytest.raises(EngineRefused, match="HTTP 307"):
        openai(web, waits).complete("p", system="s")
    assert [call.path for call in web.calls] == [CHAT]


# ── Bedrock ───────────────────────────────────────────────────────────────────


@pytest.fixture
def bedrock(waits: Waits) -> tuple[Bedrock, Stubber]:
    client = boto3.client(
        "bedrock-runtime", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    stub = Stubber(client)
    stub.activate()
    return Bedrock("some.model-v1", client=client, guard=Guard(sleep=waits)), stub


def converse(text: str, stop: str = "end_turn") -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": stop,
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 1},
    }


def test_bedrock_sends_the_image_as_a_block_before_the_prompt(bedrock: tuple[Bedrock, Stubber]):
    engine, stub = bedrock
    content = [{"image": {"format": "jpeg", "source": {"bytes": JPEG}}}, {"text": "describe"}]
    expected = {
        "modelId": "some.model-v1",
        "system": [{"text": "s"}],
        "messages": [{"role": "user", "content": content}],
        "inferenceConfig": ANY,
    }
    stub.add_response("converse", converse("a lake"), expected)
    assert engine.complete("describe", system="s", image=JPEG) == "a lake"
    assert engine.name == "bedrock:some.model-v1"


def test_bedrock_is_retried_when_throttled_and_honors_retry_after(bedrock: tuple[Bedrock, Stubber], waits: Waits):
    engine, stub = bedrock
    wait = {"HTTPHeaders": {"retry-after": "9"}}
    stub.add_client_error("converse", "ThrottlingException", http_status_code=429, response_meta=wait)
    stub.add_client_error("converse", "ServiceUnavailableException", http_status_code=503)
    stub.add_response("converse", converse("done"))
    assert engine.complete("p", system="s") == "done"
    assert 9 <= waits[0] <= 10
    assert 0 <= waits[1] <= 2


def test_bedrock_without_access_is_refused_at_once(bedrock: tuple[Bedrock, Stubber], waits: Waits):
    engine, stub = bedrock
    stub.add_client_error("converse", "AccessDeniedException", "no access to this model", 403)
    with pytest.raises(EngineRefused, match="no access to this model"):
        engine.complete("p", system="s")
    assert not waits


@pytest.mark.parametrize(
    ("stop", "error"),
    [("max_tokens", Unusable), ("guardrail_intervened", EngineRefused), ("content_filtered", EngineRefused)],
)
def test_bedrock_does_not_pass_off_a_withheld_answer(
    bedrock: tuple[Bedrock, Stubber], stop: str, error: type[Exception]
):
    engine, stub = bedrock
    stub.add_response("converse", converse("half", stop))
    with pytest.raises(error):
        engine.complete("p", system="s")


def test_bedrock_that_times_out_is_busy(waits: Waits):
    class Client:
        def converse(self, **_: Any) -> None:
            raise ReadTimeoutError(endpoint_url="https://bedrock")

    with pytest.raises(EngineBusy, match="ReadTimeoutError"):
        Bedrock("m", client=Client(), guard=Guard(sleep=waits)).complete("p", system="s")
    assert len(waits) == ATTEMPTS - 1


# ── circuit breaker and Retry-After ───────────────────────────────────────────


class Service:
    def __init__(self) -> None:
        self.up = False
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if not self.up:
            raise EngineBusy("down")
        return "up"


def test_the_circuit_opens_after_five_failures_and_then_spares_the_service(waits: Waits):
    guard, service = Guard(sleep=waits), Service()
    for _ in range(3):
        with pytest.raises(EngineBusy):
            guard.call(service)
    assert service.calls == OPEN_AFTER


def test_the_circuit_tries_one_call_after_a_minute_and_closes_if_it_succeeds(waits: Waits):
    circuit, service = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED), Service()
    guard = Guard(sleep=waits, circuit=circuit)
    for _ in range(2):
        with pytest.raises(EngineBusy):
            guard.call(service)
    later(circuit, OPEN_SECONDS - 1)
    with pytest.raises(EngineBusy, match="left alone"):
        guard.call(service)
    assert service.calls == OPEN_AFTER
    later(circuit, 1)
    service.up = True
    assert guard.call(service) == "up"
    assert circuit.state == pybreaker.STATE_CLOSED


def test_the_circuit_opens_again_if_the_trial_fails(waits: Waits):
    circuit, service = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED), Service()
    guard = Guard(sleep=waits, circuit=circuit)
    for _ in range(2):
        with pytest.raises(EngineBusy):
            guard.call(service)
    later(circuit, OPEN_SECONDS)
    with pytest.raises(EngineBusy):
        guard.call(service)
    assert service.calls == OPEN_AFTER + 1
    assert circuit.state == pybreaker.STATE_OPEN


def test_a_refusal_is_no_failure_of_the_service(waits: Waits):
    guard = Guard(sleep=waits)

    def refuse() -> str:
        raise EngineRefused("no")

    for _ in range(OPEN_AFTER + 1):
        with pytest.raises(EngineRefused):
            guard.call(refuse)
    assert not waits


def later(circuit: pybreaker.CircuitMemoryStorage, seconds: float) -> None:
    """As if the circuit had opened that much earlier."""
    assert circuit.opened_at
    circuit.opened_at -= dt.timedelta(seconds=seconds)


def test_retry_after_is_read_as_seconds_or_as_a_date():
    soon = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30), usegmt=True)
    past = format_datetime(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=30), usegmt=True)
    assert retry_after("12") == 12
    assert 25 <= (retry_after(soon) or 0) <= 30
    assert retry_after(past) == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None


# ── ENGINE ────────────────────────────────────────────────────────────────────


def test_engine_from_gives_the_engine_that_the_setting_names(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert engine_from('{"kind": "offline"}') is None
    bedrock = engine_from('{"kind": "bedrock", "model": "m"}')
    openai = engine_from('{"kind": "openai", "model": "m", "endpoint": "https://api.example.com/v1"}')
    assert bedrock and bedrock.name == "bedrock:m"
    assert openai and openai.name == "openai:m@api.example.com"


@pytest.mark.parametrize(
    "setting",
    [
        "{}",
        '{"kind": "bedrok"}',
        '{"kind": "bedrock"}',
        '{"kind": "openai", "model": "m"}',
        '{"kind": "openai", "model": "m", "endpoint": "http://models.example.com/v1"}',
        "not json",
    ],
)
def test_engine_from_refuses_what_is_no_engine(setting: str):
    with pytest.raises(ValueError):
        engine_from(setting)
