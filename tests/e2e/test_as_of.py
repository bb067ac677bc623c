"""R9: 200 answers recorded along a random history of 2,000 commands are given again, byte for byte, from the log."""

from __future__ import annotations

import os
import random
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from cozeloop.demo.tour import FINAL, detail
from tests.e2e.laboratory import ECHO, EVALUATION, EXACT, EXPERIMENTS, GATE, NUMBER, PROMPTS, SETS, Laboratory
from tests.e2e.models import Gate
from tests.e2e.processes import eventually

COMMANDS, ANSWERS = 2_000, 200
EVALUATORS = f"{EVALUATION}/evaluators"
AS_OF = "/v1/platform/as-of"


@dataclass(frozen=True)
class Recorded:
    """What the live platform answered while the log ended at ``position``."""

    position: str
    method: str
    path: str
    body: dict[str, Any] | None
    answer: bytes


@dataclass
class History:
    """Somebody who does anything at random and writes down what they see. Objects stay known when they are deleted."""

    lab: Laboratory
    chance: random.Random
    commands: int = 0
    prompts: list[str] = field(default_factory=list)
    sets: list[str] = field(default_factory=list)
    versions: list[tuple[str, str]] = field(default_factory=list)
    evaluators: list[str] = field(default_factory=list)
    evaluator_versions: list[str] = field(default_factory=list)
    committed: list[tuple[str, str]] = field(default_factory=list)
    experiments: list[str] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)

    def begin(self) -> None:
        """One of each."""
        for _ in range(3):
            self.create_prompt()
            self.create_set()
            self.add_items()
            self.create_version()
        for source in (EXACT, NUMBER):
            self.create_evaluator(source)
        for _ in range(3):
            self.commit()

    def step(self) -> None:
        """One command of any kind, or a few that belong together."""
        steps = (
            (self.create_prompt, 2),
            (self.rename_prompt, 6),
            (self.commit, 8),
            (self.create_set, 2),
            (self.rename_set, 4),
            (self.add_items, 10),
            (self.change_item, 8),
            (self.remove_items, 4),
            (self.create_version, 4),
            (self.create_evaluator, 1),
            (self.submit_evaluator, 4),
            (self.rename_evaluator, 4),
            (self.delete, 2),
            (self.submit, 2),
            (self.kill, 1),
            (self.retry, 2),
        )
        self.chance.choices([s for s, _ in steps], [w for _, w in steps])[0]()

    def record(self) -> None:
        """A read whose answer is that of one position: the log did not move meanwhile."""
        method, path, body = self.chance.choice(
            (self.read_prompt, self.read_set, self.read_items, self.read_version, self.read_evaluator, self.read_expt)
        )()
        while True:
            before = self.end()
            response = self.send(method, path, body, {"X-Min-Position": before})
            if self.end() == before and "x-read-lag" not in response.headers:
                break
        self.recorded.append(Recorded(before.removeprefix("events:"), method, path, body, response.content))

    def again(self, was: Recorded) -> bytes:
        """The same question as of its position, asked with the token of an SDK."""
        headers = {"authorization": f"Bearer {self.lab.token}"}
        joined = "&" if "?" in was.path else "?"
        path = f"{AS_OF}{was.path}{joined}position={was.position}"
        return self.send(was.method, path, was.body, headers).content

    def wind_up(self, gate: Gate) -> None:
        """Every experiment ends, so that no model waits for a later test."""
        for experiment in self.experiments:
            self.do("POST", f"{EXPERIMENTS}/{experiment}/kill")

        def over() -> bool:
            gate.let(gate.waiting)
            body = {"workspace_id": self.lab.space, "expt_ids": self.experiments[-200:]}
            shown = self.send("POST", f"{EXPERIMENTS}/batch_get", body).json()["experiments"]
            return not gate.waiting and all(each["status"] in FINAL for each in shown)

        eventually(over)

    def send(self, method: str, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.lab.http.request(method, path, json=body, headers=headers)

    def end(self) -> str:
        return str(self.lab.http.get("/v1/platform/health").json()["log_position"])

    # --- commands ---

    def do(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """A command; what a rule refuses (somebody deleted it) is no command."""
        answer: dict[str, Any] = self.send(method, path, {"workspace_id": self.lab.space, **body}).json()
        self.commands += answer["code"] == 0
        return answer

    def create_prompt(self) -> None:
        key = self.lab.name("key")
        made = self.do("POST", PROMPTS, prompt_key=key, prompt_name=key, prompt_description=self.text())
        self.prompts.append(made["prompt_id"])

    def rename_prompt(self) -> None:
        self.do("PUT", f"{PROMPTS}/{self.any(self.prompts)}", prompt_name=self.text(), prompt_description=self.text())

    def commit(self) -> None:
        prompt, version = self.any(self.prompts), f"{self.commands}.0.0"
        draft = {"draft_info": {}, "detail": detail(self.text(), self.chance.choice((ECHO, ECHO, GATE)))}
        if self.send("POST", f"{PROMPTS}/{prompt}/drafts/save", {"prompt_draft": draft}).json()["code"] == 0:
            self.do("POST", f"{PROMPTS}/{prompt}/drafts/commit", commit_version=version)
            self.committed.append((prompt, version))

    def create_set(self) -> None:
        fields = [{"name": name, "content_type": "Text"} for name in ("input", "reference_output")]
        made = self.do("POST", SETS, name=self.lab.name("set"), evaluation_set_schema={"field_schemas": fields})
        self.sets.append(made["evaluation_set_id"])

    def rename_set(self) -> None:
        self.do("PATCH", f"{SETS}/{self.any(self.sets)}", name=self.lab.name("set"), description=self.text())

    def add_items(self) -> None:
        items = [{"turns": self.turns()} for _ in range(self.chance.randint(1, 4))]
        self.do("POST", f"{SETS}/{self.any(self.sets)}/items/batch_create", items=items)

    def change_item(self) -> None:
        set_id = self.any(self.sets)
        if item := self.item_of(set_id):
            self.do("PUT", f"{SETS}/{set_id}/items/{item}", turns=self.turns())

    def remove_items(self) -> None:
        set_id = self.any(self.sets)
        if item := self.item_of(set_id):
            self.do("POST", f"{SETS}/{set_id}/items/batch_delete", item_ids=[item])

    def create_version(self) -> None:
        set_id = self.any(self.sets)
        made = self.do("POST", f"{SETS}/{set_id}/versions", version=f"{self.commands}.0.0", desc=self.text())
        if made["code"] == 0:
            self.versions.append((set_id, made["id"]))

    def create_evaluator(self, source: str = NUMBER) -> None:
        version_id = self.lab.evaluator(source)
        self.commands += 1
        shown = self.send("GET", f"{EVALUATORS}_versions/{version_id}", None).json()["evaluator"]
        self.evaluators.append(shown["evaluator_id"])
        self.evaluator_versions.append(version_id)

    def submit_evaluator(self) -> None:
        evaluator = f"{EVALUATORS}/{self.any(self.evaluators)}"
        content = {"code_evaluator": {"language_type": "Python", "code_content": f"{NUMBER}# {self.text()}\n"}}
        draft = {"workspace_id": self.lab.space, "evaluator_type": 2, "evaluator_content": content}
        if self.send("PATCH", f"{evaluator}/update_draft", draft).json()["code"] == 0:
            made = self.do("POST", f"{evaluator}/submit_version", version=f"{self.commands}.0.0")
            assert made["code"] == 0

    def rename_evaluator(self) -> None:
        self.do("PATCH", f"{EVALUATORS}/{self.any(self.evaluators)}", name=self.lab.name("e"), description=self.text())

    def delete(self) -> None:
        kind = self.chance.choice((f"{PROMPTS}/{self.any(self.prompts)}", f"{SETS}/{self.any(self.sets)}"))
        if self.experiments and self.chance.random() < 0.3:
            kind = f"{EXPERIMENTS}/{self.any(self.experiments)}"
        self.send("DELETE", kind, {"workspace_id": self.lab.space})
        self.commands += 1

    def submit(self) -> None:
        if not (self.versions and self.committed):
            return
        evaluators = self.chance.sample(self.evaluator_versions, k=min(2, len(self.evaluator_versions)))
        prompt = self.any(self.committed) if self.chance.random() < 0.7 else None
        made = self.do("POST", f"{EXPERIMENTS}/submit", **self.lab.asked(self.any(self.versions), evaluators, prompt))
        if made["code"] == 0:
            self.experiments.append(made["experiment"]["id"])

    def kill(self) -> None:
        if self.experiments:
            self.do("POST", f"{EXPERIMENTS}/{self.any(self.experiments)}/kill")

    def retry(self) -> None:
        if self.experiments:
            path = f"{EXPERIMENTS}/{self.any(self.experiments)}/retry"
            self.do("POST", path, retry_mode=self.chance.choice((1, 2)))

    # --- reads ---

    def read_prompt(self) -> tuple[str, str, Any]:
        prompt = self.any(self.prompts)
        if self.chance.random() < 0.5:
            return "GET", f"{PROMPTS}/{prompt}?workspace_id={self.lab.space}&with_commit=true", None
        return "POST", f"{PROMPTS}/{prompt}/commits/list", {"page_size": 5, "with_commit_detail": True}

    def read_set(self) -> tuple[str, str, Any]:
        set_id = self.any(self.sets)
        if self.chance.random() < 0.5:
            return "GET", f"{SETS}/{set_id}?workspace_id={self.lab.space}", None
        return "POST", f"{SETS}/{set_id}/versions/list", self.page()

    def read_items(self) -> tuple[str, str, Any]:
        return "POST", f"{SETS}/{self.any(self.sets)}/items/list", self.page()

    def read_version(self) -> tuple[str, str, Any]:
        set_id, version = self.any(self.versions)
        if self.chance.random() < 0.5:
            return "GET", f"{SETS}/{set_id}/versions/{version}?workspace_id={self.lab.space}", None
        return "POST", f"{SETS}/{set_id}/items/list", {**self.page(), "version_id": version}

    def read_evaluator(self) -> tuple[str, str, Any]:
        if self.chance.random() < 0.5:
            version = self.any(self.evaluator_versions)
            return "GET", f"{EVALUATORS}_versions/{version}?workspace_id={self.lab.space}", None
        return "POST", f"{EVALUATORS}/{self.any(self.evaluators)}/versions/list", self.page()

    def read_expt(self) -> tuple[str, str, Any]:
        if not self.experiments:
            return self.read_prompt()
        experiment = self.any(self.experiments)
        path = self.chance.choice(("batch_get", "results/batch_get", "aggr_results/batch_get"))
        name = "expt_ids" if path == "batch_get" else "experiment_ids"
        return "POST", f"{EXPERIMENTS}/{path}", {**self.page(), name: [experiment]}

    def page(self) -> dict[str, Any]:
        return {"workspace_id": self.lab.space, "page_number": self.chance.choice((1, 1, 2)), "page_size": 5}

    def item_of(self, set_id: str) -> str:
        found = self.send("POST", f"{SETS}/{set_id}/items/list", self.page()).json().get("items")
        return str(self.chance.choice(found)["item_id"]) if found else ""

    def turns(self) -> list[dict[str, Any]]:
        number = str(self.chance.randint(0, 9))
        cells = [
            {"name": name, "content": {"content_type": "Text", "text": number}}
            for name in ("input", "reference_output")
        ]
        return [{"field_data_list": cells}]

    def text(self) -> str:
        return f"text {self.chance.randint(0, 1 << 30)} ü😀"

    def any(self, of: list[Any]) -> Any:
        """Rather a recent one."""
        return self.chance.choice(of[-8:]) if self.chance.random() < 0.7 else self.chance.choice(of)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_answer_of_a_long_history_is_given_again_byte_for_byte(platform_url: str, gate: Gate) -> None:
    seed = int(os.environ.get("COZELOOP_SEED") or secrets.randbelow(1 << 32))
    print(f"COZELOOP_SEED={seed}")
    history = History(Laboratory(platform_url), random.Random(seed))
    history.begin()
    while history.commands < COMMANDS:
        history.step()
        if gate.waiting and history.chance.random() < 0.2:
            gate.let(1)
        if history.commands * ANSWERS >= len(history.recorded) * COMMANDS:
            history.record()
    history.wind_up(gate)
    assert len(history.recorded) >= ANSWERS
    different = [r for r in history.recorded if history.again(r) != r.answer]
    assert not different, different[0]
    shown = {b'"code":0' in r.answer for r in history.recorded}
    assert shown == {True, False}, "some were of what did not exist any more"
