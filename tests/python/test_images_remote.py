"""Stores on servers: read from one on this machine, and refused where none answers."""

from __future__ import annotations

import functools
import http.server
import pickle
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.files import FileSource
from cytoloom.errors import InvalidError
from cytoloom.images import probe, read, read_labels, remote, scenes, tensor_store
from cytoloom.images.files import read_part
from cytoloom.images.reader import Part
from extras import need
from volume_files import write_n5
from zarr_files import grey, said_of, write_array, write_image, write_labels

need("zarr", "volumes")
need("tensorstore", "volumes")
ARRAY = grey((4, 30, 40))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing."""

    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.end_headers()
        else:
            super().do_GET()

    def end_headers(self):
        # S3 always says this of a file
        self.send_header("ETag", '"1"')
        super().end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """Serve the folder of the test on loopback; yields its address and what was asked for."""
    handler = type("Handler", (_Quiet,), {"asked": []})
    made = functools.partial(handler, directory=str(tmp_path))
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), made)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}", handler.asked
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture
def hasty(monkeypatch):
    """Give up soon."""
    few = {"max_retries": 1, "initial_delay": "10ms", "max_delay": "10ms"}
    monkeypatch.setattr(tensor_store, "_RETRIES", few)
    monkeypatch.setattr(tensor_store, "LIMIT_S", 0.5)
    tensor_store._context.cache_clear()
    yield
    tensor_store._context.cache_clear()


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr_on_a_server_is_read_as_on_disk(tmp_path, server, version):
    write_image(tmp_path / "a.zarr", ARRAY, "zyx", (2, 0.5, 0.5), version)
    labels = np.zeros((4, 30, 40), np.uint16)
    labels[:, 3:9, 3:9] = 7
    write_labels(tmp_path / "a.zarr", labels, version=version)
    url = f"{server[0]}/a.zarr"
    image = read(url)
    assert (image.name, image.axes, image.pixel_size_um) == ("a", "zyxc", (2, 0.5, 0.5))
    np.testing.assert_array_equal(image.array[..., 0], ARRAY)
    np.testing.assert_array_equal(read_labels(f"{url}/labels/labels"), labels)
    (item,) = as_data(url).items
    np.testing.assert_array_equal(item.annotations[0].read(), labels)
    write_image(tmp_path / "bare.zarr", ARRAY, "zyx")
    with pytest.raises(InvalidError, match="label images of its own"):
        as_data(f"{server[0]}/bare.zarr")
    np.testing.assert_array_equal(read(f"{url}:/0").array[..., 0], ARRAY)
    np.testing.assert_array_equal(read_labels(f"{url}/labels/labels:/0"), labels)
    made = cl.convert(url, tmp_path / "copy.zarr", progress=False)
    np.testing.assert_array_equal(read(made).array[..., 0], ARRAY)


def test_of_a_server_only_the_chunks_that_are_wanted_are_asked_for(tmp_path, server):
    """Chunks of 4 x 16 x 16: the first box meets one of six."""
    write_image(tmp_path / "a.zarr", ARRAY, "zyx")
    url, asked = server
    path = Path(f"{url}/a.zarr")
    info = probe(path)
    asked.clear()
    box = (slice(0, 4), slice(2, 9), slice(0, 10))
    np.testing.assert_array_equal(read_part(path, Part(region=box))[..., 0], ARRAY[box])
    assert info.regions
    assert [one for one in asked if "/c/" in one] == ["/a.zarr/0/c/0/0/0"]


def test_an_address_goes_to_other_processes_and_folders(tmp_path, server, monkeypatch):
    write_image(tmp_path / "a.zarr", ARRAY, "zyx")
    source = pickle.loads(pickle.dumps(FileSource(f"{server[0]}/a.zarr")))
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(source.read()[..., 0], ARRAY)


def test_arrays_and_n5_on_a_server(tmp_path, server):
    write_array(tmp_path / "a.zarr", ARRAY)
    write_n5(tmp_path / "b.n5" / "raw", ARRAY, axes=["x", "y", "z"])
    for name, axes in (("a.zarr", "zyx"), ("b.n5/raw", None)):
        found = read(f"{server[0]}/{name}", axes=axes)
        np.testing.assert_array_equal(found.array[..., 0], ARRAY)


def test_a_server_may_send_elsewhere_as_hugging_face_does(tmp_path, server):
    write_image(tmp_path / "a b.zarr", ARRAY, "zyx")
    found = read(f"{server[0]}/moved/a b.zarr")
    np.testing.assert_array_equal(found.array[..., 0], ARRAY)


def test_a_series_on_a_server_is_counted(tmp_path, server):
    said_of(tmp_path / "a.zarr", {"bioformats2raw.layout": 3})
    for k in range(2):
        write_image(tmp_path / "a.zarr" / str(k), ARRAY + k, "zyx")
    assert scenes(f"{server[0]}/a.zarr") == ("0", "1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nothing.zarr", "Received: nothing of these"),
        ("a.tif", "other formats are downloaded first"),
        ("group.zarr", "a server does not list"),
        ("cut.zarr/0", "cannot be reached|whole store"),
    ],
)
def test_what_is_no_store_on_a_server_gets_one_sentence(tmp_path, server, name, expected):
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    said_of(tmp_path / "group.zarr", {})
    write_image(tmp_path / "cut.zarr", ARRAY, "zyx")
    chunk = next(p for p in (tmp_path / "cut.zarr").rglob("*") if p.name == "0" and p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:40])
    with pytest.raises(InvalidError, match=expected) as caught:
        read(f"{server[0]}/{name}")
    assert "http://127" in str(caught.value)


def test_a_server_that_is_not_there_gets_one_sentence(hasty):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for action in (read, cl.check, probe):
        with pytest.raises(InvalidError, match="a server that can be reached"):
            action(f"http://127.0.0.1:{port}/a.zarr")


def test_a_server_that_never_answers_is_given_up_after_a_time(hasty):
    """It takes connections and says nothing: half a second here, a minute by default."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with pytest.raises(InvalidError, match=r"no answer within 0"):
            read(f"http://127.0.0.1:{silent.getsockname()[1]}/a.zarr")
        assert time.monotonic() - began < 5


