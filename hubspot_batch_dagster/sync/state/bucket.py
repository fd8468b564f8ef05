"""A bucket's objects, as a journal needs them: an object that is made once, and is never made a second
time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.bucket_answers import REMEDY, AnotherAnswered, check_page
from hubspot_batch_dagster.sync.state.patience import REMEDIES, Patience

T = TypeVar("T")

_SCHEMES = {"abfs": "az", "abfss": "az", "adl": "az", "gcs": "gs", "s3a": "s3"}
"""How fsspec's names of file systems are called by the library that knows conditional writes."""


class Bucket:
    """The objects below one URL.

    Args:
        url: ``s3://bucket/folder``, ``gs://…``, ``az://container/folder``. The credentials are the
            environment's.
        patience: Seconds for which a bucket that does not answer is tried again.
        objects: An object store of obstore's to use instead, such as one in memory.

    Attributes:
        url: The same.
        patience: For how long.

    Raises:
        StoreError: The library is not installed, or does not know the URL.

    Source: Amazon S3, "Conditional writes"; obstore, ``put`` with ``mode="create"``.
    """

    def __init__(self, url: str, *, patience: float, objects: Any = None) -> None:
        self.url = url
        self.patience = Patience(patience, first=True)
        self._objects = open_objects(url) if objects is None else objects

    def make(self, name: str, content: bytes) -> bool:
        """Make an object; whether it was made now. False may also be said though it is not there: look before
        believing it.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            obstore.put(self._objects, name, content, mode="create")
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    def read(self, name: str) -> bytes | None:
        """Read an object; ``None`` where there is none."""

        def go() -> bytes | None:
            import obstore

            try:
                return check_page(bytes(obstore.get(self._objects, name).bytes()), name)
            except FileNotFoundError:
                return None

        return self.patiently("read", go)

    def names(self, folder: str, *, after: str = "") -> list[str]:
        """Names of the objects in a folder, sorted.

        Args:
            folder: Which.
            after: Only those that come after this one.
        """

        def go() -> list[str]:
            import obstore

            offset = f"{folder}/{after}" if after else None
            listed = obstore.list(self._objects, folder, offset=offset)
            paths = [str(each["path"]) for chunk in listed for each in chunk]
            return sorted(
                path.removeprefix(f"{folder}/") for path in paths if "/" not in path[len(folder) + 1 :]
            )

        return self.patiently("list", go)

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder."""

        def go() -> list[str]:
            import obstore

            found = obstore.list_with_delimiter(self._objects, folder)["common_prefixes"]
            return [str(each).rstrip("/").rpartition("/")[2] for each in found]

        return self.patiently("list", go)

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; what is not there is no error."""
        wanted = list(names)

        def go() -> None:
            import obstore

            for start in range(0, len(wanted), 500):
                try:
                    obstore.delete(self._objects, wanted[start : start + 500])
                except FileNotFoundError:
                    for each in wanted[start : start + 500]:
                        self._delete(each)

        if wanted:
            self.patiently("write", go)

    def _delete(self, name: str) -> None:
        import obstore

        try:
            obstore.delete(self._objects, name)
        except FileNotFoundError:
            return

    def replace(self, name: str, content: bytes) -> None:
        """Write an object, whether or not it is there."""

        def go() -> None:
            import obstore

            obstore.put(self._objects, name, content)

        self.patiently("write", go)

    def patiently(self, verb: str, work: Callable[[], T]) -> T:
        """Do work that may be done twice, again while the bucket is away.

        Raises:
            StoreError: It is away for longer than ``patience``, or refuses.
        """
        from obstore.exceptions import BaseError

        return self.patience.wait_out(
            work,
            (BaseError, OSError),
            is_away=lambda error: not _refuses(error),
            refused=partial(self._refused, verb),
            gone=partial(self._gone, verb),
        )

    def damaged(self, what: str) -> StoreError:
        """Return the error for an object that is not as it was written."""
        return StoreError(
            f"The journal in {self.url} is damaged inside{what}.",
            remedy="Restore it, or move it away and adopt the records from the portal.",
        )

    def _refused(self, verb: str, error: Exception) -> StoreError:
        return StoreError(
            f"Cannot {verb} the journal in {self.url}: {_reason(error)}",
            remedy=REMEDIES.get(_code_of(error), _RIGHTS),
        )

    def _gone(self, verb: str, error: Exception, waited: float) -> StoreError:
        return StoreError(
            f"Cannot {verb} the journal in {self.url}: the bucket does not answer, and was waited for"
            f" {waited:.0f} s: {_reason(error)}",
            remedy=REMEDY
            if isinstance(error, AnotherAnswered)
            else (
                "Check the URL, the region and the network, then run again: what was sent is in the journal,"
                " and the run goes on from there."
            ),
        )


def open_objects(url: str) -> Any:
    """Return the object store that a URL names.

    Raises:
        StoreError: The library is not installed, or does not know the URL.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError:
        raise StoreError(
            f"The store {url} is a bucket, and its journal has no place.",
            remedy=(
                "Install the extra [bucket], which keeps it in the bucket: pip install"
                " 'hubspot-batch-dagster[bucket]'. Or give journal= a database URL that all hosts reach, such"
                " as postgresql+psycopg://…"
            ),
        ) from None
    scheme, _, rest = url.partition("://")
    options: dict[str, Any] = {
        # What is tried again is decided here: how long is a setting of the user's.
        "retry_config": {"max_retries": 1, "retry_timeout": timedelta(seconds=10)},
        "client_options": {"timeout": timedelta(seconds=15), "connect_timeout": timedelta(seconds=5)},
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    kind = _SCHEMES.get(scheme, scheme)
    if kind not in ("s3", "gs", "az"):
        raise StoreError(
            f"The store {url} is neither a local folder nor a bucket, and the journal has no place.",
            remedy="Give journal= a database URL that all hosts reach, such as postgresql+psycopg://…",
        )
    if kind == "s3" and endpoint:
        options["config"] = {"endpoint": endpoint}
        options["client_options"]["allow_http"] = endpoint.startswith("http://")
    try:
        return from_url(f"{kind}://{rest}", **options)
    except (BaseError, ValueError, OSError) as error:
        raise StoreError(
            f"The store {url} cannot keep a journal: {_reason(error)}",
            remedy=(
                "Give journal= a database URL, such as postgresql+psycopg://…, or a store on S3, Google Cloud"
                " Storage or Azure."
            ),
        ) from None


_RIGHTS = "Give the credentials the right to list, read, write and delete objects there."


def _code_of(error: Exception) -> str:
    """Return the code by which S3 refuses who asks; empty where it is none of these."""
    return next((code for code in REMEDIES if f"<Code>{code}<" in str(error)), "")


def _refuses(error: Exception) -> bool:
    from obstore.exceptions import NotSupportedError, PermissionDeniedError, UnauthenticatedError

    return bool(_code_of(error)) or isinstance(
        error, PermissionDeniedError | UnauthenticatedError | NotSupportedError | PermissionError
    )


def _reason(error: Exception) -> str:
    """Return what the library says, without the source that it shows after it."""
    return " ".join(str(error).partition("Debug source")[0].split()) or type(error).__name__
