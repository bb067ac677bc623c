"""Between the contract's words for a user and ours."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Protocol

from commands.users.email import normalised
from cozeloop.api.edge import ApiError
from cozeloop.api.people import user_detail
from cozeloop.api.users.refusals import INVALID_PARAM
from cozeloop.platform import Person
from cozeloop.settings import Settings

EMAIL_LIMIT = 254
PASSWORD_LIMIT = 1024
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"]+")


class Credentials(Protocol):
    """What registering and signing in send."""

    email: str | None
    password: str | None


def credentials(req: Credentials) -> tuple[str, str]:
    """The e-mail, normalised, and the password; refuses what is missing, no address, or too long."""
    email, password = normalised(req.email or ""), req.password or ""
    for field, text, limit in (("email", email, EMAIL_LIMIT), ("password", password, PASSWORD_LIMIT)):
        if not text:
            raise ApiError(INVALID_PARAM, f"invalid param,{field} is required")
        if len(text) > limit:
            raise ApiError(INVALID_PARAM, f"invalid param,{field} is longer than {limit} characters")
    if not _ADDRESS.fullmatch(email):
        raise ApiError(INVALID_PARAM, "invalid param,email is not an address")
    return email, password


def admitted(settings: Settings, email: str) -> bool:
    """Whether the installation lets this e-mail register."""
    allowed = {normalised(e) for e in settings.allowed_emails.split(";")}
    return not settings.registration_blocked or email in allowed


def new_person(user_id: str, email: str) -> Person:
    """Somebody who has just registered, under the contract's first names."""
    return Person(user_id=user_id, email=email, name=f"user{user_id}", nick_name=email.partition("@")[0])


def signed_in(person: Person, cookie: str, expires_at: datetime, now: datetime) -> dict[str, Any]:
    """The answer to registering and signing in. ``expire_time``: seconds that the session lives, as in the cookie."""
    lives = round((expires_at - now).total_seconds())
    return {"user_info": user_detail(person), "token": cookie, "expire_time": str(lives)}
