"""Somebody with one object of each kind, a canary in every text, and all that they can read."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from cozeloop.demo.tour import EVALUATION
from tests.e2e.callers import CANARY, PASSWORD, PROMPTS, Caller, canary, detail
from tests.e2e.endpoints import SAMPLES, Call
from tests.e2e.processes import eventually

EVALUATOR = "def exec_evaluation(turn):\n    # {canary}\n    return EvalOutput(score=1.0, reason='{canary}')\n"
VOLATILE = {"last_used_at", "log_position", "position", "lag"}
"""Fields of the owner's reads that may change without anybody's doing."""


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
