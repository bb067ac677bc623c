"""GSM8K as a user would run it: the questions, two models that give their published answers, an evaluator, pages.

The data is not part of the project: COZELOOP_SHARED names the folder that holds ``data/gsm8k``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from cozeloop.demo.tour import EVALUATION, Tour, detail
from tests.e2e.models import Answer, Model

SHARED = Path(os.environ.get("COZELOOP_SHARED") or Path(__file__).parents[3] / "shared")
RIGHT = {"6b_finetuning": 286, "175b_verification": 742}
"""What the authors published, of `QUESTIONS`."""
QUESTIONS = 1319
PAGE = 200
CONCURRENCY = 16
EVALUATOR = '''
import re

def number(text, before):
    """The number after the last such mark; None when there is none."""
    found = re.findall(re.escape(before) + r"\\s*(-?[0-9.,]*[0-9])", text)
    return float(found[-1].replace(",", "")) if found else None

def exec_evaluation(turn):
    wanted = number(turn["evaluate_dataset_fields"]["reference_output"]["text"], "####")
    given = number(turn["evaluate_target_output_fields"]["actual_output"]["text"], "A:")
    return EvalOutput(score=1.0 if given == wanted else 0.0, reason=f"wanted {wanted}, given {given}")
'''


@dataclass(frozen=True)
class Gsm8k:
    """The questions with their right answers, and what each model said with its authors' verdict."""

    rows: list[dict[str, str]]
    solutions: Mapping[str, Mapping[str, tuple[str, bool]]]

    @classmethod
    def read(cls) -> Gsm8k:
        """From the shared folder; where it is missing the test is skipped, and fails under CI."""
        folder = SHARED / "data" / "gsm8k"
        if not folder.is_dir():
            reason = f"{folder} is missing: COZELOOP_SHARED names the folder that holds data/gsm8k"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
        rows = [{"input": q["question"], "reference_output": q["answer"]} for q in lines(folder / "test.jsonl")]
        answered = lines(folder / "solutions.jsonl")
        solutions = {
            model: {a["question"]: (a[model]["solution"], a[model]["is_correct"]) for a in answered} for model in RIGHT
        }
        return cls(rows, solutions)

    @cached_property
    def models(self) -> dict[str, Model]:
        """The models by name: asked a question they give the published answer, anything else is refused."""
        return {name: self._model(name) for name in RIGHT}

    def verdicts(self, model: str) -> list[bool]:
        """What the authors said of each answer, in the order of the questions."""
        return [self.solutions[model][row["input"]][1] for row in self.rows]

    def _model(self, name: str) -> Model:
        known = {question: answer for question, (answer, _) in self.solutions[name].items()}

        def answer(messages: list[dict[str, Any]]) -> Answer:
            question = messages[-1]["content"]
            return (200, known[question]) if question in known else (400, "no such question")

        return answer


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Run(Tour):
    """The whole run by one user, over HTTP alone."""

    def __init__(self, url: str, data: Gsm8k, say: Callable[[str], None] = print) -> None:
        super().__init__(url, say)
        self.data = data
        self.experiments: dict[str, str] = {}
        self.scored_by = ""

    def begin(self) -> None:
        """Everything up to two experiments under way, one per model."""
        self.register()
        prompts = {name: self.model_prompt(name, str(number)) for number, name in enumerate(RIGHT, 1)}
        set_id, version_id = self.questions()
        self.scored_by = self.code_evaluator("same-number", EVALUATOR)
        for name, prompt_id in prompts.items():
            parts = (set_id, version_id, self.scored_by, (prompt_id, "1.0.0"))
            self.experiments[name] = self.submit(f"gsm8k-{name}", *parts, concurrency=CONCURRENCY)

    def model_prompt(self, name: str, model_id: str) -> str:
        """A prompt that asks this model; its version is 1.0.0."""
        body = {"workspace_id": self.space, "prompt_key": f"gsm8k_{name}", "prompt_name": name}
        prompt_id: str = self.call("POST", "/api/prompt/v1/prompts", body)["prompt_id"]
        draft = {"draft_info": {}, "detail": detail("Solve the problem. End with `A: ` and the number.", model_id)}
        self.call("POST", f"/api/prompt/v1/prompts/{prompt_id}/drafts/save", {"prompt_draft": draft})
        self.call("POST", f"/api/prompt/v1/prompts/{prompt_id}/drafts/commit", {"commit_version": "1.0.0"})
        return prompt_id

    def questions(self) -> tuple[str, str]:
        """An evaluation set of the questions; set and version id."""
        fields = [{"name": name, "content_type": "Text", "isRequired": True} for name in self.data.rows[0]]
        schema = {"field_schemas": fields}
        body = {"workspace_id": self.space, "name": "gsm8k", "evaluation_set_schema": schema}
        set_id: str = self.call("POST", f"{EVALUATION}/evaluation_sets", body)["evaluation_set_id"]
        self.add_items(set_id, self.data.rows)
        version = {"workspace_id": self.space, "version": "1.0.0"}
        created = self.call("POST", f"{EVALUATION}/evaluation_sets/{set_id}/versions", version)
        return set_id, created["id"]

    def shown(self) -> list[dict[str, Any]]:
        """The experiments as they stand."""
        body = {"workspace_id": self.space, "expt_ids": list(self.experiments.values())}
        experiments: list[dict[str, Any]] = self.call("POST", f"{EVALUATION}/experiments/batch_get", body)[
            "experiments"
        ]
        return experiments

    def sums(self) -> dict[str, float]:
        """How many answers of each model the evaluator found right."""
        return {name: self.score(experiment)[2] for name, experiment in self.experiments.items()}

    def item_scores(self, model: str) -> list[float]:
        """Each item's score, in the order of the set."""
        found: list[float] = []
        for page in range(1, -(-QUESTIONS // PAGE) + 1):
            for item in self.results([self.experiments[model]], page, PAGE)["item_results"]:
                payload = item["turn_results"][0]["experiment_results"][0]["payload"]
                record = payload["evaluator_output"]["evaluator_records"][self.scored_by]
                found.append(record["evaluator_output_data"]["evaluator_result"]["score"])
        return found

    def bodies(self) -> list[bytes]:
        """Everything shown of the experiments, byte for byte: each page of each and of both, aggregates, themselves."""
        ids = list(self.experiments.values())
        found = []
        for chosen in ([ids[0]], [ids[1]], ids):
            body: dict[str, Any] = {"experiment_ids": chosen, "baseline_experiment_id": chosen[0]}
            for page in range(1, -(-QUESTIONS // PAGE) + 1):
                query = {"workspace_id": self.space, "page_number": page, "page_size": PAGE}
                found.append(self.raw(f"{EVALUATION}/experiments/results/batch_get", body, query))
            path = f"{EVALUATION}/experiments/aggr_results/batch_get"
            found.append(self.raw(path, body, {"workspace_id": self.space}))
        body = {"workspace_id": self.space, "expt_ids": ids}
        found.append(self.raw(f"{EVALUATION}/experiments/batch_get", body, {}))
        return found

    def raw(self, path: str, body: Any, query: dict[str, Any]) -> bytes:
        """An answer's bytes."""
        return self.http.post(path, json=body, params=query).raise_for_status().content
