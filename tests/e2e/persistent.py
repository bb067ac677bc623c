"""People who go on whatever happens: each write has a key and is sent until it is answered; what was answered is kept.

person = Persistent(platform.url, "ada", seed=1)
person.start()              # works in a thread of its own until `finish`
...                         # kill what is to be killed
person.finish()
person.check()              # all that was acknowledged is there, once
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from cozeloop.demo.tour import detail
from tests.e2e.laboratory import DONE, EXACT, PROMPTS, SETS, Item, Laboratory

LONGEST_SECONDS = 120
NOT_NOW = (701, 703)
"""The last digits of codes that promise nothing: the same key tells afterwards what happened."""
SUCCESS = 11


@dataclass
class Acknowledged:
    """What was answered with success: prompts with their versions, sets with their rows, experiments with theirs."""

    prompts: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    sets: dict[str, list[str]] = field(default_factory=dict)
    experiments: dict[str, list[str]] = field(default_factory=dict)


class Persistent(Laboratory):
    """Somebody who never gives up. ``answered`` counts writes that were acknowledged."""

    def __init__(self, url: str, called: str, seed: int) -> None:
        self.called = called
        self.answered = 0
        self.kept = Acknowledged()
        self._random = random.Random(seed)
        self._keys = 0
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=called, daemon=True)
        super().__init__(url)
        self._evaluator = self.evaluator(EXACT)
        self._target = self.prompt()

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """An answer of success; the same request with the same key until then."""
        self._keys += 1
        headers = {"Idempotency-Key": f"{self.called}-{self._keys}"} if method != "GET" else {}
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            try:
                response = self.http.request(method, path, json=body, params=query or None, headers=headers)
                answer: dict[str, Any] = response.json()
            except httpx.TransportError:
                answer = {"code": NOT_NOW[0]}
            if answer["code"] == 0:
                self.answered += 1
                return answer
            assert answer["code"] % 1000 in NOT_NOW, (path, answer)
            assert time.monotonic() < deadline, (path, answer)
            self._over.wait(0.02)

    def start(self, body: dict[str, Any] | None = None) -> str:
        """Begins to work; with a body, submits an experiment."""
        if body is not None:
            return super().start(body)
        self._thread.start()
        return ""

    def finish(self) -> None:
        """Ends after what is under way; raises what went wrong."""
        self._over.set()
        self._thread.join(LONGEST_SECONDS * 2)
        assert not self._thread.is_alive(), f"{self.called} waits for an answer"
        self.alive()

    def alive(self) -> None:
        """Raises what ended the work."""
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        steps = [self._new_prompt, self._new_version, self._new_version, self._more_rows, self._experiment]
        try:
            while not self._over.is_set():
                self._random.choice(steps)()
        except BaseException as error:
            self._error = error

    def _new_prompt(self) -> None:
        key = self.name(f"{self.called}-kept")
        body = {"workspace_id": self.space, "prompt_key": key, "prompt_name": key}
        self.kept.prompts[self.call("POST", PROMPTS, body)["prompt_id"]] = (key, [])

    def _new_version(self) -> None:
        if not self.kept.prompts:
            return
        prompt_id = self._random.choice(list(self.kept.prompts))
        versions = self.kept.prompts[prompt_id][1]
        version = f"0.0.{len(versions) + 1}"
        draft = {"draft_info": {}, "detail": detail(f"Say it again, as in {version}.", "1")}
        self.call("POST", f"{PROMPTS}/{prompt_id}/drafts/save", {"prompt_draft": draft})
        self.call("POST", f"{PROMPTS}/{prompt_id}/drafts/commit", {"commit_version": version})
        versions.append(version)

    def _more_rows(self) -> None:
        texts = self._texts()
        if not self.kept.sets or self._random.random() < 0.3:
            self.kept.sets[self.rows(texts)[0]] = texts
            return
        set_id = self._random.choice(list(self.kept.sets))
        self.add_items(set_id, [{"input": t, "reference_output": t} for t in texts])
        self.kept.sets[set_id] += texts

    def _experiment(self) -> None:
        texts = self._texts()
        parts = self.rows(texts)
        self.kept.sets[parts[0]] = list(texts)
        self.kept.experiments[self.start(self.asked(parts, [self._evaluator], self._target))] = texts

    def _texts(self) -> list[str]:
        return [self.name("row") for _ in range(self._random.randint(1, 12))]

    def check(self) -> None:
        """Everything acknowledged is there, once, and nothing else."""
        self._check_prompts()
        for set_id, texts in self.kept.sets.items():
            assert Counter(self._rows_of(set_id)) == Counter(texts), (self.called, set_id)
        for experiment, texts in self.kept.experiments.items():
            self._check_experiment(experiment, texts)

    def _check_prompts(self) -> None:
        body = {"workspace_id": self.space, "page_num": 1, "page_size": 100}
        shown: list[dict[str, Any]] = []
        while page := self.call("POST", f"{PROMPTS}/list", body).get("prompts"):
            shown += page
            body["page_num"] += 1
        there = Counter(p["prompt_key"] for p in shown)
        mine = {key for key, _ in self.kept.prompts.values()}
        assert {k: n for k, n in there.items() if "-kept-" in k} == dict.fromkeys(mine, 1), self.called
        for prompt_id, (key, versions) in self.kept.prompts.items():
            found = self.call("POST", f"{PROMPTS}/{prompt_id}/commits/list", {"page_size": 100, "asc": True})
            commits = [c["version"] for c in found.get("prompt_commit_infos") or []]
            assert sorted(commits) == sorted(versions), (self.called, key)

    def _rows_of(self, set_id: str) -> list[str]:
        texts: list[str] = []
        page = 1
        while True:
            body = {"workspace_id": self.space, "page_number": page, "page_size": 100}
            items = self.call("POST", f"{SETS}/{set_id}/items/list", body).get("items") or []
            if not items:
                return texts
            texts += [i["turns"][0]["field_data_list"][0]["content"]["text"] for i in items]
            page += 1

    def _check_experiment(self, experiment: str, texts: list[str]) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        for progress in self.watch(experiment):
            assert time.monotonic() < deadline, (self.called, experiment, progress)
        assert progress.total == progress.done == len(texts), (self.called, experiment, progress)
        items = self.items(experiment)
        assert Counter(i.text for i in items) == Counter(texts), (self.called, experiment)
        assert [i for i in items if not whole(i)] == [], (self.called, experiment)


def whole(item: Item) -> bool:
    """Answered once, scored once."""
    return item.state == DONE and item.output == item.text and item.scores == [1.0]
