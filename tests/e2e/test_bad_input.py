"""Bad input for every declared endpoint: an answer in the envelope, never a defect, and nothing half written."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from cozeloop.demo.tour import cell, detail
from tests.e2e.bad_input import (
    ODD,
    Place,
    dealt,
    endpoints,
    fields,
    is_text,
    of_another_type,
    shown,
    with_value,
)
from tests.e2e.endpoints import Call
from tests.e2e.laboratory import PROMPTS, SETS, Laboratory
from tests.e2e.processes import Platform, eventually
from tests.e2e.tenants import Owner

HOW_MUCH = pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["dealt", "whole"])
"""Every value in every field is asked in `make test-all`; before that, deep fields share the values out."""
UNREADABLE, RULE_BROKEN, DEFECT = 602000201, 602000202, 602000702
MIB = 1 << 20
CALLS = endpoints()
WITH_BODY = [c for c in CALLS if c.asked]
WITH_PATH = [c for c in CALLS if c.places("path")]
WITH_QUERY = [c for c in CALLS if c.places("query")]
RUNS_ON = "/api/evaluation/v1/experiments/{expt_id}/retry"
"""What is accepted here goes on writing after its answer."""
UNKNOWN_MODEL = "POST /api/llm/v1/models/{model_id}"
"""Answers the code of a defect when there is no such model: the contract says so (behaviour.md §4.2)."""
OWN_PROFILE = "PUT /api/foundation/v1/users/{user_id}/update_profile"
"""Is about the caller, whatever its path says: the contract says so (behaviour.md §2.1)."""
EMPTY_SUCCESS = "/api/auth/v1/personal_access_tokens/{id}"
"""A missing token is an empty success: the contract says so (behaviour.md §2.3)."""
NOT_JSON = [
    b"{",
    b"[]",
    b'"text"',
    b"17",
    b'{"a":}',
    b"{}{}",
    b"NaN",
    b"\xff\xfe{}",
    b'{"a":"\xff"}',
    b"\x00",
    b"[" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
]
UNSTORABLE = ("a\0b", "\ud800", "a\udfffb")
NDJSON = "x-ndjson"


class Refusals:
    """Sends requests as the owner of something, and looks at answer and log of each."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.owner = Owner.settle(platform.url)
        self.ids = {**self.owner.ids, "workspace_id": self.owner.caller.space, "limit": 10}
        operator = json.loads((platform.data_dir / "run.json").read_text())["token"]
        self.tokens = {"token": self.owner.caller.token, "operator": operator}
        self.http = self.owner.caller.http
        self.wrong: list[str] = []
        self.last = self.end()

    def begin(self) -> Refusals:
        """Nothing was wrong so far, and the log is where it is."""
        self.wrong.clear()
        self.last = self.end()
        return self

    def faults(self) -> list[str]:
        """The first of what went wrong; that the log has grown by what was not accepted is wrong too."""
        return [*self.wrong[:20], *([] if self.end() == self.last else ["the log has grown"])]

    def end(self) -> str:
        """Where the log ends."""
        return str(self.platform.health()[1]["log_position"])

    def send(self, call: Call, body: Any = None, **how: Any) -> httpx.Response:
        """One request; ``body`` is JSON or bytes, ``how`` may hold path, query and headers."""
        way = next((name for each in call.operation["security"] for name in each), "")
        headers = {"content-type": "application/json", **how.get("headers", {})}
        if way in self.tokens:
            headers["authorization"] = f"Bearer {self.tokens[way]}"
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        path, query = how.get("path") or call.address(self.ids), how.get("query", call.query(self.ids))
        return self.http.request(call.method, path, params=query, content=content, headers=headers)

    def refused(self, what: str, response: httpx.Response, *codes: int) -> None:
        """Notes an answer that is no refusal with one of these codes (any code but a defect's when none is given)."""
        code = self.answered(what, response)
        if code == 0 or (codes and code not in codes):
            self.wrong.append(f"{what}: {response.text[:200]}")

    def answered(self, what: str, response: httpx.Response) -> int:
        """The code of an answer in the envelope; notes whatever else it is."""
        if NDJSON in response.headers.get("content-type", ""):
            return 0
        answer = response.json()
        code = answer.get("code")
        if response.status_code >= 500 or code == DEFECT or not isinstance(code, int):
            self.wrong.append(f"{what}: HTTP {response.status_code} {response.text[:200]}")
        elif code and set(answer) != {"code", "msg"}:
            self.wrong.append(f"{what}: more than code and msg: {response.text[:200]}")
        return code

    def changes_nothing(self, what: str, call: Call, body: Any = None, **how: Any) -> None:
        """Sends what may be accepted or refused; refused, it must leave the log as it was."""
        response, before = self.send(call, body, **how), self.last
        self.ended(response)
        self.last = self.end()
        if self.answered(what, response):
            if self.last != before:
                self.wrong.append(f"{what}: refused and written: {response.text[:200]}")
        elif call.path == RUNS_ON:
            list(self.owner.caller.watch(self.ids["expt_id"]))
            self.last = self.end()

    def ended(self, response: httpx.Response) -> None:
        """Waits for the job that a request began: what it writes is no other request's doing."""
        answer = {} if NDJSON in response.headers.get("content-type", "") else response.json()
        if job_id := answer.get("job_id") or (answer.get("data") or {}).get("job_id"):
            path, params = f"/api/data/v1/dataset_io_jobs/{job_id}", {"workspace_id": self.owner.caller.space}
            eventually(lambda: self.http.get(path, params=params).json()["job"]["status"] > 2)

    def body(self, call: Call) -> dict[str, Any]:
        """A good body."""
        return call.body(self.ids) or {}


