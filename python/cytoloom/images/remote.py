"""Addresses of stores on servers, which pathlib takes for files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import InvalidError, invalid

_READ = "https?|s3|gs"
_OTHERS = "hf|ftps?|sftp|ssh|file|gcs|abfss?|azure|az|adl|hdfs|memory|webdav|smb|omero"
# pathlib takes two slashes for one, and puts folders before what looks relative
_ADDRESS = re.compile(rf"(?:.*[/\\])?({_READ}|{_OTHERS}):[/\\]{{1,3}}(.*)", re.I | re.S)


def address(path: str | Path) -> str | None:
    """Return the address that a path is; None for one on disk.

    Examples
    --------
    >>> address(Path("https://host/a.zarr")), address("/here/s3:/bucket/a.zarr/0")
    ('https://host/a.zarr', 's3://bucket/a.zarr/0')
    >>> address("a.h5:/raw") is None
    True
    """
    match = _ADDRESS.fullmatch(str(path))
    return None if match is None else f"{match[1].lower()}://" + match[2].replace("\\", "/")


def shown(path: str | Path) -> str:
    """Return a path as people write it: an address with both of its slashes.

    Examples
    --------
    >>> shown(Path("https://host/a.zarr")), shown(Path("a.zarr"))
    ('https://host/a.zarr', 'a.zarr')
    """
    return address(path) or str(path)


def spec(url: str) -> object:
    """Return how tensorstore opens a folder on a server.

    Of S3 those who have no credentials in the environment or their home are strangers, as
    public buckets want them. ``AWS_ENDPOINT_URL`` names other servers that speak S3.

    Examples
    --------
    >>> spec("https://host/a.zarr")
    'https://host/a.zarr/'
    >>> spec("s3://bucket/a.zarr")["path"]
    'a.zarr/'
    """
    kind, _, rest = url.partition("://")
    if kind != "s3":
        return f"{url.rstrip('/')}/"
    bucket, _, key = rest.strip("/").partition("/")
    found: dict[str, object] = {"driver": "s3", "bucket": bucket, "path": f"{key}/"}
    server = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if server:
        found |= {"endpoint": server, "aws_region": region or "us-east-1"}
    if not _has_credentials():
        found["aws_credentials"] = {"type": "anonymous"}
    return found


def _has_credentials() -> bool:
    """Whether someone said who they are to Amazon; to ask its machines takes long elsewhere."""
    said = any(n.startswith("AWS_") and n.endswith(_OF_KEYS) for n in os.environ)
    return said or (Path("~/.aws/credentials").expanduser()).is_file()


_OF_KEYS = ("_ACCESS_KEY_ID", "_PROFILE", "_TOKEN_FILE", "_RELATIVE_URI", "_FULL_URI")


def refuse_unread(url: str) -> None:
    """Say of addresses of other kinds what to give instead."""
    kind = url.partition("://")[0]
    if re.fullmatch(_READ, kind):
        if "?" in url or "#" in url:
            remedy = "Copy it to a disk, or give the address of the folder itself."
            got = "one with more behind it, such as a signature"
            raise invalid(url, expected="the address of a folder", received=got, remedy=remedy)
        return
    remedies = {
        "hf": "Give the address of the files: https://huggingface.co/datasets/OWNER/NAME/resolve/main/a.zarr.",
        "file": "Give the path itself, without file://.",
        "gcs": "Write gs:// for Google's storage.",
    }
    remedy = remedies.get(kind, "Copy it to a disk, or give an address that begins with https://.")
    expected = "an address that begins with https://, s3:// or gs://"
    raise invalid(url, expected=expected, received=f"one that begins with {kind}://", remedy=remedy)


def not_a_store(url: str) -> InvalidError:
    """Build the error where there is no store at an address."""
    return invalid(
        url,
        expected="an image in OME-Zarr, or an array of Zarr or N5",
        received="nothing of these",
        remedy="Give the folder that holds zarr.json, .zattrs or attributes.json; files of other "
        "formats are downloaded first.",
    )
