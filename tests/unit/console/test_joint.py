"""Several sites on one console: one sign-in, one queue to join, and nothing of one site opens another."""

import contextlib
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pytest

from linewatch.app.console_process import needs_of
from linewatch.app.simulated import site_of
from linewatch.clock import WallClock
from linewatch.console.api_joint import SharedFront
from linewatch.console.joint import Absent, Joint, joint_of, key_of, make_joint_app
from linewatch.console.server import listen, server_of
from linewatch.console.settings import ConsoleSettings
from linewatch.errors import InputError
from linewatch.records.vocabulary import Role
from linewatch.store.users import UserStore, open_users
from tests.unit.console.bench import PASSWORD, QUICK, SCENE, wait_for

PEOPLE: dict[str, dict[str, Role]] = {
    "North line": {"watch1": "operator", "boss1": "administrator"},
    "South line": {"watch1": "viewer", "other1": "operator"},
}


class Sites(NamedTuple):
    client: httpx.Client
    joint: Joint
    users: list[UserStore]

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        self.client.cookies.clear()
        return self.client.post("/api/login", json={"name": name, "password": password})

    def sites(self) -> dict[str, dict[str, object]]:
        return {each["name"]: each for each in self.client.get("/api/sites").json()["sites"]}


@contextlib.contextmanager
def sites_over(folders: dict[str, Path]) -> Iterator[Sites]:
    users = [open_users(folder, QUICK) for folder in folders.values()]
    for name, own in zip(folders, users, strict=True):
        for person, role in PEOPLE[name].items():
            own.add(person, role, PASSWORD, must_change=False, now_ns=0)
    settings = ConsoleSettings(port=0)
    needs = [
        needs_of(msgspec.structs.replace(site_of(SCENE), name=name), folder, own, WallClock())
        for (name, folder), own in zip(folders.items(), users, strict=True)
    ]
    joint = joint_of(needs, [Absent("east", "found no such file")], settings)
    sock = listen(settings)
    ready = threading.Event()
    server = server_of(make_joint_app(joint, SharedFront(joint).routes()), settings, ready.set)
    thread = threading.Thread(target=lambda: server.run(sockets=[sock]), daemon=True)
    thread.start()
    assert ready.wait(20)
    wait_for(lambda: all(site.services.live.run for site in joint.sites))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{sock.getsockname()[1]}", timeout=20.0) as client:
            yield Sites(client, joint, users)
    finally:
        server.should_exit = True
        thread.join(20)
        sock.close()
        for own in users:
            own.close()


@pytest.fixture(scope="module")
def sites(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Two sites and one that could not be read."""
    folder = tmp_path_factory.mktemp("joint")
    folders = {name: Path(shutil.copytree(written, folder / name[:5])) for name in PEOPLE}
    with sites_over(folders) as sites:
        yield sites


def test_one_sign_in_opens_every_site_at_which_it_holds_each_with_its_own_role(sites: Sites) -> None:
    assert sites.sign_in("watch1").status_code == 204
    found = sites.sites()
    assert [found[name]["role"] for name in PEOPLE] == ["operator", "viewer"]
    assert found["North line"]["csrf"] != found["South line"]["csrf"]
    counters = sites.joint.sites[0].services.live.picture.counters()
    assert found["North line"]["state"]["raised"] == counters.raised > 0
    assert found["North line"]["waiting"]["priority"] == 1
    me = sites.client.get("/s/south-line/api/me").json()
    assert (me["role"], me["all_sites"]) == ("viewer", "../../")
    refused = sites.client.post("/s/south-line/api/shift/beat", json={}, headers={"x-csrf": me["csrf"]})
    assert refused.status_code == 403


def test_a_name_that_one_site_knows_opens_that_site_alone(sites: Sites) -> None:
    assert sites.sign_in("boss1").status_code == 204
    found = sites.sites()
    assert found["North line"]["signed_in"] is True and found["South line"]["signed_in"] is False
    assert found["South line"]["state"] is None and found["South line"]["waiting"] is None
    assert sites.client.get("/s/north-line/api/incidents").status_code == 200
    assert sites.client.get("/s/south-line/api/incidents").status_code == 401
    assert not any(entry.who == "boss1" for entry in sites.users[1].waiting_audits())


def test_the_cookie_of_one_site_opens_no_other(sites: Sites) -> None:
    sites.sign_in("boss1")
    secret = sites.client.cookies["lw_session_north-line"]
    sites.client.cookies.clear()
    for name in ("lw_session_south-line", "lw_session"):
        sites.client.cookies.set(name, secret)
    assert sites.client.get("/s/south-line/api/me").status_code == 401
    assert sites.client.get("/s/north-line/api/me").status_code == 401
    assert sites.client.get("/api/sites").status_code == 401


def test_a_wrong_password_opens_nothing_stands_in_every_site_and_is_throttled(sites: Sites) -> None:
    for _ in range(5):
        assert sites.sign_in("stranger", "not the password").status_code == 401
    assert sites.sign_in("stranger", "not the password").status_code == 429
    assert sites.client.get("/api/events").status_code == 401
    for own in sites.users:
        assert sum(e.kind == "login_refused" and e.who == "stranger" for e in own.waiting_audits()) == 5


def test_events_of_all_sites_come_in_one_stream_each_after_its_site(sites: Sites) -> None:
    sites.sign_in("watch1")
    seen: dict[str, set[str]] = {}
    site = kind = ""
    with sites.client.stream("GET", "/api/events") as stream:
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "site":
                site = json.loads(value)
            elif name == "data":
                assert json.loads(value)["run"] == {s.key: s.services.live.run for s in sites.joint.sites}[site]
                seen.setdefault(site, set()).add(kind)
            if len(seen) == 2:
                break
    assert seen == {"north-line": {"state"}, "south-line": {"state"}}
    wait_for(lambda: not any(each.services.live.events.listeners for each in sites.joint.sites))


def test_each_site_stands_under_its_path_with_its_own_interface(sites: Sites) -> None:
    answer = sites.client.get("/s/north-line", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "/s/north-line/")
    assert sites.client.get("/s/north-line/").headers["content-type"].startswith("text/html")
    assert "/api/incidents" in sites.client.get("/s/north-line/api/openapi.json").json()["paths"]
    assert set(sites.client.get("/api/openapi.json").json()["paths"]) == {
        "/api/sites", "/api/login", "/api/events", "/api/openapi.json",
    }  # fmt: skip
    for path in ("/s/west/", "/s/", "/api/incidents", "/s/north-line/api/nothing"):
        answer = sites.client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path
    assert "default-src 'none'" in sites.client.get("/").headers["content-security-policy"]


def test_a_site_that_cannot_be_served_is_named_with_the_reason(sites: Sites) -> None:
    sites.sign_in("watch1")
    east = sites.sites()["east"]
    assert (east["why"], east["signed_in"], east["key"]) == ("found no such file", False, "")


def test_names_become_paths_and_two_of_one_path_are_refused(sites: Sites) -> None:
    assert [key_of(name) for name in ("Łódź, odcinek 3", "  A--b ", "...")] == ["lodz-odcinek-3", "a-b", ""]
    needs = needs_of(site_of(SCENE), Path("/nowhere"), sites.users[0], WallClock())
    with pytest.raises(InputError, match="allowed: a name apart"):
        joint_of([needs, needs], [], ConsoleSettings())
