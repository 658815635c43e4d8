"""Tests ../../jsr/web/server.py: what it answers, and what it refuses."""

import io
import re
import socket

import numpy as np
import pytest
from PIL import Image

import jsr
from jsr import infer
from jsr.web import server as web_server
from tests.web.client import decoded, encoded, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def client(folder):
    with serving(folder) as client:
        yield client


def _raw(client, data):
    """Sends bytes, ends the sending, and returns all that comes back."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def _headed(client, line, *headers):
    """Sends a request line and headers without a body; returns the status."""
    own = (f"Host: 127.0.0.1:{client.port}", f"X-Token: {client.token}")
    return int(_raw(client, "\r\n".join([f"{line} HTTP/1.1", *own, *headers, "", ""]).encode()).split()[1])


def test_other_machines_reach_no_port(client):
    """All of 127/8 is this machine, but a server that is bound to all of its addresses would answer at 127.0.0.2."""
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", client.port), timeout=5)


@pytest.mark.parametrize("host", ["evil.example:{}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:{}.evil.example", ""])
def test_foreign_host_is_refused(client, host):
    for path in ("/", "/page.js", "/jobs"):
        assert client.ask("GET", path, Host=host.format(client.port))[0] == 421


def test_own_hosts_are_served(client):
    for host in ("127.0.0.1", "localhost", "LOCALHOST"):
        assert client.ask("GET", "/jobs", Host=f"{host}:{client.port}")[0] == 200
    assert _headed(client, "GET /jobs", f"Host: localhost:{client.port}") == 421  # a second one


@pytest.mark.parametrize(
    "header, value, status",
    [
        ("Origin", "http://evil.example", 403),
        ("Origin", "http://127.0.0.1:1", 403),
        ("Origin", "https://127.0.0.1:{}", 403),
        ("Origin", "null", 403),
        ("Origin", "http://127.0.0.1:{}", 200),
        ("Sec-Fetch-Site", "cross-site", 403),
        ("Sec-Fetch-Site", "same-site", 403),
        ("Sec-Fetch-Site", "same-origin", 200),
        ("Sec-Fetch-Site", "none", 200),
    ],
)
def test_requests_of_other_pages_are_refused(client, header, value, status):
    given = {header.replace("-", "_"): value.format(client.port)}
    assert client.ask("GET", "/jobs", **given)[0] == status
    assert client.ask("GET", "/", **given)[0] == status


@pytest.mark.parametrize("token", [None, "", "x", "é", "\xff" * 43])
@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/settings"),
        ("GET", "/jobs"),
        ("GET", "/uploads/x"),
        ("GET", "/jobs/x/result"),
        ("POST", "/uploads"),
        ("POST", "/jobs"),
        ("POST", "/token"),
        ("DELETE", "/jobs/x"),
        ("DELETE", "/uploads/x"),
        ("GET", "/nothing"),
    ],
)
def test_requests_without_the_token_are_refused(client, token, method, path):
    assert client.ask(method, path, **{"X-Token": token})[0] == 403


def test_key_is_exchanged_once(tmp_path):
    with serving(tmp_path) as client:
        assert client.ask("POST", "/token", **{"X-Token": client.key})[1] == {"token": client.token}
        assert client.ask("POST", "/token", **{"X-Token": client.key})[0] == 403
        assert client.ask("GET", "/jobs", **{"X-Token": client.key})[0] == 403


@pytest.mark.parametrize(
    "order",
    [
        {"model": "/etc/passwd"},
        {"model": "../runs/srgan"},
        {"model": "hf://owner/name"},
        {"model": "srgan"},
        {"model": "blend:0.5,0.5"},
        {"model": ["bicubic"]},
        {},
        {"model": "blend"},
        {"model": "blend", "texture": 2, "restore": 0},
        {"model": "blend", "texture": float("nan"), "restore": 0},
        {"model": "blend", "texture": True, "restore": 0},
        {"model": "blend", "texture": "0.5", "restore": 0},
        "not JSON",
        "[]",
        "[" * 3000,
    ],
)
def test_models_are_those_of_the_list(client, order):
    upload = client.upload(encoded())["id"]
    assert client.ask("POST", "/jobs", order | {"upload": upload} if isinstance(order, dict) else order)[0] == 400
    assert client.ask("DELETE", f"/uploads/{upload}")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/../../etc/passwd",
        "/uploads/..",
        "/uploads/../../../../etc/passwd",
        "/uploads/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/jobs/..%5c..%5cx/view",
        "/server.py",
        "/../server.py",
        "/page/../server.py",
        "//etc/passwd",
        "/page.html/",
        "/\0",
        "http://[/",
        "*",
        "/" + "a" * 20000,
    ],
)
def test_no_path_leads_to_a_file(client, path):
    assert _headed(client, f"GET {path}") == 404
    assert _headed(client, f"DELETE {path}") == 404


def test_id_in_a_job_leads_to_no_file(client):
    for name in ("..", "../../etc/passwd", None, 3):
        assert client.ask("POST", "/jobs", {"model": "bicubic", "upload": name})[0] == 404


def test_sizes_are_limited_before_a_byte_is_read(client):
    """The body is never sent, so a server that reads it would wait."""
    assert _headed(client, "POST /uploads", f"Content-Length: {web_server.MAX_UPLOAD + 1}") == 413
    assert _headed(client, "POST /uploads", "Content-Length: 99999999999999999") == 413
    assert _headed(client, "POST /jobs", "Content-Length: 5000") == 413


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: -1"],
        ["Content-Length: +5"],
        ["Content-Length: 1_0"],
        ["Content-Length: 99999999999999999999"],
        ["Content-Length: five"],
    ],
)
def test_length_must_be_told(client, headers):
    for path in ("/uploads", "/jobs"):
        assert _headed(client, f"POST {path}", *headers) == 411


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS
        b"<img src=x>\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 65532,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    ],
)
def test_garbage_is_answered_in_one_line(client, data, capfd):
    answer = _raw(client, data)
    head, _, body = answer.rpartition(b"\r\n\r\n")
    assert re.fullmatch(rb'\{"error": "[\w -]+"\}\n', body)
    assert not head or re.match(rb"HTTP/1.0 (400|414|431|501|505) ", head)
    assert capfd.readouterr() == ("", "")


def test_upload_that_breaks_off_leaves_nothing(client, folder):
    names = set(folder.iterdir())
    head = f"POST /uploads HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\nX-Token: {client.token}\r\n"
    answer = _raw(client, head.encode() + b"Content-Length: 1000\r\n\r\n" + encoded()[:100])
    assert b"422" in answer and b"expected 1000 bytes, got 100" in answer
    assert set(folder.iterdir()) == names


@pytest.mark.parametrize("content", [b"", b"no picture", encoded()[:-30], encoded(1001, 1000)])
def test_bad_picture_is_refused_in_one_line_without_our_names(client, folder, content):
    names = set(folder.iterdir())
    status, answer, _ = client.ask("POST", "/uploads", content)
    assert status == 422 and answer["error"] and str(folder) not in answer["error"] and "\n" not in answer["error"]
    assert set(folder.iterdir()) == names


def test_bug_is_answered_and_its_traceback_printed(client, monkeypatch, capfd):
    monkeypatch.setattr(web_server.Queue, "states", lambda queue: 1 / 0)
    status, answer, _ = client.ask("GET", "/jobs")
    assert status == 500 and answer["error"].startswith("a bug of jsr")
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_full_disk_is_told(client, monkeypatch, folder):
    names = set(folder.iterdir())

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jsr.web.views.create", full)
    assert client.ask("POST", "/uploads", encoded())[:2] == (
        507,
        {"error": "cannot be stored: No space left on device"},
    )
    assert set(folder.iterdir()) == names


def test_names_on_disk_are_random(client, folder):
    first, second = (client.upload(encoded())["id"] for _ in range(2))
    assert first != second and all(re.fullmatch(r"[\w-]{22}", name) for name in (first, second))
    assert {first, second} <= {path.name for path in folder.iterdir()}
    client.ask("DELETE", f"/uploads/{first}")
    assert not (folder / first).exists() and (folder / second).exists()


def test_every_answer_forbids_what_browsers_would_guess(client):
    upload, job = client.start(encoded())
    client.finish(job)
    paths = ("/", "/page.css", "/page.js", "/settings", "/nothing", f"/uploads/{upload}", f"/jobs/{job}/view")
    for path in (*paths, f"/jobs/{job}/result?format=png"):
        _, _, headers = client.ask("GET", path)
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Cache-Control"] == "no-store", path
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path
        assert headers["Referrer-Policy"] == "no-referrer", path
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy and "Python" not in headers["Server"]


def test_scripts_and_styles_need_a_nonce_of_one_answer(client):
    nonces = []
    for _ in range(2):
        _, content, headers = client.ask("GET", "/")
        (nonce,) = set(re.findall(r"nonce-([\w-]+)", headers["Content-Security-Policy"]))
        assert set(re.findall('nonce="(.*?)"', content.decode())) == {nonce}
        assert client.token not in content.decode()
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def test_result_equals_that_of_upscale(client, tmp_path):
    """Also of the networks, and in the pixels of a lossy format by another way, the command's."""
    (tmp_path / "photo.png").write_bytes(encoded(12, 10))
    _, job = client.start(encoded(12, 10), "espcn")
    state = client.finish(job)
    assert (state["state"], state["height"], state["width"]) == ("done", 48, 40)
    expected = jsr.upscale(str(tmp_path / "photo.png"), "espcn")
    np.testing.assert_array_equal(decoded(client.result(job)), expected)
    for suffix in ("jpg", "webp", "tif"):
        target = tmp_path / f"large.{suffix}"
        assert infer.main([str(tmp_path / "photo.png"), "--model", "espcn", "-o", str(target), "-q"]) == 0
        assert client.result(job, suffix) == target.read_bytes()


