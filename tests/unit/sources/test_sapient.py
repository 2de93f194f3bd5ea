"""SAPIENT both ways over real sockets: edge nodes in, a higher level out; every message checked, every refusal said."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage

from linewatch.errors import InputError, SiteError
from linewatch.ports import Item, Look
from linewatch.protocols.sapient import ClockRule, Frames, faults_of, frame, node_id_of, stamp, ulid_of
from linewatch.protocols.sapient_node import Seen, alert, detection, registration, status
from linewatch.records import Detections, Health
from linewatch.site.model import Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.build import build_source
from linewatch.sources.sapient.source import SapientSource
from tests.unit.notify.made import delivering, incident, outage, settled, site, until, writer

NODE = node_id_of("a camera")
OTHER = node_id_of("another camera")
STRANGER = node_id_of("a stranger")


def edge_site() -> Site:
    """The line of the notifiers' tests, with two cameras."""
    bare = site()
    cameras = tuple(
        Sensor(id=name, kind="camera", line="main", at_m=at, range_m=200.0)
        for name, at in (("cam-1", 500.0), ("cam-2", 1500.0))
    )
    return Site(name=bare.name, timezone=bare.timezone, lines=bare.lines, sensors=cameras)


def registered(node: str = NODE) -> SapientMessage:
    return registration(node, time.time_ns(), "edge", "1", 1.0)


def report(
    node: str = NODE, lon: float = 23.51, lat: float = 52.7034, name: str = "m1", **fields: object
) -> SapientMessage:
    seen = Seen(name, lon, lat, 4.0, 0.9, (("Human", 0.8),), **fields)  # type: ignore[arg-type]
    return detection(node, time.time_ns(), seen)


