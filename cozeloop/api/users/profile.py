"""What a user changes of themselves: profile and password (behaviour.md §2.1)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from commands.users.email import normalised
from commands.users.messages import ChangeUserProfile, ReleaseUserNames
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.modules import NO_PERMISSION, RATE_LIMITED, Module
from cozeloop.api.people import user_detail
from cozeloop.api.routing import Api
from cozeloop.api.scalars import WireModel
from cozeloop.api.users.refusals import INVALID_PARAM, WRONG_PASSWORD
from cozeloop.api.users.translate import credentials
from cozeloop.api.wire import foundation as wire
from events.event import GLOBAL_SPACE
from projections.users.users import user_of_email

api = Api(Module.FOUNDATION)

PATH = "/api/foundation/v1/users"
LIMITS = {"name": 64, "nick_name": 64, "description": 1000, "avatar_uri": 1000}
"""Characters of each field."""
MAY_BE_EMPTY = {"description", "avatar_uri"}
COLUMNS = {"avatar_uri": "avatar"}
TRIES_A_MINUTE = 5
FIRST_NAME = re.compile(r"user([0-9]{1,20})")
"""The name that registration gives, with the user's id."""
_ADDRESS = re.compile(r"https?://|(?![A-Za-z][A-Za-z0-9+.-]*:)")
"""An avatar is on the web, or a key without a scheme: nobody's browser is given another one."""


class ResetByCodeRequest(WireModel):
    """Whose password, the operator's one-time code, and the password from now on."""

    email: str | None = None
    code: str | None = None
    password: str | None = None


class ResetByCodeResponse(WireModel):
    """Nothing but ``code`` and ``msg``."""


@api.put(f"{PATH}/:user_id/update_profile", wire.ModifyUserProfileRequest, wire.ModifyUserProfileResponse)
async def update_profile(edge: Edge, req: wire.ModifyUserProfileRequest) -> dict[str, Any]:
    """The caller's profile, whatever the path says: the console sends no id. The name is claimed before it is shown."""
    values = profile(req)
    name = ""
    if "name" in values:
        name = await edge.platform.keys.digest(GLOBAL_SPACE, comparable(values["name"]))
    first = FIRST_NAME.fullmatch(comparable(values.get("name", "")))
    command = ChangeUserProfile(
        user_id=edge.user_id,
        fields=tuple(values),
        name_reservation=name,
        first_name_of=first[1] if first else "",
    )
    receipt = await edge.issue(command, secret=True)
    columns = {COLUMNS.get(field, field): value for field, value in values.items()}
    await edge.platform.people.change(edge.user_id, columns, receipt.position)
    if name:
        await edge.issue(ReleaseUserNames(user_id=edge.user_id, name_reservation=name), secret=True)
    people = await edge.platform.people.get([edge.user_id])
    return {"user_info": user_detail(people[edge.user_id])}


@api.post(f"{PATH}/reset_password", wire.ResetPasswordRequest, wire.ResetPasswordResponse)
async def reset_password(edge: Edge, req: wire.ResetPasswordRequest) -> dict[str, Any]:
    """The caller's own password. ``code``: the current one, or a one-time code. Every session ends, this one too."""
    email, password = credentials(req)
    code = needed(req.code)
    people, user_id = edge.platform.people, edge.user_id
    own = (await people.get([user_id])).get(user_id)
    if own is None or normalised(own.email) != email:
        raise ApiError(Module.FOUNDATION.code(NO_PERMISSION), "no permission,email is not your own")
    await slow_down(edge, f"reset_password:{user_id}")
    if not await people.redeem(user_id, code, password):
        if not await people.check_password(user_id, code):
            raise ApiError(WRONG_PASSWORD, "wrong password,code is neither the current password nor a valid code")
        await people.set_password(user_id, password)
    edge.sign_out()
    return {}


@api.post("/v1/platform/users/reset_password", ResetByCodeRequest, ResetByCodeResponse, anonymous=True)
async def reset_by_code(edge: Edge, req: ResetByCodeRequest) -> dict[str, Any]:
    """For whoever cannot sign in: a one-time code alone. An unknown e-mail and a wrong code are one answer."""
    email, password = credentials(req)
    code = needed(req.code)
    reservation = await edge.platform.keys.digest(GLOBAL_SPACE, email)
    await slow_down(edge, f"reset_code:{reservation}")
    user_id = await edge.ask(user_of_email, reservation)
    if user_id is None or not await edge.platform.people.redeem(user_id, code, password):
        raise ApiError(WRONG_PASSWORD, "wrong password,code is not a valid code for this email")
    return {}


async def slow_down(edge: Edge, key: str) -> None:
    """Passwords and codes are guessed no faster than this."""
    await edge.limit(key, TRIES_A_MINUTE / 60, Module.FOUNDATION.code(RATE_LIMITED), TRIES_A_MINUTE)


def needed(code: str | None) -> str:
    """The code, which must be there and no longer than a password."""
    if not code:
        raise ApiError(INVALID_PARAM, "invalid param,code is required")
    if len(code) > 1024:
        raise ApiError(INVALID_PARAM, "invalid param,code is longer than 1024 characters")
    return code


def profile(req: wire.ModifyUserProfileRequest) -> dict[str, str]:
    """The fields that were sent, without outer spaces; refuses what is empty, too long, or no line of text."""
    values: dict[str, str] = {}
    for field, limit in LIMITS.items():
        sent = getattr(req, field)
        if sent is None:
            continue
        value = sent.strip()
        if not value and field not in MAY_BE_EMPTY:
            raise ApiError(INVALID_PARAM, f"invalid param,{field} is empty")
        if len(value) > limit:
            raise ApiError(INVALID_PARAM, f"invalid param,{field} is longer than {limit} characters")
        if field != "description" and any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in value):
            raise ApiError(INVALID_PARAM, f"invalid param,{field} holds characters that are not shown")
        if field == "avatar_uri" and not _ADDRESS.match(value):
            raise ApiError(INVALID_PARAM, "invalid param,avatar_uri must be a key or start with http:// or https://")
        values[field] = value
    return values


def comparable(name: str) -> str:
    """The spelling by which names are unique: nobody takes another's in capitals or in wide letters."""
    return unicodedata.normalize("NFKC", name).casefold()
