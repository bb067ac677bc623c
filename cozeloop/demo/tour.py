"""The demo's tour over HTTP alone: a prompt in two versions, a set, two evaluators, an experiment of each version."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from cozeloop.demo.story import STRICT, TICKET, VAGUE, evaluator, judge, tickets

VERSIONS = ("0.0.1", "0.0.2")
FINAL = {11, 12, 13, 14}
EVALUATION = "/api/evaluation/v1"


class TourFailed(Exception):
    """The platform refused a step; the text says which and why."""


@dataclass(frozen=True)
class Progress:
    """How far an experiment is: items with an outcome, and how many there are."""

    done: int
    total: int
    status: int


class Tour:
    """One walk through the platform. Steps are called in their order; each returns what the next needs."""

    def __init__(self, url: str, say: Callable[[str], None] = lambda _: None) -> None:
        self.http = httpx.Client(base_url=url, timeout=60)
        self.say = say
        self.email = f"demo-{secrets.token_hex(3)}@example.com"
        self.password = secrets.token_urlsafe(12)
        self.space = ""
        self.token = ""

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """One call; raises TourFailed unless the answer's code is 0."""
        response = self.http.request(method, path, json=body, params=query or None)
        answer: dict[str, Any] = response.json()
        if answer.get("code") != 0:
            raise TourFailed(f"{method} {path}: {answer.get('code')} {answer.get('msg')}")
        return answer

    def register(self) -> None:
        """A user with a space of their own and a token for the SDK."""
        self.call("POST", "/api/foundation/v1/users/register", {"email": self.email, "password": self.password})
        spaces = self.call("POST", "/api/foundation/v1/spaces/list", {"page_number": 1, "page_size": 10})
        self.space = spaces["spaces"][0]["id"]
        tokens = "/api/auth/v1/personal_access_tokens"
        self.token = self.call("POST", tokens, {"name": "demo", "duration_day": "1"})["token"]
        self.say(f"registered {self.email} with the space {self.space}")

    def first_model(self, scenario: str = "eval_target") -> str:
        """The id of the first model that may be an experiment's target, or serve another scenario."""
        body = {"workspace_id": self.space, "scenario": scenario, "page_size": 10, "page_token": "0"}
        models = self.call("POST", "/api/llm/v1/models/list", body)["models"]
        if not models:
            raise TourFailed("no model is configured for this space: see docs/how-to/configure-models.md")
        return str(models[0]["model_id"])

    def prompt(self, model_id: str) -> str:
        """A prompt with two committed versions."""
        body = {"workspace_id": self.space, "prompt_key": "ticket_triage", "prompt_name": "Ticket-triage"}
        prompt_id: str = self.call("POST", "/api/prompt/v1/prompts", body)["prompt_id"]
        for version, instruction in zip(VERSIONS, (VAGUE, STRICT), strict=True):
            draft = {"draft_info": {}, "detail": detail(instruction, model_id)}
            self.call("POST", f"/api/prompt/v1/prompts/{prompt_id}/drafts/save", {"prompt_draft": draft})
            commit = {"commit_version": version, "commit_description": instruction.splitlines()[0][:80]}
            self.call("POST", f"/api/prompt/v1/prompts/{prompt_id}/drafts/commit", commit)
            self.say(f"committed ticket_triage {version}: {instruction.splitlines()[0]}")
        return prompt_id

    def dataset(self) -> tuple[str, str]:
        """An evaluation set of the tickets with its first version; set and version id."""
        fields = [
            {"name": name, "content_type": "Text", "default_display_format": 1, "description": "", "isRequired": True}
            for name in ("input", "reference_output")
        ]
        body = {
            "workspace_id": self.space,
            "name": "support-tickets",
            "description": "Tickets of an online shop, each with the team that should handle it.",
            "evaluation_set_schema": {"field_schemas": fields},
        }
        set_id: str = self.call("POST", f"{EVALUATION}/evaluation_sets", body)["evaluation_set_id"]
        rows = tickets()
        self.add_items(set_id, rows)
        version = {"workspace_id": self.space, "version": "0.0.1"}
        created = self.call("POST", f"{EVALUATION}/evaluation_sets/{set_id}/versions", version)
        self.say(f"filled the evaluation set support-tickets with {len(rows)} rows, version 0.0.1")
        return set_id, created["id"]

    def add_items(self, set_id: str, rows: Sequence[dict[str, str]], batch: int = 100) -> None:
        """Rows of column -> text, a hundred a request."""
        for first in range(0, len(rows), batch):
            items = [
                {"turns": [{"field_data_list": [cell(k, v) for k, v in r.items()]}]}
                for r in rows[first : first + batch]
            ]
            body = {"workspace_id": self.space, "items": items, "skip_invalid_items": False, "allow_partial_add": False}
            self.call("POST", f"{EVALUATION}/evaluation_sets/{set_id}/items/batch_create", body)

    def code_evaluator(self, name: str, source: str) -> str:
        """A code evaluator; the id of its first version."""
        return self.evaluator_version(name, 2, {"code_evaluator": {"language_type": "Python", "code_content": source}})

    def evaluator_version(self, name: str, kind: int, content: dict[str, Any]) -> str:
        """An evaluator of the contract's type ``kind`` (1 prompt, 2 code); the id of its first version."""
        body = {
            "evaluator": {
                "workspace_id": self.space,
                "name": name,
                "evaluator_type": kind,
                "current_version": {"version": "0.0.1", "evaluator_content": content},
            },
            "cid": secrets.token_hex(8),
        }
        evaluator_id = self.call("POST", f"{EVALUATION}/evaluators", body)["evaluator_id"]
        versions = self.call(
            "POST",
            f"{EVALUATION}/evaluators/{evaluator_id}/versions/list",
            {"workspace_id": self.space, "page_number": 1, "page_size": 10},
        )
        return str(versions["evaluator_versions"][0]["id"])

    def submit(
        self,
        name: str,
        set_id: str,
        version_id: str,
        evaluators: str | Sequence[str],
        prompt: tuple[str, str] | None,
        concurrency: int,
    ) -> str:
        """An experiment over the set with the evaluators' versions; its id."""
        body: dict[str, Any] = {
            "workspace_id": self.space,
            "name": name,
            "eval_set_id": set_id,
            "eval_set_version_id": version_id,
            "evaluator_version_ids": [evaluators] if isinstance(evaluators, str) else list(evaluators),
            "item_concur_num": concurrency,
        }
        if prompt:
            body["create_eval_target_param"] = {
                "eval_target_type": 2,
                "source_target_id": prompt[0],
                "source_target_version": prompt[1],
            }
            body["target_field_mapping"] = {"from_eval_set": [{"field_name": "input", "from_field_name": "input"}]}
        return str(self.call("POST", f"{EVALUATION}/experiments/submit", body)["experiment"]["id"])

    def watch(self, experiment_id: str, every: float = 0.1) -> Iterator[Progress]:
        """Progress until the experiment is over."""
        while True:
            body = {"workspace_id": self.space, "expt_ids": [experiment_id]}
            shown = self.call("POST", f"{EVALUATION}/experiments/batch_get", body)["experiments"][0]
            stats = shown["expt_stats"]
            done = stats["success_turn_cnt"] + stats["fail_turn_cnt"] + stats["terminated_turn_cnt"]
            yield Progress(done, int(shown["total_item_count"]), shown["status"])
            if shown["status"] in FINAL:
                return
            time.sleep(every)

    def score(self, experiment_id: str) -> dict[int, float]:
        """Aggregator type -> value of the first evaluator (1 average, 2 sum, 3 largest, 4 smallest)."""
        return next(iter(self.scores(experiment_id).values()))

    def scores(self, experiment_id: str) -> dict[str, dict[int, float]]:
        """Evaluator version id -> aggregator type -> value; without values where no item has a score."""
        answer = self.call(
            "POST",
            f"{EVALUATION}/experiments/aggr_results/batch_get",
            {"experiment_ids": [experiment_id]},
            workspace_id=self.space,
        )
        found = answer["expt_aggregate_result"][0]["evaluator_results"]
        return {
            version_id: {
                a["aggregator_type"]: a["data"]["value"]
                for a in results["aggregator_results"]
                if a["aggregator_type"] < 5
            }
            for version_id, results in found.items()
        }

    def results(self, experiment_ids: Sequence[str], page: int = 1, size: int = 100) -> dict[str, Any]:
        """A result page over several experiments."""
        return self.call(
            "POST",
            f"{EVALUATION}/experiments/results/batch_get",
            {"experiment_ids": list(experiment_ids), "baseline_experiment_id": experiment_ids[0]},
            workspace_id=self.space,
            page_number=page,
            page_size=size,
        )

    def triage_evaluator(self) -> str:
        """The demo's evaluator; the id of its version."""
        version_id = self.code_evaluator("exact-team", evaluator())
        self.say("created the code evaluator exact-team: the answer must be the team's label, letter for letter")
        return version_id

    def triage_judge(self) -> str:
        """The demo's judge; the id of its version."""
        version_id = self.evaluator_version("right-team", 1, judge(self.first_model("evaluator")))
        self.say("created the judge right-team: a model is asked whether the ticket would reach the right team")
        return version_id


def detail(instruction: str, model_id: str) -> dict[str, Any]:
    """A prompt's detail: an instruction and the ticket."""
    return {
        "prompt_template": {
            "template_type": "normal",
            "messages": [{"role": "system", "content": instruction}, {"role": "user", "content": TICKET}],
            "variable_defs": [{"key": "input", "desc": "the ticket", "type": "string"}],
        },
        "model_config": {"model_id": model_id, "temperature": 0.0},
    }


def cell(name: str, text: str) -> dict[str, Any]:
    """A cell of an item."""
    return {"key": name, "name": name, "content": {"content_type": "Text", "format": 1, "text": text}}