@pytest.fixture(scope="module")
def settled(platform: Platform) -> Refusals:
    """Whose requests are all refused."""
    return Refusals(platform)


@pytest.fixture(scope="module")
def spare(platform: Platform) -> Refusals:
    """Whose requests may do something."""
    return Refusals(platform)


@pytest.fixture
def refusals(settled: Refusals) -> Refusals:
    """Requests none of which may write anything."""
    return settled.begin()


@pytest.fixture
def attempts(spare: Refusals) -> Refusals:
    """Requests of which some may be accepted."""
    return spare.begin()


@HOW_MUCH
@pytest.mark.parametrize("call", WITH_BODY, ids=str)
def test_a_value_of_another_type_is_refused_with_the_field_named(refusals: Refusals, call: Call, whole: bool) -> None:
    body = refusals.body(call)
    for number, (place, schema) in enumerate(fields(call)):
        values = of_another_type(schema)
        for value in values if whole else dealt(values, place, number):
            what = f"{shown(place)} = {value!r}"
            response = refusals.send(call, with_value(body, place, value))
            refusals.refused(what, response, UNREADABLE)
            if shown(place) not in response.json()["msg"]:
                refusals.wrong.append(f"{what} is not named: {response.text[:200]}")
    assert refusals.faults() == []


@pytest.mark.parametrize("call", WITH_QUERY, ids=str)
def test_a_parameter_of_another_type_is_refused_with_its_name(refusals: Refusals, call: Call) -> None:
    for name, schema in call.places("query").items():
        wrong = [] if takes_any_text(schema) else of_another_type(schema)
        for value in [v for v in wrong if isinstance(v, str | float)]:
            query = {**call.query(refusals.ids), name: value}
            response = refusals.send(call, call.body(refusals.ids), query=query)
            refusals.refused(f"{name} = {value}", response, UNREADABLE)
            assert name in response.json()["msg"]
    assert refusals.faults() == []


@pytest.mark.parametrize("call", [c for c in CALLS if c.method != "GET"], ids=str)
def test_a_body_that_is_no_json_object_is_refused(refusals: Refusals, call: Call) -> None:
    for body in NOT_JSON:
        refusals.refused(repr(body[:40]), refusals.send(call, body), UNREADABLE)
    assert refusals.faults() == []


@pytest.mark.parametrize("call", WITH_BODY, ids=str)
def test_a_body_of_another_content_type_is_refused(refusals: Refusals, call: Call) -> None:
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "json"):
        response = refusals.send(call, refusals.body(call), headers={"content-type": media})
        refusals.refused(media, response, UNREADABLE)
    assert refusals.faults() == []


