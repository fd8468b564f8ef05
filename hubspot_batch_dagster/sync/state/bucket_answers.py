"""Whether an answer is the bucket's. A proxy or a login page may answer 200 to everything: believed, it makes
a store empty, and swallows what is written.
"""

from __future__ import annotations

from typing import Any

REMEDY = (
    "Something between this host and the bucket answers in its place: a proxy, or a page to log in at. Let"
    " the bucket's host pass (NO_PROXY, the network's gate), then run again: what was sent is in the journal,"
    " and the run goes on from there."
)
_PAGES = (b"<html", b"<!doctype html")
_TAGGED = frozenset({"GetObject", "HeadObject", "PutObject", "UploadPart"})
"""What S3 answers with the ETag of an object."""

_SAYS = {
    "ListObjects": b"<ListBucketResult",
    "ListObjectsV2": b"<ListBucketResult",
    "CreateMultipartUpload": b"<InitiateMultipartUploadResult",
    "CompleteMultipartUpload": b"Result",
    "CopyObject": b"Result",
    "DeleteObjects": b"<DeleteResult",
}
"""What the body of an answer holds where S3 made it. A page may be sound XML, and would be an empty list."""


class AnotherAnswered(ConnectionError):
    """What came is not the bucket's answer: the bucket is away."""


def is_page(content: bytes) -> bool:
    """Whether content is a page for a browser; no file of a store is one."""
    begin = content[:300].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return begin.startswith(_PAGES) or (begin.startswith(b"<?xml") and any(each in begin for each in _PAGES))


def check_page(content: bytes, what: str) -> bytes:
    """Return content that is no page.

    Raises:
        AnotherAnswered: It is one.
    """
    if is_page(content):
        raise AnotherAnswered(f"{what} was answered with an HTML page")
    return content


def watch_s3(filesystem: Any) -> None:
    """Have an S3 file system of fsspec's look at each answer before it reads it.

    Args:
        filesystem: One that may have been opened before.
    """
    from aiobotocore.session import AioSession  # type: ignore[import-untyped]

    if filesystem.session is None:
        filesystem.session = AioSession(**filesystem.kwargs)
    emitters = [filesystem.session]
    if filesystem._s3 is not None:
        emitters.append(filesystem._s3.meta.events)
    for each in emitters:
        each.register("before-parse.s3", _look, unique_id="hubspot-batch-dagster")


def _look(operation_model: Any, response_dict: Any, **_: Any) -> None:
    operation, status = operation_model.name, response_dict["status_code"]
    headers = {str(name).lower() for name in response_dict["headers"]}
    body = response_dict["body"]
    if isinstance(body, bytes):
        check_page(body, operation)
    if status >= 300:
        return
    if operation in _TAGGED and "etag" not in headers:
        raise AnotherAnswered(f"{operation} was answered {status} without an ETag")
    says = _SAYS.get(operation)
    if says is not None and isinstance(body, bytes) and says not in body:
        raise AnotherAnswered(f"{operation} was answered {status} with something else than S3 says")
