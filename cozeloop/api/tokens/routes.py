"""Personal access tokens over HTTP (behaviour.md §2.3). A missing one is an empty success, another's a refusal."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from commands.command import Context
from commands.tokens.decide import create as decide_create
from commands.tokens.messages import CreateToken, RevokeToken, TokenMissing, TokenNotYours
from cozeloop.api.edge import Edge
from cozeloop.api.modules import Module
from cozeloop.api.routing import Api
from cozeloop.api.tokens.translate import expiry, named, token
from cozeloop.api.wire import foundation as wire
from cozeloop.platform import TokenFacts, Unknown
from projections.tokens.tokens import TOKENS

api = Api(Module.FOUNDATION)

PATH = "/api/auth/v1/personal_access_tokens"
SECOND = 1_000_000


@api.post(PATH, wire.CreatePersonalAccessTokenRequest, wire.CreatePersonalAccessTokenResponse)
async def create(edge: Edge, req: wire.CreatePersonalAccessTokenRequest) -> dict[str, Any]:
    """A new token, shown this once."""
    now = edge.now()
    [token_id] = edge.platform.ids.block(1)
    at, expire_at = int(now.timestamp()), expiry(req, now)
    command = CreateToken(token_id=token_id, expire_at=expire_at * SECOND)
    facts = TokenFacts(token_id, edge.user_id, named(req.name), at, at, 0, expire_at)
    decide_create(command, Context(now=now, actor=edge.user_id))  # refuses before a row is written
    secret = await edge.platform.tokens.add(facts)
    try:
        await edge.issue(command, TOKENS, secret=True)
    except Unknown:
        raise  # it may have happened: the sweep decides by the log
    except Exception:
        await edge.platform.tokens.remove(token_id)
        raise
    return {"personal_access_token": token(facts), "token": secret}


@api.post(f"{PATH}/list", wire.ListPersonalAccessTokenRequest, wire.ListPersonalAccessTokenResponse)
async def list_tokens(edge: Edge, req: wire.ListPersonalAccessTokenRequest) -> dict[str, Any]:
    """A page of the caller's tokens, newest first."""
    size, page = req.page_size or 10, req.page_number or 1
    listed, _ = await edge.platform.tokens.list(edge.user_id, size, (page - 1) * size)
    return {"personal_access_tokens": [token(facts) for facts in listed]}


@api.get(f"{PATH}/:id", wire.GetPersonalAccessTokenRequest, wire.GetPersonalAccessTokenResponse)
async def get(edge: Edge, req: wire.GetPersonalAccessTokenRequest) -> dict[str, Any]:
    """One token of the caller's."""
    facts = await own(edge, req.id)
    return {"personal_access_token": token(facts)} if facts else {}


@api.put(f"{PATH}/:id", wire.UpdatePersonalAccessTokenRequest, wire.UpdatePersonalAccessTokenResponse)
async def update(edge: Edge, req: wire.UpdatePersonalAccessTokenRequest) -> dict[str, Any]:
    """Another name for the token; a name is no event."""
    name = named(req.name)
    if await own(edge, req.id):
        await edge.platform.tokens.rename(req.id, name, int(edge.now().timestamp()))
    return {}


@api.delete(f"{PATH}/:id", wire.DeletePersonalAccessTokenRequest, wire.DeletePersonalAccessTokenResponse)
async def delete(edge: Edge, req: wire.DeletePersonalAccessTokenRequest) -> dict[str, Any]:
    """The token is refused from now on."""
    if await own(edge, req.id):
        with suppress(TokenMissing):  # its creation was cut off after the row
            await edge.issue(RevokeToken(token_id=req.id), TOKENS)
        await edge.platform.tokens.remove(req.id)
    return {}


async def own(edge: Edge, token_id: str) -> TokenFacts | None:
    """The caller's token, None when there is none; refuses another user's."""
    facts = await edge.platform.tokens.get(token_id)
    if facts and facts.user_id != edge.user_id:
        raise TokenNotYours(f"token {token_id}")
    return facts
