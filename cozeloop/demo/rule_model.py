"""A small OpenAI-compatible endpoint that answers by rule, for a demo without a key. It is no language model.

It reads the prompt. When the instruction lists labels and asks for exactly one of them, it weighs every clue in the
ticket and answers with the label alone. When it asks for a score, the conversation is a judge's: the answer that is
shown is compared with the expected team. Otherwise it goes by the first clue and answers the way assistants like to:
often in a sentence, often with a team's name of its own making.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

NAME: Final = "rule-model"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLUES: Final[Mapping[str, frozenset[str]]] = {
    "billing": _words(
        "charged payment payments invoice invoices vat card price plan pay paid subscription discount cancelled"
        " receipt tax euros balance"
    ),
    "shipping": _words(
        "parcel parcels package tracking delivered delivery deliver courier ship shipping customs address order missing"
        " box"
    ),
    "technical": _words(
        "app crashes error export sync working update button safari javascript api page freezes uploading console works"
    ),
    "account": _words("log login password account logged user sign two-factor data name"),
    "returns": _words("return refund exchange back broken small wrong colour size money"),
}
"""Words that speak for a team. The model knows these teams; another label has its own name as its only clue."""

OWN_NAMES: Final = {
    "billing": "Finance",
    "shipping": "Logistics",
    "technical": "IT Support",
    "account": "Customer Care",
    "returns": "Returns",
}
_LABEL = re.compile(r"^\s*[-*]\s*([A-Za-z_]+)\s*(?::|$)", re.MULTILINE)
_ONE_LABEL = re.compile(r"\b(exactly|only|just) one (label|word|of)\b", re.IGNORECASE)
_JUDGE = re.compile(r'"score"|\bscore\b', re.IGNORECASE)
_JUDGED = re.compile(r"^Expected team:(?P<expected>.*?)^Answer:(?P<answer>.*)\Z", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"[a-z0-9]+(?:-[a-z]+)*")


def answer(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the model says to a conversation: the system messages instruct, the last user message is the ticket."""
    instruction = "\n".join(_text(m) for m in messages if m.get("role") == "system")
    ticket = next((_text(m) for m in reversed(messages) if m.get("role") == "user"), "")
    if _JUDGE.search(instruction) and (judged := _JUDGED.search(ticket)):
        return _judgement(judged["expected"].strip(), judged["answer"].strip())
    labels = _LABEL.findall(instruction)
    if labels and _ONE_LABEL.search(instruction):
        return _weighed(ticket, labels)
    return _chatty(ticket)


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text") or "") for part in content)


def _weighed(ticket: str, labels: Sequence[str]) -> str:
    """The label with most clues in the ticket; of equals the one that is listed first."""
    words = set(_WORD.findall(ticket.lower()))
    return max(labels, key=lambda label: len(words & CLUES.get(label.lower(), frozenset({label.lower()}))))


def _judgement(expected: str, given: str) -> str:
    """JSON as judges are asked for: 1 for the team's label among other words, a half for a name that points to it."""
    named = {team for team in CLUES if team in _WORD.findall(given.lower())}
    pointed = {team for team, name in OWN_NAMES.items() if name.lower() in given.lower()}
    if named == {expected}:
        return _verdict(1, f"It names the team {expected}.")
    if expected in named | pointed:
        return _verdict(0.5, f"It says {given[:60]!r}, from which {expected} can be guessed.")
    return _verdict(0, f"Expected was {expected}; it says {given[:60]!r}.")


def _verdict(score: float, reason: str) -> str:
    return json.dumps({"reason": reason, "score": score})


def _chatty(ticket: str) -> str:
    """The team of the first clue: a short note gets a word, a question a sentence, the rest a name."""
    words = _WORD.findall(ticket.lower())
    team = next((team for word in words for team, clues in CLUES.items() if word in clues), "account")
    if len(words) <= 12:
        return team
    if "?" in ticket:
        return f"This ticket should be handled by the {OWN_NAMES[team]} team."
    return OWN_NAMES[team] if len(words) % 2 else team.capitalize()


def _tokens(text: str) -> int:
    """About four letters are a token."""
    return -(-len(text) // 4)


class RuleModel:
    """The endpoint on a free port of loopback, in a thread of its own; ``with RuleModel() as model: ...``."""

    def __init__(self, port: int = 0) -> None:
        self.calls = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self._numbers = itertools.count(1)
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(self.app(), log_config=None, access_log=False, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True, name=NAME)

    @property
    def base_url(self) -> str:
        """What a catalogue names as ``base_url``."""
        return f"http://127.0.0.1:{self.port}/v1"

    def catalogue(self) -> str:
        """The ``model_config.yaml`` of a platform that has this model alone, under id 1."""
        schemas = [
            {"name": "temperature", "label": "temperature", "type": "float", "min": "0", "max": "1", "default_val": "0"}
        ]
        model = {
            "id": 1,
            "name": NAME,
            "desc": "Answers by rule; ships with the demo.",
            "protocol": "openai",
            "protocol_config": {"base_url": self.base_url, "api_key": "", "model": NAME},
            "param_config": {"param_schemas": schemas},
        }
        return json.dumps({"models": [model]}, indent=2)

    def start(self) -> RuleModel:
        """Answers from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends the endpoint; calls under way are answered."""
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._socket.close()

    def __enter__(self) -> RuleModel:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def app(self) -> Starlette:
        """The endpoint as an ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/models", self._list, methods=["GET"]),
            ]
        )

    async def _list(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": NAME, "object": "model", "owned_by": "demo"}]})

    async def _complete(self, request: Request) -> Response:
        try:
            body = await request.json()
            messages = body["messages"]
            prompt = "".join(_text(m) for m in messages)
            content = answer(messages)
        except (ValueError, KeyError, TypeError, AttributeError):
            return _refused("messages must be a list of messages")
        if body.get("stream"):
            return _refused("this model does not stream")
        self.calls += 1
        self.input_tokens += _tokens(prompt)
        self.output_tokens += _tokens(content)
        usage = {"prompt_tokens": _tokens(prompt), "completion_tokens": _tokens(content)}
        message = {"role": "assistant", "content": content}
        return JSONResponse(
            {
                "id": f"chatcmpl-{next(self._numbers)}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": NAME,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": usage | {"total_tokens": sum(usage.values())},
            }
        )


def _refused(message: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error"}}, status_code=400)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--port", type=int, default=8899)
    with RuleModel(arguments.parse_args().port) as served:
        print(served.catalogue(), flush=True)
        print(f"answering by rule on {served.base_url} until Ctrl-C; above, its model_config.yaml", file=sys.stderr)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
