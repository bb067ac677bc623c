"""Users: they register, each with an e-mail of their own and a personal space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.users.decide import decide
from commands.users.messages import RegisterUser
from commands.users.user import UNKNOWN, evolve, streams

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    RegisterUser: Decider(UNKNOWN, streams, evolve, decide, blind=True),
}