@pytest.mark.parametrize("call", [c for c in CALLS if c.method != "GET"], ids=str)
def test_a_body_over_the_limit_is_refused(refusals: Refusals, call: Call) -> None:
    body = b'{"name":"' + b"x" * (20 * MIB) + b'"}'
    response = refusals.send(call, body)
    refusals.refused("20 MiB", response)
    assert response.status_code == (200 if call.path.startswith("/api/") else 413)
    assert response.json()["code"] % 1000 == 201
    assert refusals.faults() == []


@HOW_MUCH
@pytest.mark.parametrize("call", WITH_BODY, ids=str)
def test_text_that_no_store_takes_is_refused_with_the_field_named(refusals: Refusals, call: Call, whole: bool) -> None:
    body = refusals.body(call)
    for number, place in enumerate(place for place, schema in fields(call) if is_text(schema)):
        for text in UNSTORABLE if whole else dealt(UNSTORABLE, place, number):
            response = refusals.send(call, with_value(body, place, text))
            refusals.refused(f"{shown(place)} = {text!r}", response, RULE_BROKEN)
            assert shown(place) in response.json()["msg"]
    for name in ("a\0b", "\ud800"):
        refusals.refused(f"a field called {name!r}", refusals.send(call, {**body, name: 1}), RULE_BROKEN)
    assert refusals.faults() == []


@pytest.mark.parametrize("call", [c for c in WITH_PATH if str(c) not in (UNKNOWN_MODEL, OWN_PROFILE)], ids=str)
def test_an_id_that_is_none_or_nobodys_is_refused(refusals: Refusals, call: Call) -> None:
    other = {**refusals.ids, **dict.fromkeys(call.places("path"), "{}")}
    for sent in (
        "7000000000000000001",
        "0",
        "-1",
        "abc",
        "1.5",
        "9" * 19,
        "a.b",
        "*",
        "%3E",
        "a%20b",
        "%00",
        "x" * 3000,
    ):
        path = call.address(other).replace("{}", sent)
        response = refusals.send(call, call.body(refusals.ids), path=path)
        if call.path == EMPTY_SUCCESS and response.json()["code"] == 0:
            assert set(response.json()) == {"code", "msg"}
        else:
            refusals.refused(sent, response)
    assert refusals.faults() == []


def test_an_unknown_model_is_answered_as_the_contract_says(refusals: Refusals) -> None:
    [call] = [c for c in CALLS if str(c) == UNKNOWN_MODEL]
    answer = refusals.send(call, refusals.body(call), path=call.address({"model_id": "99"})).json()
    assert (answer["code"], "log id" in answer["msg"]) == (DEFECT, False)


@pytest.mark.parametrize("call", WITH_BODY, ids=str)
def test_whatever_is_missing_the_answer_is_no_defect(attempts: Refusals, call: Call) -> None:
    body = attempts.body(call)
    attempts.changes_nothing("nothing", call, {})
    attempts.changes_nothing("null", call, b"null")
    for place in [p for p, _ in fields(call) if len(p) <= 3]:
        for value in (None, "", [], {}):
            if value is None or isinstance(value, type(at(body, place))):
                attempts.changes_nothing(f"{shown(place)} = {value!r}", call, with_value(body, place, value))
    for name in body:
        attempts.changes_nothing(f"without {name}", call, {k: v for k, v in body.items() if k != name})
    assert attempts.faults() == []


@pytest.mark.parametrize("call", WITH_BODY, ids=str)
def test_whatever_is_too_much_the_answer_is_no_defect(attempts: Refusals, call: Call) -> None:
    body = attempts.body(call)
    for place, schema in [f for f in fields(call) if len(f[0]) <= 3]:
        for value in too_much(schema, at(body, place)):
            attempts.changes_nothing(f"{shown(place)} = {value!r:.40}", call, with_value(body, place, value))
    assert attempts.faults() == []


