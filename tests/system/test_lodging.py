"""Heads leave the machine: folder, web address, and a real time-stamping authority made with openssl."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from linewatch.app.lodging import lodge
from linewatch.errors import ChainError, DeliveryError, InputError, StoreError
from linewatch.store import read_anchor, verify
from linewatch.store.stamp import check_stamp, stamp_request
from tests.system.bench import linewatch
from tests.unit.store.writing import opened, write_store, write_tick

CONF = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
[ext]
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
authorityKeyIdentifier = keyid
subjectKeyIdentifier = hash
"""


def openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, list[bytes]]]:
    """Address, root certificate and what else was posted; `/stamp` is a time-stamping authority."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no authority to ask")
    folder = tmp_path_factory.mktemp("authority")
    (folder / "conf").write_text(CONF.format(folder=folder))
    (folder / "serial").write_text("01\n")
    new = ("-newkey", "rsa:2048", "-nodes", "-keyout")
    ca_ext = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(
        "req", "-x509", *new, folder / "ca.key", "-out", folder / "ca.pem", "-days", 2, "-subj", "/CN=root", *ca_ext
    )
    openssl("req", "-new", *new, folder / "tsa.key", "-out", folder / "tsa.csr", "-subj", "/CN=stamps")
    signed = ("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", 2)
    ext = ("-extfile", folder / "conf", "-extensions", "ext")
    openssl("x509", "-req", "-in", folder / "tsa.csr", *signed, *ext, "-out", folder / "tsa.pem")
    posted: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = b"{}"
            if self.path == "/stamp":
                (folder / "asked").write_bytes(body)
                told = ("-queryfile", folder / "asked", "-out", folder / "answer")
                openssl("ts", "-reply", "-config", folder / "conf", *told)
                answer = (folder / "answer").read_bytes()
            else:
                posted.append(self.headers.get("Authorization", "").encode() + b" " + body)
            self.send_response(200 if self.path in ("/stamp", "/heads") else 403)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder / "ca.pem", posted
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_stamped_head_vouches_for_the_store_and_the_stamp_for_the_head(
    tmp_path: Path, authority: tuple[str, Path, list[bytes]]
) -> None:
    address, roots, _ = authority
    store = write_store(tmp_path / "store")
    done = lodge(store, (str(tmp_path / "elsewhere"),), authority=f"{address}/stamp")
    head, stamp = (Path(place) for place in done.places)
    assert done.stamped and (head.suffix, stamp.suffix) == (".json", ".tsr")
    assert verify(store, read_anchor(str(head))).status == "ok"
    checked = linewatch("lodge", head, "--check", roots)
    assert checked.returncode == 0 and "says the authority" in checked.stdout, checked.stderr
    openssl("ts", "-verify", "-data", head, "-in", stamp, "-CAfile", roots)  # as anybody else would
    with pytest.raises(ChainError, match="it is the stamp of another head"):
        check_stamp(head.read_bytes() + b" ", stamp.read_bytes(), roots, "x.tsr")
    raw = bytearray(stamp.read_bytes())
    raw[-5] ^= 1
    with pytest.raises(ChainError, match=r"x\.tsr: "):
        check_stamp(head.read_bytes(), bytes(raw), roots, "x.tsr")


def test_a_stamp_by_another_authority_does_not_hold(tmp_path: Path, authority: tuple[str, Path, list[bytes]]) -> None:
    address, _, _ = authority
    store = write_store(tmp_path / "store")
    head, stamp = (Path(p) for p in lodge(store, (str(tmp_path / "out"),), authority=f"{address}/stamp").places)
    other = tmp_path / "other.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "k", "-out", other, "-subj", "/CN=o")
    with pytest.raises(ChainError, match="its signature does not hold"):
        check_stamp(head.read_bytes(), stamp.read_bytes(), other, "x.tsr")


def test_a_web_address_gets_the_head_and_the_token(tmp_path: Path, authority: tuple[str, Path, list[bytes]]) -> None:
    address, _, posted = authority
    store = write_store(tmp_path / "store")
    done = lodge(store, (f"{address}/heads",), token="secret")  # noqa: S106
    who, _, body = posted[-1].partition(b" {")
    assert who == b"Bearer secret" and json.loads(b"{" + body)["code"] == done.code
    with pytest.raises(DeliveryError, match="did not take the head"):
        lodge(store, (f"{address}/elsewhere",))
    with pytest.raises(DeliveryError, match="did not take the head"):
        lodge(store, ("http://127.0.0.1:9/",))


def test_a_lodged_head_is_never_written_over(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store")
    (first,) = lodge(store, (str(tmp_path / "out"),)).places
    assert lodge(store, (str(tmp_path / "out"),)).places == (first,)  # the same again
    Path(first).write_text("what somebody else has put there")
    with pytest.raises(StoreError, match="found another head of the same place"):
        lodge(store, (str(tmp_path / "out"),))
    with opened(store) as journal:
        write_tick(journal, 80)
    assert lodge(store, (str(tmp_path / "out"),)).places != (first,)


def test_a_store_that_was_rewritten_by_the_owner_of_the_key_fails_against_its_lodged_head(tmp_path: Path) -> None:
    (head,) = lodge(write_store(tmp_path / "store", 20), (str(tmp_path / "out"),)).places
    rewritten = write_store(tmp_path / "rewritten", 19)  # whole in itself, but another history
    assert verify(rewritten).status == "unanchored"
    assert verify(rewritten, read_anchor(head)).status == "broken"


def test_bad_places_are_told_in_one_line(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store")
    with pytest.raises(InputError, match="found scheme 'ftp'; allowed: http, https, or a folder"):
        lodge(store, ("ftp://somewhere/",))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        lodge(store, (str(tmp_path / "file"),))
    assert len(stamp_request(b"x")) < 100  # a hash goes out, and nothing of the store
