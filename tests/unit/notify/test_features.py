"""OGC API - Features, asked over HTTP as a GIS program asks: landing page, collections, items, pages, boxes, times."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from linewatch.app.features import features_of
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from tests.unit.notify.made import incident, outage, site, writer

S = 1_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with writer(tmp_path) as made:
        made.write(incident("a", 41, raised_ns=10 * S, chainage_m=100.0))
        made.write(incident("b", 42, raised_ns=100 * S, closed_ns=200 * S, state="closed", chainage_m=4000.0), outage())
        made.write(outage(end_ns=30))
    return tmp_path


def watched() -> Site:
    bare = site()
    sensors = (
        Sensor(id="cam-1", kind="camera", line="main", at_m=500.0),
        Sensor(id="f1", kind="fibre_vibration", line="main", from_m=0.0, to_m=2000.0, channels=10),
    )
    return Site(name=bare.name, timezone=bare.timezone, lines=bare.lines, sensors=sensors)


def asked(store: Path, path: str, method: str = "GET", root: str = "") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=features_of(watched(), store), root_path=root)
        async with httpx.AsyncClient(transport=transport, base_url="http://gis") as client:
            return await client.request(method, root + path)

    return asyncio.run(ask())


def items(store: Path, path: str) -> dict[str, Any]:
    answer = asked(store, f"/collections/{path}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    found: dict[str, Any] = answer.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [feature["id"] for feature in found["features"]]


def test_a_gis_program_finds_its_way_from_the_landing_page_to_the_items(store: Path) -> None:
    links = {link["rel"]: link["href"] for link in asked(store, "/").json()["links"]}
    assert (
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
        in asked(store, links["conformance"]).json()["conformsTo"]
    )
    collections = asked(store, links["data"]).json()["collections"]
    assert [each["id"] for each in collections] == ["sections", "sensors", "incidents", "unwatched"]
    for each in collections:
        (where,) = [link["href"] for link in each["links"] if link["rel"] == "items"]
        assert asked(store, where).json()["type"] == "FeatureCollection"


def test_mounted_below_a_path_the_links_begin_there(store: Path) -> None:
    (link,) = [link for link in asked(store, "/", root="/features").json()["links"] if link["rel"] == "data"]
    assert link["href"] == "/features/collections"


def test_incidents_are_points_and_stretches_are_lines_with_longitude_first(store: Path) -> None:
    first = items(store, "incidents/items")["features"][0]
    assert first["geometry"]["type"] == "Point" and first["geometry"]["coordinates"][0] == pytest.approx(23.5, abs=0.01)
    assert first["properties"]["title"] == "Approach: at gate 3, km 0.100" and "_time" not in first
    for name in ("sections", "unwatched"):
        assert items(store, f"{name}/items")["features"][0]["geometry"]["type"] == "LineString"
    shapes = {f["id"]: f["geometry"]["type"] for f in items(store, "sensors/items")["features"]}
    assert shapes == {"cam-1": "Point", "f1": "LineString"}


def test_pages_lead_from_one_to_the_next(store: Path) -> None:
    first = items(store, "incidents/items?limit=1")
    assert (ids(first), first["numberMatched"], first["numberReturned"]) == (["a"], 2, 1)
    (more,) = [link["href"] for link in first["links"] if link["rel"] == "next"]
    second = asked(store, more).json()
    assert ids(second) == ["b"] and not any(link["rel"] == "next" for link in second["links"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("bbox=23.49,52.6,23.51,52.8", ["a"]),
        ("bbox=170,-10,-170,10", []),
        ("bbox=23,52,0,24,53,100", ["a", "b"]),
        ("datetime=1970-01-01T00:00:50Z", ["a"]),
        ("datetime=1970-01-01T00:05:00Z/..", ["a"]),
        ("datetime=../1970-01-01T00:02:00Z", ["a", "b"]),
    ],
)
def test_boxes_and_times_choose(store: Path, query: str, found: list[str]) -> None:
    assert ids(items(store, f"incidents/items?{query}")) == found


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("/collections/ufos/items", 404, "allowed: collections"),
        ("/collections/incidents/items/nobody", 404, "nobody"),
        ("/collections/incidents/items?bbox=1,2,3", 400, "bbox"),
        ("/collections/incidents/items?bbox=nan,1,2,3", 400, "bbox"),
        ("/collections/incidents/items?limit=0", 400, "limit"),
        ("/collections/incidents/items?limit=-1", 400, "limit"),
        ("/collections/incidents/items?limit=%C2%B2", 400, "limit"),
        ("/collections/incidents/items?offset=99999999999999", 400, "offset"),
        ("/collections/incidents/items?datetime=yesterday", 400, "datetime"),
        ("/collections/incidents/items?datetime=1970-01-01T00:00:00", 400, "datetime"),
        ("/collections/incidents/items?datetime=a/b/c", 400, "datetime"),
        ("/collections/incidents/items?colour=red", 400, "colour"),
        ("/collections/incidents/items?f=xml", 400, "f: "),
        ("/collections/incidents/items?&&", 400, "query"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_what_is_allowed(
    store: Path, path: str, status: int, named: str
) -> None:
    answer = asked(store, path)
    assert answer.status_code == status and named in answer.json()["description"]


def test_nothing_can_be_changed(store: Path) -> None:
    assert asked(store, "/collections/incidents/items", "POST").status_code == 405
