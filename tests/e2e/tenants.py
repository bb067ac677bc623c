"""Somebody with one object of each kind, a canary in every text, and whoever tries to get at them."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from cozeloop.demo.tour import EVALUATION, Tour, cell

CANARY = "canary"
PASSWORD = "Canary-of-a-password"
TOKENS = "/api/auth/v1/personal_access_tokens"
PROMPTS = "/api/prompt/v1/prompts"
EVALUATOR = "def exec_evaluation(turn):\n    # {canary}\n    return EvalOutput(score=1.0, reason='{canary}')\n"
VOLATILE = {"last_used_at", "log_position", "position", "lag"}
"""Fields of the owner's reads that may change without anybody's doing."""
READ_WORDS = {"list", "batch_get", "mget", "session"}


def canary(of: str) -> str:
    """A text that occurs nowhere else."""
    return f"{CANARY}-{of}-{secrets.token_hex(6)}"


class Caller(Tour):
    """A user over HTTP: browser and SDK in one."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url)
        self.email = f"{name}@{secrets.token_hex(4)}.example.org"
        self.password = PASSWORD
        self.register()
        self.user_id: str = self.call("GET", "/api/foundation/v1/users/session")["user_info"]["user_id"]

    def cookie(self) -> str:
        """A fresh session's cookie."""
        body = {"email": self.email, "password": self.password}
        with httpx.Client(base_url=self.http.base_url) as browser:
            answer = browser.post("/api/foundation/v1/users/login_by_password", json=body).json()
        return str(answer["token"])

    def new_token(self, **asked: Any) -> tuple[str, str]:
        """Id and secret of another personal access token."""
        answer = self.call("POST", TOKENS, {"name": "probe", "duration_day": "1", **asked})
        return answer["personal_access_token"]["id"], answer["token"]