class Node:
    """An edge node that speaks through the other side's own library."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 5.0)
        self._frames = Frames()
        self._heard: list[SapientMessage] = []

    def say(self, *messages: SapientMessage) -> None:
        for message in messages:
            body = message.SerializeToString()
            self.socket.sendall(len(body).to_bytes(4, "little") + body)

    def hear(self) -> SapientMessage:
        self.socket.settimeout(5.0)
        while not self._heard:
            data = self.socket.recv(65536)
            assert data, "the link was closed"
            self._heard += [SapientMessage.FromString(body) for body in self._frames.feed(data)]
        return self._heard.pop(0)

    def is_closed(self) -> bool:
        self.socket.settimeout(5.0)
        try:
            return self.socket.recv(65536) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()


@contextmanager
def door(**more: object) -> Iterator[SapientSource]:
    """The source, listening on a free port."""
    settings = {"listen": "127.0.0.1:0", "sensors": {NODE: "cam-1", OTHER: "cam-2"}, **more}
    source = build_source(edge_site(), SourceSpec("sapient", settings))
    assert isinstance(source, SapientSource)
    source.start()
    try:
        yield source
    finally:
        source.close()


@contextmanager
def node_at(source: SapientSource) -> Iterator[Node]:
    node = Node(source.address[1])
    try:
        yield node
    finally:
        node.close()


def polled(source: SapientSource, enough: Callable[[list[Item]], bool]) -> list[Item]:
    """What the source gives until it is enough."""
    items: list[Item] = []

    def look() -> bool:
        items.extend(source.poll(time.time_ns() + 10**9))
        return enough(items)

    until(look, 5.0, "enough records")
    return items


def findings(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.sensor, item.condition) for item in items if isinstance(item, Health)]


def test_a_detection_report_becomes_a_detection_on_the_line() -> None:
    with door() as source, node_at(source) as node:
        node.say(registered())
        reply = node.hear()
        assert reply.registration_ack.acceptance and reply.destination_id == NODE
        node.say(report(north_mps=1.0))
        items = polled(source, lambda items: any(isinstance(item, Detections) for item in items))
        (batch,) = [item for item in items if isinstance(item, Detections)]
        assert batch.sensors == ("cam-1",) and 700.0 < batch.chainage_m[0] < 800.0 and abs(batch.offset_m[0]) < 60.0
        assert batch.probability[0] == pytest.approx(0.9, abs=0.01) and batch.mover_probabilities[0].argmax() == 0
        assert ("cam-1", "recovered") in findings(items)


def test_a_bearing_counts_from_where_the_site_says_that_the_sensor_stands() -> None:
    with door() as source, node_at(source) as node:
        message = report()
        message.detection_report.ClearField("location")
        bearing = message.detection_report.range_bearing
        bearing.coordinate_system, bearing.datum, bearing.range, bearing.azimuth = 1, 1, 100.0, 61.0
        node.say(registered(), message)
        items = polled(source, lambda items: any(isinstance(item, Detections) for item in items))
        (batch,) = [item for item in items if isinstance(item, Detections)]
        assert batch.chainage_m[0] == pytest.approx(600.0, abs=2.0) and abs(batch.offset_m[0]) < 5.0


def test_a_node_that_is_no_sensor_of_the_site_is_refused_with_the_reason_and_offered_for_placement() -> None:
    with door() as source, node_at(source) as node:
        node.say(registered(STRANGER))
        reply = node.hear()
        assert not reply.registration_ack.acceptance and "no sensor" in reply.registration_ack.ack_response_reason[0]
        assert node.is_closed() and source.status().unplaced == {f"node {STRANGER}": 1}
        assert ("", "unknown_sensor") in findings(polled(source, bool))


def test_a_node_cannot_speak_for_another() -> None:
    with door() as source, node_at(source) as node:
        node.say(registered())
        node.hear()
        node.say(report(OTHER))
        assert f"Expected node ID {NODE}" in node.hear().error.error_message[1]
        items = polled(source, lambda items: ("cam-1", "refused") in findings(items))
        assert not any(isinstance(item, Detections) for item in items)


def test_nothing_counts_before_a_registration() -> None:
    with door() as source, node_at(source) as node:
        node.say(report())
        assert "Expected a registration first" in node.hear().error.error_message


def without(field: str) -> SapientMessage:
    message = report()
    target, _, name = field.rpartition(".")
    holder = message
    for part in filter(None, target.split(".")):
        holder = getattr(holder, part)
    holder.ClearField(name)
    return message


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (
            without("detection_report.report_id"),
            "detection_report.report_id (mandatory): Missing mandatory field: report_id",
        ),
        (without("detection_report.object_id"), "Missing mandatory field: object_id"),
        (without("detection_report.location.x"), "detection_report.location.x (mandatory): Missing mandatory field: x"),
        (without("detection_report.location.datum"), "Missing mandatory field: datum"),
        (without("timestamp"), "timestamp (mandatory): Missing mandatory field: timestamp"),
        (without("node_id"), "node_id (mandatory): Missing mandatory field: node_id"),
        (without("detection_report"), "content (mandatory): Missing mandatory OneOf field: content"),
        (without("detection_report.location"), "Missing mandatory OneOf field: location_oneof"),
    ],
)
def test_a_missing_mandatory_field_is_named(message: SapientMessage, fault: str) -> None:
    assert any(fault in each for each in faults_of(message)), faults_of(message)


def test_a_whole_message_of_each_kind_that_we_send_has_no_fault() -> None:
    made = alert(NODE, 1, "a", text="x", priority=1, confidence=0.5, over=False, lon=1.0, lat=2.0, sigma_m=3.0)
    for message in (registered(), report(), status(NODE, 1, new=True, blind=("km 1",)), made):
        assert faults_of(message) == []


@pytest.mark.parametrize(
    ("at_ns", "fault"),
    [(0, "Timestamp delta"), (4_102_444_800 * 10**9, "Timestamp delta"), (time.time_ns() - 3600 * 10**9, "Timestamp")],
    ids=["1970", "2100", "an hour ago"],
)
def test_a_message_of_another_time_is_refused_and_counted(at_ns: int, fault: str) -> None:
    with door() as source, node_at(source) as node:
        node.say(registered())
        node.hear()
        message = report()
        stamp(message, at_ns)
        node.say(message)
        assert any(fault in each for each in node.hear().error.error_message)
        polled(source, lambda items: ("cam-1", "clock_skew") in findings(items))


def test_the_clock_rule_is_the_sites() -> None:
    message = report()
    stamp(message, 100 * 10**9)
    assert faults_of(message, received_ns=105 * 10**9, clock=ClockRule(behind_s=10.0)) == []
    assert faults_of(message, received_ns=105 * 10**9, clock=ClockRule(behind_s=0.9, ahead_s=0.1))


def test_a_wrong_version_is_refused_with_the_version() -> None:
    with door() as source, node_at(source) as node:
        message = registered()
        message.registration.icd_version = "BSI Flex 335 v1.0"
        node.say(message)
        assert "Unsupported ICD version: BSI Flex 335 v1.0" in node.hear().error.error_message[1]
        assert not node.hear().registration_ack.acceptance


@pytest.mark.parametrize("prefix", [b"\xff\xff\xff\x7f", b"\x00\x00\x00\x00", (2**20 + 1).to_bytes(4, "little")])
def test_a_frame_of_a_wrong_length_is_answered_and_ends_the_link(prefix: bytes) -> None:
    with door() as source, node_at(source) as node:
        node.socket.sendall(prefix + b"x" * 10)
        assert "found a length of" in node.hear().error.error_message[0]
        assert node.is_closed()


def test_bytes_that_are_no_message_are_answered_with_the_bytes() -> None:
    with door() as source, node_at(source) as node:
        node.socket.sendall(b"\x03\x00\x00\x00\xff\xff\xff")
        reply = node.hear()
        assert reply.error.packet == b"\xff\xff\xff" and reply.error.error_message[0].startswith("DecodeError")


def test_a_report_that_comes_twice_counts_once() -> None:
    with door() as source, node_at(source) as node:
        message = report()
        node.say(registered(), message, message)
        items = polled(source, lambda items: ("cam-1", "duplicate") in findings(items))
        assert sum(len(item) for item in items if isinstance(item, Detections)) == 1


def test_a_place_far_from_the_line_is_refused_with_what_is_allowed() -> None:
    with door() as source, node_at(source) as node:
        node.say(registered(), report(lat=10.0))
        node.hear()
        assert "allowed: within 5000 m of line 'main'" in node.hear().error.error_message[0]
        polled(source, lambda items: ("cam-1", "refused") in findings(items))


def test_a_node_that_does_not_detect_says_so_and_its_end_is_told() -> None:
    with door() as source, node_at(source) as node:
        node.say(registered(), status(NODE, time.time_ns(), new=True, blind=("fog",)))
        items = polled(source, lambda items: bool(findings(items)))
        node.say(status(NODE, time.time_ns(), new=True))
        items += polled(source, lambda items: ("cam-1", "heartbeat") in findings(items))
        node.close()
        items += polled(source, lambda items: ("cam-1", "link_lost") in findings(items))
        conditions = [condition for _, condition in findings(items)]
        assert conditions == ["recovered", "silent", "recovered", "heartbeat", "link_lost"]


def test_a_second_link_of_one_node_takes_over() -> None:
    with door() as source, node_at(source) as first, node_at(source) as second:
        first.say(registered())
        first.hear()
        second.say(registered())
        second.hear()
        assert first.is_closed()
        second.say(report())
        items = polled(source, lambda items: any(isinstance(item, Detections) for item in items))
        assert ("cam-1", "link_lost") not in findings(items)


def test_an_operators_look_at_reaches_the_node_and_its_answer_is_kept() -> None:
    with door() as source, node_at(source) as node:
        node.say(registered())
        node.hear()
        task_id = source.look_at("cam-1", 600.0)
        task = node.hear()
        assert faults_of(task) == [] and task.task.task_id == task_id and task.destination_id == NODE
        assert task.task.command.look_at.location_list.locations[0].y == pytest.approx(52.70, abs=0.01)
        answer = SapientMessage(node_id=NODE)
        stamp(answer, time.time_ns())
        answer.task_ack.task_id, answer.task_ack.task_status = task_id, 1
        node.say(answer)
        until(lambda: source.task_state(task_id) == "accepted")
        with pytest.raises(InputError, match="no connected node"):
            source.look_at("cam-2", 600.0)


def test_a_node_that_will_not_look_is_told_to_who_asked() -> None:
    with door() as source, node_at(source) as node:
        node.say(registered())
        node.hear()
        said: list[str] = []

        def ask() -> None:
            try:
                said.append(source.steer(Look("cam-1", at_m=600.0)))
            except InputError as error:
                said.append(f"refused: {error}")

        for status in (1, 2):  # accepted, rejected
            asking = threading.Thread(target=ask)
            asking.start()
            answer = SapientMessage(node_id=NODE)
            stamp(answer, time.time_ns())
            answer.task_ack.task_id, answer.task_ack.task_status = node.hear().task.task_id, status
            node.say(answer)
            asking.join(5.0)
        assert said[0].endswith(": accepted") and said[1].startswith("refused: sapient: the node has rejected")
        with pytest.raises(InputError, match="nodes have no presets"):
            source.steer(Look("cam-1", "gate"))


def test_an_alert_with_a_place_is_a_detection_and_is_acknowledged() -> None:
    with door() as source, node_at(source) as node:
        made = alert(
            NODE,
            time.time_ns(),
            "a",
            text="x",
            priority=1,
            confidence=0.7,
            over=False,
            lon=23.51,
            lat=52.7034,
            sigma_m=3.0,
        )
        node.say(registered(), made)
        node.hear()
        reply = node.hear()
        assert reply.alert_ack.alert_id == made.alert.alert_id and reply.alert_ack.alert_ack_status == 1
        polled(source, lambda items: any(isinstance(item, Detections) for item in items))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"listen": "0.0.0.0:5020"}, "private_network"),
        ({"listen": "nowhere"}, "ADDRESS:PORT"),
        ({"sensors": {"x": "cam-1"}}, "version 4"),
        ({"sensors": {NODE: "nobody"}}, "sensors of the site"),
        ({"lateness_s": 3.0}, "lateness_s"),
        ({"node_id": "x"}, "node_id"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(more: dict[str, object], named: str) -> None:
    with pytest.raises(SiteError) as raised:
        build_source(edge_site(), SourceSpec("sapient", {"sensors": {NODE: "cam-1"}, **more}))
    assert named in str(raised.value)


def test_ids_have_the_form_that_strict_middleware_asks_for() -> None:
    message = report()
    message.detection_report.object_id = ulid_of("anything")
    assert faults_of(message) == [] and node_id_of("x") == node_id_of("x") != node_id_of("y")


# --- upwards ----------------------------------------------------------------------------------------------------


class HigherLevel:
    """Takes one node after the other, accepts it, and keeps what it says."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(5.0)
        self.port = self._server.getsockname()[1]

    def take(self) -> Node:
        made = Node.__new__(Node)
        made.socket, _ = self._server.accept()
        made._frames, made._heard = Frames(), []
        return made

    def close(self) -> None:
        self._server.close()


