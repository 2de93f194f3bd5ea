"""Who may come in to the console, and who may not: passwords, cookies, tokens, roles, patience, hosts, bodies."""

import socket

import pytest

from linewatch.console.access import SAME_NAME
from linewatch.console.endpoint import Endpoint
from linewatch.console.server import ENDPOINTS
from linewatch.console.settings import ConsoleSettings, check_listening
from linewatch.errors import InputError
from tests.unit.console.bench import PASSWORD, PEOPLE, Console

OPEN = {"/api/login", "/api/openapi.json", "/api/situation.css"}


def path_of(endpoint: Endpoint) -> str:
    return endpoint.path.replace("{id}", "0" * 16).replace("{exhibit}", "x").replace("{name}", "look1")


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_nobody_comes_in_without_signing_in(console: Console, endpoint: Endpoint) -> None:
    answer = console.client.request(endpoint.method, path_of(endpoint), json={})
    assert (endpoint.path in OPEN) == (answer.status_code != 401)
    if answer.status_code == 401:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 401


@pytest.mark.parametrize("role", ["viewer", "maintainer", "auditor", "administrator", "operator", "supervisor"])
def test_a_role_may_do_what_its_list_says_and_nothing_else(console: Console, role: str) -> None:
    name = next(name for name, its in PEOPLE.items() if its == role)
    headers = console.sign_in(name)
    for endpoint in ENDPOINTS:
        if not endpoint.roles or endpoint.stream or endpoint.name == "logout":
            continue
        answer = console.client.request(endpoint.method, path_of(endpoint), json={}, headers=headers)
        assert (answer.status_code == 403) == (role not in endpoint.roles), (endpoint.name, answer.text)


def test_a_wrong_password_and_an_unknown_name_look_the_same(console: Console) -> None:
    said = [
        console.client.post("/api/login", json={"name": name, "password": "larch-anvil-2231"})
        for name in ("watch2", "nobody")
    ]
    assert [answer.status_code for answer in said] == [401, 401]
    assert said[0].json() == said[1].json()


