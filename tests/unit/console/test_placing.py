"""Sensors are looked at, tried elsewhere and moved from the page, by the roles that may, and the watch takes it up."""

from pathlib import Path

from linewatch.site.load import load_site
from tests.unit.console.bench import Console, console_over, wait_for
from tests.yards import Yard

MOVE = {"sensor": "radar-1", "at_m": 3000.0}


def test_a_move_is_tried_made_and_undone_by_a_maintainer_and_by_nobody_who_may_not(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    try:
        with console_over(yard.store, load_site(yard.folder)) as console:
            wait_for(lambda: console.services.live.state().watch == "up")
            told = {"placements": [MOVE], "reason": "new mast", "base": yard.standing().base}
            operator = console.sign_in("watch1")
            assert console.client.post("/api/site/versions", json=told, headers=operator).status_code == 403
            headers = console.sign_in("mend1")
            assert console.client.get("/api/site/sensors/radar-1").json()["at_m"] == 1000.0
            assert console.client.get("/api/site/sensors/radar-9").status_code == 404
            stands = console.client.get("/api/site/placing").json()
            assert (stands["here"], stands["why_not"], stands["undo"]) == (told["base"], "", None)
            walking = console.client.post("/api/site/preview", json={"placements": [MOVE]}, headers=headers).json()[0]
            assert (walking["line"], walking["mover"]) == ("main", "person_walking")
            assert any(part["after"] < part["before"] for part in walking["stretches"])
            assert any(part["after"] > part["before"] for part in walking["stretches"])
            assert yard.file.read_text() == yard.text
            done = console.client.post("/api/site/versions", json=told, headers=headers)
            assert done.status_code == 200, done.text
            assert load_site(yard.folder).sensor("radar-1").at_m == 3000.0
            other = {**told, "placements": [{**MOVE, "at_m": 3100.0}]}
            late = console.client.post("/api/site/versions", json=other, headers=headers)
            assert late.status_code == 409 and "has changed since" in late.json()["detail"]
            (version,) = console.client.get("/api/site/placing").json()["versions"]
            assert (version["number"], version["role"], version["reason"]) == (1, "maintainer", "new mast")
            undone = console.client.post(
                "/api/site/versions/1/undo", json={"reason": "a slip"}, headers=console.sign_in("boss1")
            )
            assert undone.status_code == 200, undone.text
            assert yard.file.read_text() == yard.text
    finally:
        yard.close()


def test_a_console_without_a_watch_over_files_says_so_and_keeps_nothing(console: Console) -> None:
    headers = console.sign_in("mend1")
    sensor = console.services.site.sensors[0]
    stands = console.client.get("/api/site/placing").json()
    assert stands["why_not"] != "" and stands["unplaced"] == []
    told = {"placements": [{"sensor": sensor.id, "offset_m": 1.0}], "reason": "x", "base": stands["base"]}
    assert console.client.post("/api/site/versions", json=told, headers=headers).status_code in (409, 503)
    beyond = {"placements": [{"sensor": sensor.id, "offset_m": 9e6}]}
    refused = console.client.post("/api/site/preview", json=beyond, headers=headers)
    assert refused.status_code == 422 and "offset_m: found 9000000" in refused.json()["detail"]