def test_metadata_are_kept_as_the_command_keeps_them(client, tmp_path):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "A description", 6  # turned by a quarter
    content = encoded(6, 8, kind="JPEG", exif=exif.tobytes(), dpi=(300, 300), comment=b"A comment")
    (tmp_path / "photo.jpg").write_bytes(content)
    upload, job = client.start(content)
    client.finish(job)
    for suffix in ("png", "jpg", "tif", "webp"):
        target = tmp_path / f"large.{suffix}"
        infer.main([str(tmp_path / "photo.jpg"), "--model", "bicubic", "-o", str(target), "-q"])
        assert client.result(job, suffix) == target.read_bytes(), suffix
    # Both sides of the slider are upright, whatever a browser makes of the EXIF.
    before, after = (client.ask("GET", path)[1] for path in (f"/uploads/{upload}", f"/jobs/{job}/view"))
    assert decoded(before).shape == (8, 6, 3) and decoded(after).shape == (32, 24, 3)
    with Image.open(target.with_suffix(".png")) as image:
        assert image.getexif().get(0x0112, 1) == 1


def test_tiff_is_shown_as_png(client):
    upload, job = client.start(encoded(kind="TIFF"))
    client.finish(job)
    for path in (f"/uploads/{upload}", f"/jobs/{job}/view"):
        _, content, headers = client.ask("GET", path)
        assert headers["Content-Type"] == "image/png" and content.startswith(b"\x89PNG")
    np.testing.assert_array_equal(decoded(content), decoded(client.result(job, "tif")))


def test_losses_of_a_format_are_told(client):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 4), np.uint8)).save(file, "PNG")
    _, job = client.start(file.getvalue())
    client.finish(job)
    _, _, headers = client.ask("GET", f"/jobs/{job}/result?format=jpg")
    assert "transparency is laid over white" in headers["X-Notes"]
    for name in ("exe", "", "../x"):
        assert client.ask("GET", f"/jobs/{job}/result?format={name}")[0] == 400
