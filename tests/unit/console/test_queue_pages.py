"""A long queue comes page by page, and places are told as rescuers are told them."""

from linewatch.console.incident_view import incident_shape
from linewatch.console.picture import Changes
from linewatch.console.shapes import Position
from linewatch.console.situation import situation_page
from linewatch.records import Clip, ClipRequest
from tests.unit.console.bench import Console


def test_the_pages_of_the_queue_together_are_the_queue(console: Console) -> None:
    console.sign_in("look1")
    whole = [each["id"] for each in console.client.get("/api/incidents").json()["incidents"]]
    assert len(whole) >= 2
    pages: list[str] = []
    while page := console.client.get(f"/api/incidents?limit=1&skip={len(pages)}").json()["incidents"]:
        pages += [each["id"] for each in page]
    assert pages == whole
    assert console.client.get("/api/incidents?skip=-1").status_code == 400


def test_a_place_has_a_grid_reference(console: Console) -> None:
    console.sign_in("look1")
    told = console.client.get("/api/position?lon=23.5&lat=52.7").json()
    assert told == {"lon": 23.5, "lat": 52.7, "mgrs": "34UFD 68922 41831"}
    assert console.client.get("/api/position?lon=23.5&lat=91").status_code == 400


def test_the_printed_report_gives_position_and_grid_reference_of_each_incident(console: Console) -> None:
    console.sign_in("look1")
    services, queue = console.services, console.services.live.picture.open
    key = next(iter(queue))
    place = {key: Position(23.5, 52.7, services.grid(23.5, 52.7) if services.grid else "")}
    shape = incident_shape(queue[key])
    page = situation_page(services.site, services.live.state(), [shape], [], [], "operator at west", place)
    assert "52.70000, 23.50000<br>34UFD 68922 41831" in page


def test_an_incident_is_told_anew_once_it_has_a_picture_and_not_for_a_clip_that_was_refused(console: Console) -> None:
    picture = console.services.live.picture
    key = next(iter(picture.open))
    changes = Changes({}, [], set(), {})
    for number, file in enumerate(("", "clips/one.h5")):
        picture.take(10**9 + number, ClipRequest(f"r{number}", key, "cam-1", 0, 1), changes)
        picture.take(10**9 + number, Clip(f"r{number}", "cam-1", file, ""), changes)
        assert (key in picture.pictured) == bool(file) == (key in changes.incidents)
    assert changes.incidents[key].seq == 10**9 + 1
    picture.pictured.discard(key)
