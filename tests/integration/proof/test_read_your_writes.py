"""R4: whoever wrote sees it in the next answer, on any connection. R2: also while read models are built anew."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from cozeloop.demo.tour import EVALUATION, cell
from tests.e2e.processes import Platform, command
from tests.integration.proof.conftest import SOAK
from tests.integration.proof.people import PROMPTS, Person

SETS = f"{EVALUATION}/evaluation_sets"
STEPS = 1000 if SOAK else 60
WRITERS = 4


class Writer(Person):
    """Writes at random, remembers what must be seen, and looks after each step."""

    def __init__(self, platform: Platform, seed: int) -> None:
        super().__init__(platform)
        self.dice = random.Random(seed)
        self.elsewhere = httpx.Client(base_url=platform.url, timeout=60, cookies=self.http.cookies)
        self.prompts: dict[str, tuple[str, str]] = {}
        self.sets: dict[str, dict[str, str]] = {}
        self.position = ""
        self.made = 0
        self.violations: list[str] = []

    def send(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """A command that must succeed and be visible now."""
        response = self.http.request(method, path, json=body)
        answer = dict(response.json())
        assert answer["code"] == 0, (path, answer)
        self.position = response.headers.get("x-log-position", "")
        if "x-read-lag" in response.headers:
            self.violations.append(f"{path} lags {response.headers['x-read-lag']}")
        return answer

    def look(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """A question, on the writer's connection or on another one with the position that was answered."""
        if self.dice.random() < 0.5:
            return dict(self.http.request(method, path, json=body).json())
        if self.dice.random() < 0.5:
            return dict(self.elsewhere.request(method, path, json=body, params={"min_position": self.position}).json())
        return dict(self.elsewhere.request(method, path, json=body, headers={"X-Min-Position": self.position}).json())

    def expect(self, what: str, seen: object, wanted: object) -> None:
        if seen != wanted:
            self.violations.append(f"{what} at {self.position}: saw {seen}, wrote {wanted}")

    def step(self) -> None:
        """One random write, one look."""
        choices: list[Callable[[], None]] = [self.add_prompt, self.add_set]
        choices += [self.rename_prompt, self.rename_prompt, self.drop_prompt] if self.prompts else []
        choices += [self.add_rows, self.add_rows, self.drop_rows] if self.sets else []
        self.dice.choice(choices)()

    def add_prompt(self) -> None:
        self.made += 1
        key = f"key{self.made}"
        body = {"workspace_id": self.space, "prompt_key": key, "prompt_name": key}
        self.prompts[str(self.send("POST", PROMPTS, body)["prompt_id"])] = (key, key)
        self.see_prompts()

    def rename_prompt(self) -> None:
        id = self.dice.choice(list(self.prompts))
        self.made += 1
        self.send("PUT", f"{PROMPTS}/{id}", {"prompt_name": f"name{self.made}"})
        self.prompts[id] = (self.prompts[id][0], f"name{self.made}")
        shown = self.look("GET", f"{PROMPTS}/{id}")
        self.expect("a renamed prompt", shown.get("prompt", {})["prompt_basic"]["display_name"], f"name{self.made}")

    def drop_prompt(self) -> None:
        id = self.dice.choice(list(self.prompts))
        self.send("DELETE", f"{PROMPTS}/{id}")
        del self.prompts[id]
        self.expect("a deleted prompt", self.look("GET", f"{PROMPTS}/{id}")["code"] != 0, True)
        self.see_prompts()

    def see_prompts(self) -> None:
        body = {"workspace_id": self.space, "page_num": 1, "page_size": 100}
        listed = self.look("POST", f"{PROMPTS}/list", body)
        seen = {p["id"]: (p["prompt_key"], p["prompt_basic"]["display_name"]) for p in listed.get("prompts") or ()}
        self.expect("prompts", seen, dict(list(self.prompts.items())) if len(self.prompts) <= 100 else seen)

    def add_set(self) -> None:
        self.made += 1
        fields = [{"name": "input", "content_type": "Text", "default_display_format": 1, "description": ""}]
        body = {
            "workspace_id": self.space,
            "name": f"set{self.made}",
            "evaluation_set_schema": {"field_schemas": fields},
        }
        id = str(self.send("POST", SETS, body)["evaluation_set_id"])
        self.sets[id] = {}
        self.see_rows(id)

    def add_rows(self) -> None:
        id = self.dice.choice(list(self.sets))
        texts = [f"{self.made}.{n}" for n in range(self.dice.randrange(1, 5))]
        self.made += 1
        items = [{"turns": [{"field_data_list": [cell("input", text)]}]} for text in texts]
        body = {"workspace_id": self.space, "items": items}
        added = self.send("POST", f"{SETS}/{id}/items/batch_create", body)["added_items"]
        self.sets[id] |= {str(added[str(n)]): text for n, text in enumerate(texts)}
        self.see_rows(id)

    def drop_rows(self) -> None:
        id = self.dice.choice(list(self.sets))
        gone = self.dice.sample(list(self.sets[id]), min(len(self.sets[id]), 2))
        if not gone:
            return
        self.send("POST", f"{SETS}/{id}/items/batch_delete", {"workspace_id": self.space, "item_ids": gone})
        for item in gone:
            del self.sets[id][item]
        self.see_rows(id)

    def see_rows(self, id: str) -> None:
        page = {"workspace_id": self.space, "page_number": 1, "page_size": 100}
        items = self.look("POST", f"{SETS}/{id}/items/list", page).get("items") or ()
        seen = {i["item_id"]: i["turns"][0]["field_data_list"][0]["content"]["text"] for i in items}
        self.expect("rows", seen, self.sets[id] if len(self.sets[id]) <= 100 else seen)
        shown = self.look("GET", f"{SETS}/{id}?workspace_id={self.space}")["evaluation_set"]
        self.expect("the count", int(shown["item_count"]), len(self.sets[id]))


@pytest.fixture
def platform(shared: Platform) -> Platform:
    return shared


@pytest.fixture
def writers(platform: Platform) -> Iterator[list[Writer]]:
    made = [Writer(platform, seed) for seed in range(WRITERS)]
    yield made
    for writer in made:
        writer.http.close()
        writer.elsewhere.close()


@pytest.mark.timeout(600)
def test_what_was_written_is_seen_at_once_by_its_writer(writers: list[Writer]) -> None:
    def write(writer: Writer) -> None:
        for _ in range(STEPS):
            writer.step()

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(write, writers))
    assert [v for w in writers for v in w.violations] == []
    assert sum(w.made for w in writers) > 50


@pytest.mark.timeout(600)
def test_questions_and_commands_go_on_while_read_models_are_built_anew(
    platform: Platform, writers: list[Writer]
) -> None:
    over = threading.Event()

    def write(writer: Writer) -> int:
        steps = 0
        while not over.is_set():
            writer.step()
            steps += 1
        return steps

    with ThreadPoolExecutor(WRITERS) as threads:
        writing = [threads.submit(write, writer) for writer in writers]
        for _ in range(3):
            replayed = command("replay", "--all", "--data-dir", platform.data_dir)
            assert replayed.exit_code == 0, replayed.stderr
            assert all(line.endswith("switched") for line in replayed.stdout.splitlines())
        over.set()
        assert all(w.result() > 0 for w in writing)
    assert [v for w in writers for v in w.violations] == []
    for writer in writers:
        writer.see_prompts()
        for id in writer.sets:
            writer.see_rows(id)
    assert [v for w in writers for v in w.violations] == []
    health = json.dumps(platform.health()[1]["read_models"])
    assert '"lag": "0"' in health
