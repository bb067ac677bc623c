"""A small S3 endpoint on a socket, for the adapter's contract suite: no MinIO server is part of the locked packages.

PUT, GET, HEAD, DELETE of objects, copies, and uploads in parts, of one bucket. Every request's signature (AWS
Signature Version 4) is computed anew from what arrived and compared; the payload's digest is checked when it is signed.
Written from the published description of the protocol; not from the client that it tests.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

KEY, SECRET, REGION = "a-key", "a secret/with+odd=signs", "us-east-1"


class Endpoint:
    """Runs while it is entered; ``objects`` is what it holds, ``refused`` how many signatures were wrong."""

    def __init__(self) -> None:
        self.buckets: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.refused = 0
        self.failing = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"endpoint": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Endpoint:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, bucket: str = "loop", key: str = KEY, secret: str = SECRET) -> str:
        """As the settings name it."""
        return f"http://{quote(key, safe='')}:{quote(secret, safe='')}@127.0.0.1:{self._server.server_port}/{bucket}"


class _Handler(BaseHTTPRequestHandler):
    endpoint: Endpoint
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_PUT(self) -> None:
        if (body := self._admitted()) is None:
            return
        store, query = self.endpoint, self._query
        if not self._object:
            store.buckets.add(self._bucket)
            self._answer(200)
        elif "uploadId" in query:
            store.uploads[query["uploadId"]][int(query["partNumber"])] = body
            self._answer(200, headers={"ETag": etag(body)})
        elif source := self.headers.get("x-amz-copy-source"):
            found = store.objects.get(unquote(source).lstrip("/"))
            if found is None:
                self._refuse(404, "NoSuchKey")
                return
            store.objects[self._name] = found
            xml = f"<CopyObjectResult><ETag>{etag(found)}</ETag><LastModified>{WHEN}</LastModified></CopyObjectResult>"
            self._answer(200, xml.encode())
        else:
            store.objects[self._name] = body
            self._answer(200, headers={"ETag": etag(body)})

    def do_POST(self) -> None:
        if (body := self._admitted()) is None:
            return
        store, query = self.endpoint, self._query
        if "uploads" in query:
            upload = f"u{len(store.uploads)}"
            store.uploads[upload] = {}
            names = f"<Bucket>{self._bucket}</Bucket><Key>{self._object}</Key>"
            text = (
                f"<InitiateMultipartUploadResult>{names}<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            )
            self._answer(200, text.encode())
            return
        parts = store.uploads.pop(query["uploadId"])
        store.objects[self._name] = b"".join(parts[n] for n in sorted(parts))
        names = f"<Location>x</Location><Bucket>{self._bucket}</Bucket><Key>{self._object}</Key>"
        done = f"<CompleteMultipartUploadResult>{names}<ETag>{etag(body)}</ETag></CompleteMultipartUploadResult>"
        self._answer(200, done.encode())

    def do_GET(self) -> None:
        self._show(with_body=True)

    def do_HEAD(self) -> None:
        self._show(with_body=False)

    def do_DELETE(self) -> None:
        if self._admitted() is not None:
            self.endpoint.objects.pop(self._name, None)
            self._answer(204)

    def _show(self, *, with_body: bool) -> None:
        if self._admitted() is None:
            return
        if "list-type" in self._query:
            self._list()
            return
        if not self._object:
            self._answer(200 if self._bucket in self.endpoint.buckets else 404, with_body=with_body)
            return
        found = self.endpoint.objects.get(self._name)
        if found is None:
            self._refuse(404, "NoSuchKey", with_body=with_body)
            return
        self._answer(200, found, {"ETag": etag(found), "Last-Modified": HTTP_WHEN}, with_body=with_body)

    def _list(self) -> None:
        """Two names a page: whoever stops after the first one is found out."""
        inside = sorted(n.partition("/")[2] for n in self.endpoint.objects if n.startswith(f"{self._bucket}/"))
        after = self._query.get("continuation-token", "")
        page = [n for n in inside if n > after][:2]
        more = bool(page) and page[-1] != inside[-1]
        entries = "".join(
            f"<Contents><Key>{n}</Key><LastModified>{WHEN}</LastModified><ETag>x</ETag><Size>1</Size></Contents>"
            for n in page
        )
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        name = f"<Name>{self._bucket}</Name><IsTruncated>{str(more).lower()}</IsTruncated>"
        self._answer(200, f"<ListBucketResult>{name}{token}{entries}</ListBucketResult>".encode())

    def _admitted(self) -> bytes | None:
        """The body of a request whose signature is right; None when it was refused."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self._query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._bucket, _, self._object = unquote(parts.path).lstrip("/").partition("/")
        self._name = f"{self._bucket}/{self._object}"
        if self.endpoint.failing:
            self._refuse(503, "SlowDown")
            return None
        signed = self.headers.get("x-amz-content-sha256", "")
        fits = signed in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest())
        if not fits or not hmac.compare_digest(self._signature(signed), self._given("Signature")):
            self.endpoint.refused += 1
            self._refuse(403, "SignatureDoesNotMatch")
            return None
        return body

    def _given(self, word: str) -> str:
        fields = self.headers.get("Authorization", "").partition(" ")[2]
        found = dict(f.strip().partition("=")[::2] for f in fields.split(","))
        return str(found.get(word, ""))

    def _signature(self, payload: str) -> str:
        """What the request should carry: the canonical request, hashed, under a key of day, region and service."""
        parts = urlsplit(self.path)
        names = self._given("SignedHeaders").split(";")
        headers = "".join(f"{n}:{' '.join(self.headers.get(n, '').split())}\n" for n in names)
        query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(self._query.items()))
        path = quote(unquote(parts.path), safe="/-_.~")
        request = "\n".join([self.command, path, query, headers, ";".join(names), payload])
        moment = self.headers.get("x-amz-date", "")
        scope = f"{moment[:8]}/{REGION}/s3/aws4_request"
        if self._given("Credential") != f"{KEY}/{scope}":
            return ""
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"AWS4{SECRET}".encode()
        for word in (moment[:8], REGION, "s3", "aws4_request"):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    def _refuse(self, status: int, code: str, *, with_body: bool = True) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), with_body=with_body)

    def _answer(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, *, with_body: bool = True
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/xml", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)


WHEN = "2025-01-01T00:00:00.000Z"
HTTP_WHEN = "Wed, 01 Jan 2025 00:00:00 GMT"


def etag(body: bytes) -> str:
    """Quoted, as S3 writes it."""
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
