"""Users over HTTP, browser and SDK in one, whose texts are found again wherever they come out."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from cozeloop.demo.tour import Tour

CANARY = "canary"
PASSWORD = "Canary-of-a-password"
TOKENS = "/api/auth/v1/personal_access_tokens"
PROMPTS = "/api/prompt/v1/prompts"


def canary(of: str) -> str:
    """A text that occurs nowhere else."""
    return f"{CANARY}-{of}-{secrets.token_hex(6)}"


class Caller(Tour):
    """A user with an account and a space of their own."""

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


def detail(text: str) -> dict[str, Any]:
    """A prompt's detail."""
    messages = [{"role": "user", "content": f"{text} {{{{input}}}}"}]
    variables = [{"key": "input", "desc": "", "type": "string"}]
    return {"prompt_template": {"template_type": "normal", "messages": messages, "variable_defs": variables}}
