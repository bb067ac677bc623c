"""Personal access tokens: created and revoked by their owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.tokens.decide import decide
from commands.tokens.messages import CreateToken, RevokeToken
from commands.tokens.token import UNBORN, evolve, streams

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    CreateToken: Decider(UNBORN, streams, evolve, decide, blind=True),
    RevokeToken: Decider(UNBORN, streams, evolve, decide),
}