@dataclass
class Owner:
    """The first user, with the ids of everything of theirs by the names that requests use."""

    caller: Caller
    ids: dict[str, Any] = field(default_factory=dict)
    canaries: list[str] = field(default_factory=list)

    @classmethod
    def settle(cls, url: str) -> Owner:
        """One object of each kind; the experiment has ended."""
        owner = cls(Caller(url, canary("ada")))
        owner.ids |= {"user_id": owner.caller.user_id, "space_id": owner.caller.space}
        owner.ids |= {"email": owner.caller.email, "password": "wrong password"}
        for create in (
            owner.token,
            owner.prompt,
            owner.evaluation_set,
            owner.imported,
            owner.evaluator,
            owner.experiment,
            owner.tag,
            owner.trace,
            owner.webhook,
        ):
            create()
        end = httpx.get(f"{url}/v1/platform/health").json()["log_position"]
        owner.ids["position"] = end.removeprefix("events:")
        return owner

    def text(self, of: str) -> str:
        """A canary that must be found in the owner's own reads and nowhere else."""
        self.canaries.append(canary(of))
        return self.canaries[-1]

    def token(self) -> None:
        """A token that stays valid."""
        self.ids["id"], _ = self.caller.new_token(name=self.text("token"))

    def prompt(self) -> None:
        """A prompt with a committed version and a draft that goes on from it."""
        key = f"tenancy_{secrets.token_hex(4)}"
        names = {"prompt_name": self.text("prompt"), "prompt_description": self.text("prompt-description")}
        body = {"workspace_id": self.caller.space, "prompt_key": key, **names}
        prompt_id = self.caller.call("POST", PROMPTS, body)["prompt_id"]
        for draft_of, version in (("committed", "1.0.0"), ("draft", "")):
            draft = {"draft_info": {"base_version": "" if version else "1.0.0"}, "detail": detail(self.text(draft_of))}
            self.caller.call("POST", f"{PROMPTS}/{prompt_id}/drafts/save", {"prompt_draft": draft})
            if version:
                commit = {"commit_version": version, "commit_description": self.text("commit")}
                self.caller.call("POST", f"{PROMPTS}/{prompt_id}/drafts/commit", commit)
        self.ids |= {"prompt_id": prompt_id, "prompt_key": key, "commit_version": "1.0.0", "version": "1.0.0"}

    def evaluation_set(self) -> None:
        """A set with a row that is in its version."""
        names = {"name": self.text("set"), "description": self.text("set-description")}
        fields = [{"name": "input", "content_type": "Text", "description": self.text("column")}]
        body = {"workspace_id": self.caller.space, **names, "evaluation_set_schema": {"field_schemas": fields}}
        path = f"{EVALUATION}/evaluation_sets"
        set_id = self.caller.call("POST", path, body)["evaluation_set_id"]
        self.caller.add_items(set_id, [{"input": self.text("row")}])
        version = {"workspace_id": self.caller.space, "version": "1.0.0", "desc": self.text("set-version")}
        version_id = self.caller.call("POST", f"{path}/{set_id}/versions", version)["id"]
        page = {"workspace_id": self.caller.space, "page_number": 1, "page_size": 10}
        [item] = self.caller.call("POST", f"{path}/{set_id}/items/list", page)["items"]
        self.ids |= {"evaluation_set_id": set_id, "eval_set_id": set_id, "item_id": item["item_id"]}
        self.ids |= {"version_id": version_id, "eval_set_version_id": version_id}

    def imported(self) -> None:
        """An import that has ended, of a file with a row that was refused."""
        key, space = f"{self.text('file')}.jsonl", self.caller.space
        signing = {"workspace_id": space, "keys": [key]}
        [uri] = self.caller.call("POST", "/api/foundation/v1/sign_upload_files", signing)["uris"]
        assert self.caller.http.put(uri, content=b"refused\n").status_code == 200
        body = {
            "workspace_id": space,
            "file": {"provider": 5, "path": key},
            "field_mappings": [{"source": self.text("source"), "target": "input"}],
        }
        set_id = self.ids["evaluation_set_id"]
        job_id = self.caller.call("POST", f"/api/data/v1/datasets/{set_id}/import", body)["job_id"]
        path = f"/api/data/v1/dataset_io_jobs/{job_id}"
        eventually(lambda: self.caller.call("GET", path, workspace_id=space)["job"]["status"] == 3)
        self.ids |= {"dataset_id": set_id, "job_id": job_id, "path": key, "provider": 5}
        self.ids |= {"source": body["field_mappings"][0]["source"], "target": "input"}

    def evaluator(self) -> None:
        """A code evaluator with a submitted version."""
        source = EVALUATOR.format(canary=self.text("code"))
        self.ids["evaluator_version_id"] = self.caller.code_evaluator(self.text("evaluator"), source)
        page = {"workspace_id": self.caller.space, "page_number": 1, "page_size": 10}
        [shown] = self.caller.call("POST", f"{EVALUATION}/evaluators/list", page)["evaluators"]
        self.ids["evaluator_id"] = shown["evaluator_id"]
        run = f"{EVALUATION}/evaluators_versions/{self.ids['evaluator_version_id']}/run"
        asked = {"evaluate_dataset_fields": {"input": {"content_type": "Text", "text": self.text("evaluated")}}}
        body = {"workspace_id": self.caller.space, "input_data": asked, "ext": {"note": self.text("ext")}}
        self.ids["evaluator_record_id"] = self.caller.call("POST", run, body)["record"]["id"]

    def experiment(self) -> None:
        """Two experiments over the set that have ended: one to name alone, one in lists."""
        ids = (self.ids["evaluation_set_id"], self.ids["version_id"], self.ids["evaluator_version_id"])
        one, other = (self.caller.submit(self.text("experiment"), *ids, prompt=None, concurrency=1) for _ in range(2))
        for expt_id in (one, other):
            list(self.caller.watch(expt_id))
        self.ids |= {"expt_id": one, "experiment_id": one, "baseline_experiment_id": one, "expt_ids": [other]}

    def tag(self) -> None:
        """A tag in two versions."""
        path, value = "/api/data/v1/tags", {"tag_value_name": self.text("tag-value")}
        said = {"description": self.text("tag-description"), "tag_values": [value]}
        body = {"workspace_id": self.caller.space, "tag_key_name": f"t{secrets.token_hex(4)}", **said}
        made = self.caller.call("POST", path, {**body, "tag_content_type": "categorical"})
        self.ids["tag_key_id"] = made["tag_key_id"]
        again = {"workspace_id": self.caller.space, "tag_key_name": f"u{secrets.token_hex(4)}"}
        self.caller.call("PATCH", f"{path}/{made['tag_key_id']}", again)

    def trace(self) -> None:
        """A span of a trace that is shown."""
        ids = {"trace_id": secrets.token_hex(16), "span_id": secrets.token_hex(8)}
        span = {"workspace_id": self.caller.space, "started_at_micros": int(time.time() * 1e6), "parent_id": "0"}
        texts = {"span_name": self.text("span"), "input": self.text("span-input"), "output": self.text("span-output")}
        tags = {"tags_string": {"tag": self.text("span-tag")}}
        headers = {"authorization": f"Bearer {self.caller.token}"}
        body = {"spans": [{**ids, **span, **texts, **tags}]}
        stored = self.caller.http.post("/v1/loop/traces/ingest", json=body, headers=headers)
        assert stored.json() == {"code": 0, "msg": ""}
        path = f"/api/observability/v1/traces/{ids['trace_id']}"
        query = {"min_position": stored.headers["x-log-position"]}
        times = {"start_time": SAMPLES["start_time"], "end_time": SAMPLES["end_time"]}
        self.caller.call("GET", path, None, **query, **times, workspace_id=self.caller.space)
        self.ids |= ids

    def webhook(self) -> None:
        """A webhook that is told nothing: what it waits for does not happen in a space."""
        url = f"https://hooks.invalid/{self.text('webhook')}"
        body = {"workspace_id": self.caller.space, "url": url, "event_types": ["UserRegistered"]}
        headers = {"authorization": f"Bearer {self.caller.token}"}
        made = self.caller.http.post("/v1/platform/webhooks", json=body, headers=headers).json()
        self.ids |= {"webhook_id": made["webhook"]["webhook_id"], "delivery_id": "0" * 32}

    def secrets(self) -> list[str]:
        """What nobody else may ever be answered."""
        return [*self.canaries, CANARY, self.caller.email, PASSWORD, self.caller.token]


