"""Secrets are referred to, never held, and nothing that is printed shows one."""

import traceback
from pathlib import Path

import msgspec
import pytest

from linewatch.errors import SiteError
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.load import check_site, load_site
from linewatch.site.secrets import Secret, is_secret_key, resolve_secrets
from tests.unit.site.written import write_site

HUSH = "hunter2"


@pytest.mark.parametrize(
    "line",
    [
        f'password = "{HUSH}"',
        f'mqtt_password = "{HUSH}"',
        f'password = {{ env = "A", also = "{HUSH}" }}',
        f'password = {{ value = "{HUSH}" }}',
        f'tokens = ["{HUSH}"]',
        f'apiKey = "{HUSH}"',
        f'client-secret = "{HUSH}"',
        f'key_file = "/keys/{HUSH}.pem"',
        f'tls = {{ private_key = "{HUSH}" }}',
        f'address = "mqtt://user:{HUSH}@10.0.0.1:1883"',
        f'address = "https://10.0.0.1/feed?x=1&token={HUSH}"',
        f'headers = {{ x = "Bearer {HUSH}" }}',
        f'pem = "-----BEGIN EC PRIVATE KEY-----{HUSH}"',
        "pin_token = 4711",
    ],
)
def test_a_literal_secret_is_a_problem_that_does_not_repeat_it(tmp_path: Path, line: str) -> None:
    for good in ('password = { env = "MQTT_PASSWORD" }', 'key_file = { file = "cot.pem" }', "stream_silence_s = 2.0"):
        folder = write_site(tmp_path, {"site.toml": (good, line)})
        checked = check_site(folder)
        assert checked.problems, good
        for problem in checked.problems:
            assert problem.found == "a literal value (not shown)"
            assert problem.allowed.startswith('{ env = "NAME" } or { file = "PATH" }')
        with pytest.raises(SiteError) as raised:
            load_site(folder)
        assert HUSH not in str(checked) + "".join(traceback.format_exception(raised.value))


def test_an_address_to_look_through_holds_no_password(tmp_path: Path) -> None:
    checked = check_site(write_site(tmp_path, {"site.toml": ("rtsp://", f"rtsp://admin:{HUSH}@")}))
    assert [problem.key for problem in checked.problems] == ["sensor[2].view_url"]
    assert HUSH not in str(checked)


def test_an_unknown_key_is_told_without_its_value(tmp_path: Path) -> None:
    checked = check_site(write_site(tmp_path, {"site.toml": ('cabinet = "K3"', f'pasword = "{HUSH}"')}))
    assert [problem.key for problem in checked.problems] == ["sensor[0].pasword"]
    assert HUSH not in str(checked)


@pytest.mark.parametrize(
    "key", ["password", "PASSWORD", "db_passwd", "accessToken", "api-key", "keyfile", "key_file", "psk"]
)
def test_what_sounds_like_a_secret_is_taken_for_one(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "key", ["token_bucket", "keyboard", "passage_m", "secretary", "monkey", "key", "sensors", "keep_s"]
)
def test_what_only_looks_like_a_secret_is_none(key: str) -> None:
    assert not is_secret_key(key)


def test_references_are_resolved_only_when_asked_and_never_enter_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", HUSH)
    (tmp_path / "cot.pem").write_text(f"{HUSH}\n")
    site = load_site(write_site(tmp_path))
    before = site_fingerprint(site)
    password = resolve_secrets(site.sources[0].settings, site.folder)["password"]
    key = resolve_secrets(site.notifiers[0].settings, site.folder)["key_file"]
    assert (password, key) == (HUSH, HUSH)
    assert HUSH not in repr(site)
    assert HUSH.encode() not in msgspec.json.encode(site)
    assert site_fingerprint(site) == before


def test_a_resolved_secret_does_not_show_itself_nor_go_into_a_record() -> None:
    settings = resolve_secrets({"a": [{"b": {"env": "X"}}], "c": 1}, ".", {"X": HUSH})
    assert settings["a"][0]["b"] == HUSH
    assert settings["c"] == 1
    assert repr(settings) == "{'a': [{'b': Secret(not shown)}], 'c': 1}"
    with pytest.raises(TypeError):
        msgspec.json.encode(settings)
    with pytest.raises(TypeError):
        msgspec.msgpack.encode(Secret(HUSH))


def test_every_reference_that_leads_nowhere_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "huge").write_bytes(b"x" * 70_000)
    (tmp_path / "raw").write_bytes(b"\xff\xfe")
    files = [{"file": name} for name in ("missing", "empty", "huge", "raw")]
    with pytest.raises(SiteError) as raised:
        resolve_secrets({"files": files, "a": {"env": "NO"}, "b": {"env": "VOID"}}, tmp_path, {"VOID": ""})
    assert [f"{problem.file}: {problem.key}: {problem.found}" for problem in raised.value.problems] == [
        "missing: file: no such file",
        "empty: file: an empty file",
        "huge: file: 70000 bytes",
        "raw:1: text: the byte 0xff",
        "environment: NO: no such variable",
        "environment: VOID: an empty variable",
    ]


def test_the_line_end_of_a_secret_file_is_not_part_of_the_secret(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"  two words \r\n")
    assert list(resolve_secrets({"password": {"file": "a"}}, tmp_path).values()) == ["  two words "]
