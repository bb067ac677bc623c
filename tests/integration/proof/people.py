"""Somebody at a running platform, as far as the proofs need one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cozeloop.demo.tour import Tour
from tests.e2e.processes import Platform, command

PROMPTS = "/api/prompt/v1/prompts"


class Person(Tour):
    """A signed-in browser with a space of its own."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.url)
        self.register()

    def answer(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        """Whatever comes back."""
        headers = {"Idempotency-Key": key} if key else {}
        return dict(self.http.request(method, path, json=body, headers=headers).json())

    def prompt(self, key: str, idempotency: str = "") -> dict[str, Any]:  # type: ignore[override]
        """Tries to create a prompt."""
        body = {"workspace_id": self.space, "prompt_key": key, "prompt_name": key}
        return self.answer("POST", PROMPTS, body, idempotency)

    def keys(self) -> list[str]:
        """The keys of the space's prompts."""
        body = {"workspace_id": self.space, "page_num": 1, "page_size": 100}
        return sorted(p["prompt_key"] for p in self.call("POST", f"{PROMPTS}/list", body).get("prompts", []))


def events(data_dir: Path) -> list[dict[str, Any]]:
    """Every event, told by the command line."""
    listed = command("events", "list", "--json", "--limit", "100000", "--data-dir", data_dir)
    assert listed.exit_code == 0, listed.stderr
    return [json.loads(line) for line in listed.stdout.splitlines()]
