"""What an experiment needs, made in a line each, and what came of it, item by item."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from cozeloop.demo.tour import EVALUATION, Tour, detail

EXPERIMENTS = f"{EVALUATION}/experiments"
SETS = f"{EVALUATION}/evaluation_sets"
PROMPTS = "/api/prompt/v1/prompts"
ECHO, BROKEN, GATE, MOODY = "1", "2", "3", "4"
"""Ids of the models of the platform that tests share."""
QUEUEING, DONE, FAILED, UNDER_WAY, TERMINAL = 0, 1, 2, 3, 4
"""States of a turn."""
EXACT = """
def exec_evaluation(turn):
    wanted = turn["evaluate_dataset_fields"]["reference_output"]["text"]
    given = turn["evaluate_target_output_fields"]["actual_output"]["text"]
    return EvalOutput(score=1.0 if wanted == given else 0.0, reason=f"{wanted} / {given}")
"""
NUMBER = """
def exec_evaluation(turn):
    text = turn["evaluate_dataset_fields"]["input"]["text"]
    return EvalOutput(score=float(text), reason="as the row says")
"""


@dataclass(frozen=True)
class Item:
    """One item's result in one experiment."""

    id: str
    index: str
    state: int
    text: str
    output: str | None
    scores: list[float | None]
    errors: list[str]
    payload: dict[str, Any]


class Laboratory(Tour):
    """Somebody who experiments. Names are numbered, so that none is taken."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._numbers = itertools.count(1)
        self.register()

    def name(self, of: str) -> str:
        """A new one."""
        return f"{of}-{next(self._numbers)}"

    def rows(self, texts: Sequence[str]) -> tuple[str, str]:
        """A set with a version of rows that are asked ``input`` and expect the same; set and version id."""
        fields = [{"name": name, "content_type": "Text"} for name in ("input", "reference_output")]
        schema = {"field_schemas": fields}
        body = {"workspace_id": self.space, "name": self.name("set"), "evaluation_set_schema": schema}
        set_id = str(self.call("POST", SETS, body)["evaluation_set_id"])
        self.add_items(set_id, [{"input": t, "reference_output": t} for t in texts])
        return set_id, self.version(set_id, "1.0.0")

    def version(self, set_id: str, version: str) -> str:
        """A further version of a set; its id."""
        body = {"workspace_id": self.space, "version": version}
        return str(self.call("POST", f"{SETS}/{set_id}/versions", body)["id"])

    def prompt(self, model_id: str = ECHO) -> tuple[str, str]:
        """A committed prompt that asks a model the row's input; id and version."""
        key = self.name("prompt")
        body = {"workspace_id": self.space, "prompt_key": key, "prompt_name": key}
        prompt_id = str(self.call("POST", PROMPTS, body)["prompt_id"])
        draft = {"draft_info": {}, "detail": detail("Say it again.", model_id)}
        self.call("POST", f"{PROMPTS}/{prompt_id}/drafts/save", {"prompt_draft": draft})
        self.call("POST", f"{PROMPTS}/{prompt_id}/drafts/commit", {"commit_version": "1.0.0"})
        return prompt_id, "1.0.0"

    def evaluator(self, source: str = EXACT) -> str:
        """A code evaluator; the id of its version."""
        return self.code_evaluator(self.name("evaluator"), source)

    def judge(self, content: dict[str, Any]) -> str:
        """A prompt evaluator of this content; the id of its version."""
        return self.evaluator_version(self.name("judge"), 1, content)

    def asked(
        self, parts: tuple[str, str], evaluators: Sequence[str], prompt: tuple[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        """The body of a submission."""
        body: dict[str, Any] = {
            "workspace_id": self.space,
            "name": self.name("experiment"),
            "eval_set_id": parts[0],
            "eval_set_version_id": parts[1],
            "evaluator_version_ids": list(evaluators),
        }
        if prompt:
            target = {"eval_target_type": 2, "source_target_id": prompt[0], "source_target_version": prompt[1]}
            body["create_eval_target_param"] = target
        return {**body, **more}

    def start(self, body: dict[str, Any]) -> str:
        """Submits; the experiment's id."""
        return str(self.call("POST", f"{EXPERIMENTS}/submit", body)["experiment"]["id"])

    def run(self, body: dict[str, Any]) -> str:
        """Submits and waits until it is over; the experiment's id."""
        experiment = self.start(body)
        list(self.watch(experiment, every=0.02))
        return experiment

    def retry(self, experiment: str, mode: int = 0, items: Sequence[str] = ()) -> str:
        """Asks for a further run; its id."""
        body = {"workspace_id": self.space, "retry_mode": mode, "item_ids": list(items)}
        return str(self.call("POST", f"{EXPERIMENTS}/{experiment}/retry", body)["run_id"])

    def until_over(self, experiment: str) -> int:
        """Waits until the experiment is over; its final status."""
        return [p.status for p in self.watch(experiment, every=0.02)][-1]

    def shown(self, experiment: str) -> dict[str, Any]:
        """The experiment as it stands."""
        body = {"workspace_id": self.space, "expt_ids": [experiment]}
        [found] = self.call("POST", f"{EXPERIMENTS}/batch_get", body)["experiments"]
        return dict(found)

    def items(self, experiment: str, page: int = 1, size: int = 100) -> list[Item]:
        """A page of results."""
        return [_item(shown) for shown in self.results([experiment], page, size)["item_results"]]

    def post(self, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """An answer, whatever it is; the workspace is in it."""
        return self.http.post(path, json={"workspace_id": self.space, **(body or {})}, params=query or None)

    def code(self, path: str, body: Any = None) -> int:
        """The code of an answer."""
        return int(self.post(path, body).json()["code"])


def _item(shown: dict[str, Any]) -> Item:
    payload = shown["turn_results"][0]["experiment_results"][0]["payload"]
    cells = payload["eval_set"]["turn"]["field_data_list"]
    target = payload.get("target_output", {}).get("eval_target_record", {}).get("eval_target_output_data", {})
    records = [r["evaluator_output_data"] for r in payload["evaluator_output"]["evaluator_records"].values()]
    errors = [o["message"] for o in [target.get("eval_target_run_error"), *map(_error, records)] if o]
    return Item(
        id=shown["item_id"],
        index=shown["item_index"],
        state=payload["system_info"]["turn_run_state"],
        text=cells[0]["content"]["text"] if cells else "",
        output=target.get("output_fields", {}).get("actual_output", {}).get("text"),
        scores=[r.get("evaluator_result", {}).get("score") for r in records],
        errors=errors,
        payload=payload,
    )


def _error(record: dict[str, Any]) -> Any:
    return record.get("evaluator_run_error")