def test_s3_is_asked_where_the_environment_says(tmp_path, server, monkeypatch):
    """A server of another company than Amazon, without credentials."""
    write_image(tmp_path / "bucket-one" / "x" / "a.zarr", ARRAY, "zyx")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server[0])
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    found = read("s3://bucket-one/x/a.zarr")
    np.testing.assert_array_equal(found.array[..., 0], ARRAY)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("hf://datasets/a/b.zarr", "huggingface.co"),
        ("gcs://a/b.zarr", "gs://"),
        ("file:///a/b.zarr", "path itself"),
        ("ftp://a/b.zarr", "https://"),
        ("https://a/b.zarr?signature=1", "the folder itself"),
    ],
)
def test_addresses_of_other_kinds_get_one_sentence(url, remedy):
    with pytest.raises(InvalidError, match=remedy):
        read(url)
    with pytest.raises(InvalidError, match=remedy):
        cl.check(url)


def test_nothing_is_written_to_a_server(tmp_path):
    np.save(tmp_path / "a.npy", ARRAY)
    with pytest.raises(InvalidError, match="a place on disk"):
        cl.convert(tmp_path / "a.npy", "s3://bucket-one/a.zarr")
    with pytest.raises(InvalidError, match="a place on disk"):
        cl.volumes.write("https://host/a.zarr", ARRAY)


def test_folders_that_look_like_addresses_are_folders():
    assert remote.address("here/https/a.zarr") is None
    assert remote.address("C:/data/a.zarr") is None
    assert remote.address("s3:/bucket/a.zarr") == "s3://bucket/a.zarr"