@HOW_MUCH
@pytest.mark.parametrize("call", WITH_BODY, ids=str)
def test_whatever_a_key_looks_like_the_answer_is_no_defect(attempts: Refusals, call: Call, whole: bool) -> None:
    body = attempts.body(call)
    for number, place in enumerate(p for p, schema in fields(call) if is_text(schema) and len(p) <= 3):
        for text in ODD if whole else dealt(ODD, place, number):
            attempts.changes_nothing(f"{shown(place)} = {text!r}", call, with_value(body, place, text))
    assert attempts.faults() == []


@pytest.mark.parametrize("call", [c for c in WITH_QUERY if any(map(is_text, c.places("query").values()))], ids=str)
def test_whatever_a_parameter_says_the_answer_is_no_defect(attempts: Refusals, call: Call) -> None:
    for name in [n for n, schema in call.places("query").items() if is_text(schema)]:
        for text in [*ODD, "", "x" * 3000]:
            query = {**call.query(attempts.ids), name: text}
            attempts.changes_nothing(f"{name} = {text!r:.40}", call, call.body(attempts.ids), query=query)
    assert attempts.faults() == []


def test_a_prompt_key_means_itself_whatever_it_looks_like(platform: Platform) -> None:
    lab = Laboratory(platform.url)
    accepted = []
    for key in ODD:
        named = {"workspace_id": lab.space, "prompt_key": key, "prompt_name": "odd"}
        created = lab.http.post(PROMPTS, json=named).json()
        if created["code"] == 0:
            accepted.append(key)
            draft = {"draft_info": {}, "detail": detail(key, "1")}
            lab.call("POST", f"{PROMPTS}/{created['prompt_id']}/drafts/save", {"prompt_draft": draft})
            lab.call("POST", f"{PROMPTS}/{created['prompt_id']}/drafts/commit", {"commit_version": "1.0.0"})
    assert {"a.b", "*", ">", "a b"} <= set(accepted)
    queries = [{"prompt_key": key} for key in accepted]
    headers = {"authorization": f"Bearer {lab.token}"}
    body = {"workspace_id": lab.space, "queries": queries}
    found = lab.http.post("/v1/loop/prompts/mget", json=body, headers=headers).json()["data"]["items"]
    assert [i["prompt"]["prompt_template"]["messages"][0]["content"] for i in found] == accepted


def test_item_keys_mean_themselves_whatever_they_look_like(platform: Platform) -> None:
    lab = Laboratory(platform.url)
    set_id, _ = lab.rows(["first"])
    items = [{"item_key": key, "turns": [{"field_data_list": [cell("input", key)]}]} for key in ODD]
    path = f"{SETS}/{set_id}/items"
    assert lab.code(f"{path}/batch_create", {"items": items}) == 0
    shown = lab.post(f"{path}/list", {"page_number": 1, "page_size": 100}).json()["items"]
    kept = {i["item_key"]: i["turns"][0]["field_data_list"][0]["content"]["text"] for i in shown}
    assert {key: text for key, text in kept.items() if text != "first"} == {key: key for key in ODD}


def takes_any_text(schema: dict[str, Any]) -> bool:
    """Whether any parameter is right: a text, or a list of texts, of which one alone is a list too."""
    return is_text(schema) or (schema.get("type") == "array" and is_text(schema.get("items", {})))


def at(body: Any, place: Place) -> Any:
    """What stands at a place of the body, None for nothing."""
    for step in place:
        if isinstance(body, dict):
            body = body.get("1" if step == "{}" else step)
        elif isinstance(body, list) and body:
            body = body[0]
        else:
            return None
    return body


def too_much(schema: dict[str, Any], there: Any) -> list[Any]:
    """Values of the right type that are more than anybody means."""
    match schema.get("type"):
        case "string" if schema.get("format") == "int64":
            return [-1, 0, (1 << 63) - 1, -(1 << 63)]
        case "string":
            return ["x" * 100_000]
        case "integer":
            return [-1, 0, (1 << 31) - 1, -(1 << 31)]
        case "number":
            return [-1.0, 0.0, 1e300]
        case "array" if isinstance(there, list) and there:
            return [there * 1001]
        case "object" if "additionalProperties" in schema:
            return [{f"k{n}": {} for n in range(1001)}]
    return []