def accepted(link: Node, *, refuse: str = "") -> SapientMessage:
    asked = link.hear()
    assert faults_of(asked) == [] and asked.registration.node_definition[0].node_type == 20
    reply = SapientMessage(node_id=STRANGER, destination_id=asked.node_id)
    stamp(reply, time.time_ns())
    reply.registration_ack.acceptance = not refuse
    if refuse:
        reply.registration_ack.ack_response_reason.append(refuse)
    link.say(reply)
    return asked


def heard_kinds(link: Node, enough: set[str]) -> dict[str, SapientMessage]:
    found: dict[str, SapientMessage] = {}
    while not enough <= found.keys():
        message = link.hear()
        assert faults_of(message) == [] and not message.destination_id
        found[message.WhichOneof("content")] = message
    return found


def test_a_higher_level_gets_alerts_and_what_is_not_watched(tmp_path: Path) -> None:
    above = HigherLevel()
    try:
        table = {"plugin": "sapient", "address": f"127.0.0.1:{above.port}", "status_s": 0.1}
        with writer(tmp_path) as store, delivering(store, site(table)) as delivery:
            store.write(incident("a", 41), outage())
            delivery.wake()
            link = above.take()
            accepted(link)
            said = heard_kinds(link, {"alert", "status_report"})
            assert "Approach" in said["alert"].alert.description and said["alert"].alert.status == 1
            assert said["alert"].alert.location.x == pytest.approx(23.5, abs=0.01)
            while not said["status_report"].status_report.status:  # the first report may be older than the outage
                said |= heard_kinds(link, {"status_report"})
            assert "km 0.500 to 0.900" in said["status_report"].status_report.status[0].status_value
            settled(delivery, store)
            link.close()
    finally:
        above.close()


