"""Who calls: the session cookie on /api, the bearer token on /v1, the operator's token on /v1/platform/admin."""

from __future__ import annotations

import secrets
from datetime import datetime
from urllib.parse import urlsplit

from starlette.requests import Request

from cozeloop.api.envelope import ApiError
from cozeloop.api.modules import NO_PERMISSION, UNREGISTERED, Module
from cozeloop.api.refusals import INTERNAL_ERROR
from cozeloop.platform import Platform

COOKIE = "session_key"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
DEFAULT_PORTS = {"http": 80, "https": 443}
FORBIDDEN = Module.FOUNDATION.code(NO_PERMISSION)


async def caller(platform: Platform, request: Request) -> str:
    """The user who calls; refuses a missing, dead or foreign session or token (HTTP 401 on /v1)."""
    if request.url.path.startswith("/api/"):
        cookie = request.cookies.get(COOKIE, "")
        user = await platform.sessions.user_of(cookie) if cookie else None
        if user is None:
            raise ApiError(UNREGISTERED, f"{INTERNAL_ERROR},sign in first: the session is missing or has ended")
        return user
    token = bearer(request)
    if not token:
        raise ApiError(
            UNREGISTERED, f"{INTERNAL_ERROR},Authorization header with a bearer token is missing", status=401
        )
    user = await platform.tokens.user_of(token)
    if user is None:
        raise ApiError(FORBIDDEN, "no permission,the token is unknown, revoked or expired", status=401)
    return user


def bearer(request: Request) -> str:
    """The bearer token that was sent, empty when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def require_operator(platform: Platform, request: Request) -> None:
    """Refuses whoever does not hold the operator's token, which lies in the data directory alone."""
    if not is_operator(platform, request):
        raise ApiError(FORBIDDEN, "no permission,the operator's token is needed", status=401)


def is_operator(platform: Platform, request: Request) -> bool:
    """Whether the operator's token was sent."""
    expected = platform.operator_token
    return bool(expected) and secrets.compare_digest(bearer(request).encode(), expected.encode())


def require_same_origin(request: Request) -> None:
    """Refuses a write that a page of another origin makes with the user's cookie; no browser sends neither header."""
    if request.method in SAFE or not request.url.path.startswith("/api/"):
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site not in (None, "same-origin", "none") or (origin is not None and not _same_host(request, origin)):
        raise ApiError(FORBIDDEN, "no permission,the request comes from another origin")


def _same_host(request: Request, origin: str) -> bool:
    """Compared by host and port: the scheme is the proxy's, and no page can set X-Forwarded-Host for another."""
    hosts = (request.headers.get("host", ""), request.headers.get("x-forwarded-host", ""))
    try:
        parts = urlsplit(origin)
        wanted = (parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme))
        return bool(parts.hostname) and any(_split(h, parts.scheme) == wanted for h in hosts if h)
    except ValueError:
        return False


def _split(host: str, scheme: str) -> tuple[str | None, int | None]:
    parts = urlsplit(f"//{host}")
    return parts.hostname, parts.port or DEFAULT_PORTS.get(scheme)


def session_cookie(value: str, expires_at: datetime, now: datetime, secure: bool) -> str:
    """The Set-Cookie line of a new session."""
    age = max(0, round((expires_at - now).total_seconds()))
    return f"{COOKIE}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")


def ended_cookie(secure: bool) -> str:
    """The Set-Cookie line that makes a browser forget its session."""
    return f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