def test_who_guesses_must_wait(console: Console) -> None:
    for _ in range(SAME_NAME):
        assert console.client.post("/api/login", json={"name": "audit1", "password": "no"}).status_code == 401
    refused = console.client.post("/api/login", json={"name": "audit1", "password": PASSWORD})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert console.client.post("/api/login", json={"name": "watch2", "password": PASSWORD}).status_code == 204


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(console: Console) -> None:
    answer = console.client.post("/api/login", json={"name": "watch1", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_a_change_needs_the_word_that_only_the_page_knows(console: Console) -> None:
    headers = console.sign_in("boss1")
    wish = {"name": "made1", "role": "viewer", "password": "larch-anvil-2231"}
    assert console.client.post("/api/users", json=wish).status_code == 403
    assert console.client.post("/api/users", json=wish, headers={"x-csrf": "guess"}).status_code == 403
    assert console.client.post("/api/users", json=wish, headers=headers).status_code == 200


def test_a_password_given_by_somebody_else_must_be_changed_first(console: Console) -> None:
    headers = console.sign_in("boss1")
    wish = {"name": "new1", "role": "viewer", "password": "larch-anvil-2231"}
    console.client.post("/api/users", json=wish, headers=headers)
    console.client.cookies.clear()
    console.client.post("/api/login", json={"name": "new1", "password": "larch-anvil-2231"})
    me = console.client.get("/api/me").json()
    assert me["must_change_password"]
    assert console.client.get("/api/incidents").status_code == 403
    change = {"old": "larch-anvil-2231", "new": "plover-quartz-55"}
    assert console.client.post("/api/password", json=change, headers={"x-csrf": me["csrf"]}).status_code == 204
    assert console.client.get("/api/incidents").status_code == 200


def test_signing_out_ends_the_session(console: Console) -> None:
    headers = console.sign_in("watch1")
    cookie = console.client.cookies["lw_session"]
    assert console.client.post("/api/logout", headers=headers).status_code == 204
    console.client.cookies.set("lw_session", cookie)
    assert console.client.get("/api/me").status_code == 401


def test_a_token_reads_and_does_nothing_else(console: Console) -> None:
    headers = console.sign_in("boss1")
    wish = {"name": "watch1", "label": "wall display", "scopes": ["read"]}
    made = console.client.post("/api/tokens", json=wish, headers=headers).json()
    console.client.cookies.clear()
    bearer = {"authorization": f"Bearer {made['secret']}"}
    assert console.client.get("/api/incidents", headers=bearer).status_code == 200
    assert console.client.post("/api/shift/note", json={"text": "x"}, headers=bearer).status_code == 403
    assert console.client.get("/api/incidents", headers={"authorization": "Bearer lw_guess"}).status_code == 401


def test_an_administrator_cannot_shut_the_own_door(console: Console) -> None:
    headers = console.sign_in("boss1")
    assert console.client.post("/api/users/boss1", json={"disabled": True}, headers=headers).status_code == 409
    assert console.client.post("/api/users/mend1", json={"disabled": True}, headers=headers).status_code == 200


def test_another_host_name_is_not_answered(console: Console) -> None:
    answer = console.client.get("/", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"name": 3, "password": "x"}', 422),
        (b'{"name": "a", "password": "x", "more": 1}', 422),
        (b"[" * 60_000, 422),
        (b'{"name": "\xff\xfe", "password": "x"}', 400),
        (b"x" * 70_000, 413),
    ],
)
def test_a_broken_body_is_told_what_is_wrong(console: Console, body: bytes, status: int) -> None:
    answer = console.client.post("/api/login", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["title"]


def test_a_body_that_hides_its_length_is_cut_off(console: Console) -> None:
    answer = console.client.post(
        "/api/login", content=iter([b"x" * 40_000] * 3), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


def test_a_body_of_another_kind_is_refused(console: Console) -> None:
    answer = console.client.post("/api/login", content=b"name=a", headers={"content-type": "text/plain"})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "path",
    [
        *("/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/assets/../../../server.py", "/%2e%2e/server.py", "/%00"),
        *("/api/../../server.py", "//etc/passwd", "/..\\..\\server.py", "/assets/..%252f..%252fserver.py"),
    ],
)
def test_a_path_trick_leads_nowhere(console: Console, path: str) -> None:
    host, port = console.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        said = b"".join(iter(lambda: raw.recv(65536), b""))
    assert said.split()[1] in (b"200", b"404")
    assert b"root:" not in said
    assert b"def serve" not in said


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/api/incidents/a/b"])
def test_an_unknown_path_of_the_interface_is_a_problem_document(console: Console, path: str) -> None:
    console.sign_in("look1")
    answer = console.client.get(path)
    assert answer.status_code in (403, 404)
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_answer_carries_the_policy(console: Console) -> None:
    for path in ("/", "/api/me", "/api/openapi.json"):
        policy = console.client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_an_error_inside_tells_nothing_of_the_inside(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    console.sign_in("look1")

    def fail() -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(console.services.live.picture, "counters", fail)
    answer = console.client.get("/api/incidents")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("settings", "stands", "words"),
    [
        (ConsoleSettings(host="0.0.0.0"), False, "without TLS"),  # noqa: S104 - what is to be refused
        (ConsoleSettings(host="example.org"), False, "without TLS"),
        (ConsoleSettings(port=70_000), False, "port"),
    ],
)
def test_it_does_not_listen_where_it_should_not(settings: ConsoleSettings, stands: bool, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_listening(settings, first_password_stands=stands)


def test_it_does_not_listen_to_others_while_the_first_password_stands(tmp_path) -> None:  # noqa: ANN001
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("")
    settings = ConsoleSettings(host="192.0.2.1", tls_certificate=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")
    with pytest.raises(InputError, match="first password"):
        check_listening(settings, first_password_stands=True)
    check_listening(settings, first_password_stands=False)
