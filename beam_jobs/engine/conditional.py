"""An object that is written on a condition: that there is none yet, or that it is the one that was read.

pyarrow has no such request. S3 has had it since 2024, by ETags
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html), Google Cloud Storage by
generations (https://cloud.google.com/storage/docs/request-preconditions); their own clients come with extras.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from wit_pipeline.vocabulary.extras import needs
from wit_pipeline.vocabulary.store import StorePath


class Taken(Exception):
    """The condition did not hold: somebody else was first."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it was read."""

    content: bytes
    version: str


class Object(Protocol):
    """What a store can do with one object. Each raises `OSError` where the store fails."""

    def read(self) -> Found | None:
        """The object, or None where there is none."""

    def write(self, content: bytes, instead_of: str | None) -> str:
        """Write it in place of a version, or of none; returns the new version. Raises `Taken`."""

    def delete(self, version: str) -> None:
        """Delete a version. Raises `Taken` where it is another by now."""


def object_at(path: StorePath) -> Object:
    """The object at a path; a `UserError` where the store's client is not installed."""
    kind = _OnS3 if path.store.scheme == "s3" else _OnGoogle
    return kind(path)


def _endpoint(path: StorePath) -> str | None:
    settings = path.store.settings
    host = settings.get("endpoint_override")
    return f"{settings.get('scheme', 'https')}://{host}" if host else None


class _OnS3:
    def __init__(self, path: StorePath) -> None:
        needs("boto3", str(path))
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        self._errors = (BotoCoreError, ClientError)
        self._key = {"Bucket": path.store.name, "Key": path.key.partition("/")[2]}
        region = path.store.settings.get("region") or path.store.files.region
        try:
            self._client = boto3.client("s3", endpoint_url=_endpoint(path), region_name=region)
        except self._errors as error:
            raise OSError(f"{path}: {error}") from None

    def _ask(self, name: str, **given: Any) -> Any:
        try:
            return getattr(self._client, name)(**self._key, **given)
        except self._errors as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
            if code in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409"):
                raise Taken from None
            if code in ("NoSuchKey", "404"):
                raise FileNotFoundError from None
            raise OSError(str(error)) from None

    def read(self) -> Found | None:
        try:
            found = self._ask("get_object")
        except FileNotFoundError:
            return None
        return Found(found["Body"].read(), found["ETag"])

    def write(self, content: bytes, instead_of: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if instead_of is None else {"IfMatch": instead_of}
        try:
            return str(self._ask("put_object", Body=content, **condition)["ETag"])
        except FileNotFoundError:
            raise Taken from None  # what was to be replaced is gone

    def delete(self, version: str) -> None:
        try:
            self._ask("delete_object", IfMatch=version)
        except FileNotFoundError:
            raise Taken from None


class _OnGoogle:
    def __init__(self, path: StorePath) -> None:
        needs("google.cloud.storage", str(path))
        import google.cloud.storage as storage
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import GoogleAuthError

        self._errors = (GoogleAPIError, GoogleAuthError)
        endpoint = _endpoint(path)
        nobody = path.store.bucket.startswith("anonymous@") or (endpoint or "").startswith("http:")
        try:
            client = storage.Client(
                project="none" if nobody else None,
                credentials=AnonymousCredentials() if nobody else None,  # type: ignore[no-untyped-call]
                client_options={"api_endpoint": endpoint} if endpoint else None,
            )
        except (*self._errors, OSError) as error:
            raise OSError(f"{path}: {error}") from None
        self._bucket, self._name = client.bucket(path.store.name), path.key.partition("/")[2]

    def _ask(self, name: str, *given: Any, **conditions: Any) -> Any:
        blob = self._bucket.blob(self._name)
        try:
            return blob, getattr(blob, name)(*given, **conditions)
        except self._errors as error:
            code = getattr(error, "code", None)
            if code == 412:
                raise Taken from None
            if code == 404:
                raise FileNotFoundError from None
            raise OSError(str(error)) from None

    def read(self) -> Found | None:
        try:
            blob, _ = self._ask("reload")
            _, content = self._ask("download_as_bytes", if_generation_match=blob.generation)
        except (FileNotFoundError, Taken):  # the latter: it went between the two
            return None
        return Found(content, str(blob.generation))

    def write(self, content: bytes, instead_of: str | None) -> str:
        blob, _ = self._ask("upload_from_string", content, if_generation_match=int(instead_of or 0))
        return str(blob.generation)

    def delete(self, version: str) -> None:
        try:
            self._ask("delete", if_generation_match=int(version))
        except FileNotFoundError:
            raise Taken from None