def test_a_higher_level_that_refuses_us_is_told_of_with_its_reason(tmp_path: Path) -> None:
    above = HigherLevel()
    try:
        table = {"plugin": "sapient", "address": f"127.0.0.1:{above.port}"}
        with writer(tmp_path) as store, delivering(store, site(table)) as delivery:
            store.write(incident("a", 41))
            delivery.wake()
            link = above.take()
            accepted(link, refuse="not on the list")
            until(lambda: "not on the list" in delivery.status()[0].reason)
            assert not delivery.status()[0].up
            link.close()
    finally:
        above.close()


def test_an_alert_that_is_refused_is_passed_over_with_the_reason(tmp_path: Path) -> None:
    above = HigherLevel()
    try:
        table = {"plugin": "sapient", "address": f"127.0.0.1:{above.port}", "confirm": "alert_ack", "status_s": 60.0}
        with writer(tmp_path) as store, delivering(store, site(table)) as delivery:
            store.write(incident("a", 41))
            store.write(incident("b", 42))
            delivery.wake()
            link = above.take()
            accepted(link)
            for number in (2, 1):
                said = heard_kinds(link, {"alert"})["alert"]
                reply = SapientMessage(node_id=STRANGER)
                stamp(reply, time.time_ns())
                reply.alert_ack.alert_id, reply.alert_ack.alert_ack_status = said.alert.alert_id, number
                reply.alert_ack.reason.append("we have that one")
                link.say(reply)
            settled(delivery, store)
            assert (delivery.status()[0].delivered, delivery.status()[0].refused) == (1, 1)
            delivery.flush(store.journal, now=True)
            assert any("we have that one" in text for text in store.audits("delivery"))
            link.close()
    finally:
        above.close()


def test_what_goes_up_is_framed_as_the_other_side_reads_it() -> None:
    body = report().SerializeToString()
    assert frame(SapientMessage.FromString(body))[:4] == len(body).to_bytes(4, "little")