def detail(text: str) -> dict[str, Any]:
    """A prompt's detail."""
    messages = [{"role": "user", "content": f"{text} {{{{input}}}}"}]
    variables = [{"key": "input", "desc": "", "type": "string"}]
    return {"prompt_template": {"template_type": "normal", "messages": messages, "variable_defs": variables}}


@dataclass(frozen=True)
class Call:
    """One declared endpoint."""

    method: str
    path: str
    operation: dict[str, Any]
    schemas: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def open(self) -> bool:
        """Whether it is for everybody."""
        return not self.operation.get("security")

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET" or self.path.rpartition("/")[2] in READ_WORDS

    @property
    def asked(self) -> dict[str, Any] | None:
        """The schema of its body, None when it declares none."""
        content = self.operation.get("requestBody", {}).get("content", {})
        return content["application/json"]["schema"] if content else None

    def places(self, place: str) -> dict[str, dict[str, Any]]:
        """The parameters in ``path`` or ``query`` with their schemas."""
        return {p["name"]: p["schema"] for p in self.operation.get("parameters", ()) if p["in"] == place}

    def address(self, ids: dict[str, Any]) -> str:
        """The path with the ids in it."""
        known = {**SAMPLES, **ids}
        path = self.path
        for name in self.places("path"):
            path = path.replace(f"{{{name}}}", str(known.get(name, "1")))
        return path

    def query(self, ids: dict[str, Any]) -> dict[str, Any]:
        """What the query says of what is known."""
        known = {**SAMPLES, **ids}
        return {n: known[n] for n in self.places("query") if n in known}

    def body(self, ids: dict[str, Any]) -> dict[str, Any] | None:
        """What the body says of what is known, None when it declares none."""
        known = {**SAMPLES, **ids}
        if self.asked is None:
            return None
        body = self._filled(self.asked, known)
        return {**body, "session": known["session"]} if "session" in known else body

    def send(self, http: httpx.Client, ids: dict[str, Any]) -> httpx.Response:
        """Calls it with the ids in path, query and body wherever the declaration has a field of that name."""
        return http.request(self.method, self.address(ids), params=self.query(ids), json=self.body(ids))

    def _filled(self, schema: dict[str, Any], known: dict[str, Any], depth: int = 0) -> dict[str, Any]:
        filled: dict[str, Any] = {}
        for name, wanted in self.resolved(schema).get("properties", {}).items():
            value = self._value(name, wanted, known, depth)
            if value not in (None, {}, []):
                filled[name] = value
        return filled

    def _value(self, name: str, schema: dict[str, Any], known: dict[str, Any], depth: int) -> Any:
        if name in known:
            several = schema.get("type") == "array" and not isinstance(known[name], list)
            return [known[name]] if several else known[name]
        if schema.get("type") == "array":
            inner = self._value(name.removesuffix("s"), schema.get("items", {}), known, depth)
            return [] if inner in (None, {}) else [inner]
        if depth < 3 and "properties" in self.resolved(schema):
            return self._filled(schema, known, depth + 1)
        return None

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema itself, also where another is named."""
        name = schema.get("$ref", "").rpartition("/")[2]
        return self.schemas[name] if name else schema


SAMPLES: dict[str, Any] = {
    "page_number": 1,
    "page_num": 1,
    "page_size": 20,
    "name": "probe",
    "prompt_name": "probe",
    "tag_key_name": "probe",
    "tag_type": "tag",
    "tag_content_type": "free_text",
    "tag_values": [],
    "to_status": "inactive",
    "duration_day": "1",
    "scenario": "default",
    "with_commit": "true",
    "with_draft": "true",
    "with_commit_detail": "true",
    "include_deleted": True,
    "evaluator_type": 2,
    "evaluator_content": {
        "code_evaluator": {"language_type": "Python", "code_content": "def exec_evaluation(turn): ..."}
    },
    "turns": [{"field_data_list": [cell("input", "probe")]}],
    "fields": [{"key": "input", "name": "input", "content_type": "Text"}],
    "prompt_draft": {"draft_info": {}, "detail": detail("probe")},
    "model_id": "1",
    "keys": ["probe.jsonl"],
    "start_time": str(int(time.time() * 1000) - 86_400_000),
    "end_time": str(int(time.time() * 1000) + 86_400_000),
    "span_list_type": "all_span",
    "started_at_micros": int(time.time() * 1e6),
    "url": "https://hooks.invalid/probe",
}
"""What a request needs beside ids so that it is not refused for being empty."""


def declared(url: str) -> list[Call]:
    """Every endpoint that the platform's own documentation declares."""
    document = httpx.get(f"{url}/openapi.json").json()
    schemas = document.get("components", {}).get("schemas", {})
    return [
        Call(method.upper(), path, operation, schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def digest_of(owner: Owner, calls: list[Call]) -> tuple[str, str]:
    """Everything that the owner can read, and its digest."""
    headers = {"authorization": f"Bearer {owner.caller.token}"}
    read: list[Any] = []
    with httpx.Client(base_url=owner.caller.http.base_url, cookies=owner.caller.http.cookies, headers=headers) as http:
        for call in calls:
            if call.reads and not call.open:
                response = call.send(http, {**owner.ids, "workspace_id": owner.caller.space})
                read.append((str(call), steady(response.json())))
    text = json.dumps(read, sort_keys=True, ensure_ascii=False)
    return text, hashlib.sha256(text.encode()).hexdigest()


def steady(value: Any) -> Any:
    """The value without what may change by itself."""
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k not in VOLATILE}
    return [steady(v) for v in value] if isinstance(value, list) else value


def eventually(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    """Returns as soon as it holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        pause.wait(0.05)


@dataclass(frozen=True)
class Stranger:
    """Somebody who tries to get at the owner's things; ``space`` is their own, empty when they are nobody."""

    name: str
    http: httpx.Client
    space: str = ""


def strangers(owner: Owner, other: Caller) -> list[Stranger]:
    """Another user, and nobody in every disguise: the owner's own dead credentials among them."""
    url = str(owner.caller.http.base_url).rstrip("/")
    ended = owner.caller.cookie()
    httpx.post(f"{url}/api/foundation/v1/users/logout", cookies={"session_key": ended}, json={})
    revoked_id, revoked = owner.caller.new_token()
    owner.caller.call("DELETE", f"{TOKENS}/{revoked_id}")
    _, expired = owner.caller.new_token(duration_day=None, expire_at=str(int(time.time()) + 2))
    eventually(lambda: turned_away(url, expired))

    def client(cookie: str = "", token: str = "") -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=url, cookies={"session_key": cookie} if cookie else {}, headers=headers)

    return [
        Stranger("another user", client(other.cookie(), other.token), other.space),
        Stranger("nobody", client()),
        Stranger("whose session ended and whose token was revoked", client(ended, revoked)),
        Stranger("whose token expired", client(expired, expired)),
        Stranger("with garbage", client("garbage", "clp_garbage")),
        Stranger("with each credential in the other's place", client(owner.caller.token, owner.caller.cookie())),
    ]


def turned_away(url: str, token: str) -> bool:
    """Whether an SDK with this token is refused."""
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{url}/v1/loop/prompts/mget", json={"workspace_id": "1", "queries": []}, headers=headers)
    return answer.status_code == 401
