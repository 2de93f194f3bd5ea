"""One edge node's conversation: what each of its messages becomes, and what is answered. No sockets, no clock."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from linewatch.errors import InputError
from linewatch.ports import Item
from linewatch.protocols.sapient import (
    ClockRule,
    SapientMessage,
    content_of,
    decoded,
    error_of,
    faults_of,
    new_message,
    time_ns,
)
from linewatch.protocols.sapient_terms import (
    ALERT_ACCEPTED,
    ALERT_FAULTS,
    ALERT_REJECTED,
    GOODBYE,
    NOT_DETECTING,
    SYSTEM_ERROR,
    SYSTEM_WARNING,
    TASK_STATES,
)
from linewatch.records import Health, quantise
from linewatch.records.health import Condition, Severity
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.sapient._reading import alert_of, detection_of

_REMEMBERED: Final = 1000
"""Reports whose ids are remembered, so that one that comes twice counts once."""


class Trouble(msgspec.Struct, frozen=True):
    """Something to be counted."""

    sensor: str
    """Sensor concerned; empty before a node has said which it is."""
    condition: Condition
    """What is the matter."""
    severity: Severity
    """How bad."""
    text: str
    """In words that do not change from one message to the next."""


class Became(msgspec.Struct):
    """What one message became."""

    items: list[Item]
    """Records."""
    replies: list[SapientMessage]
    """Answers, in order."""
    troubles: list[Trouble]
    """What was wrong."""
    unknown_node: str = ""
    """A node that is no sensor of the site."""
    task: tuple[str, str] | None = None
    """A task and its state."""
    ended: bool = False
    """Whether the link is to be closed."""


class Session:
    """The conversation on one link."""

    sensor: Sensor | None
    """The sensor that it is; None before its registration."""

    def __init__(self, site: Site, nodes: Mapping[str, str], own_id: str, clock: ClockRule) -> None:
        self._site = site
        self._nodes = nodes
        self._own_id = own_id
        self._clock = clock
        self._state: str = "ok"
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.node_id = ""
        """Who is at the other end; empty before its registration."""
        self.sensor = None

    def take(self, body: bytes, received_ns: int, lag_s: float = 0.0) -> Became:
        """Take one frame's body. `lag_s` is how long it may have lain unread at our door: no fault of the node's."""
        became = Became([], [], [])
        try:
            message = decoded(body)
        except InputError as error:
            self._refuse(became, body, [str(error)], received_ns)
            became.ended = True
            return became
        kind = content_of(message)
        rule = ClockRule(self._clock.behind_s + lag_s, self._clock.ahead_s) if lag_s else self._clock
        faults = faults_of(message, received_ns=received_ns, clock=rule)
        if self.node_id and message.node_id != self.node_id:
            faults = [f"Expected node ID {self.node_id}, got node ID {message.node_id[:40]}"]
        elif not self.node_id and kind != "registration":
            faults = [*faults, "Expected a registration first"]
        if faults:
            self._refuse(became, body, [f"Validation {len(faults)} errors:", *faults], received_ns)
            if kind == "registration":
                became.replies.append(self._acknowledgement(message, faults, received_ns))
            return became
        try:
            self._dispatch(kind, message, received_ns, became)
        except InputError as error:
            self._refuse(became, body, [str(error)], received_ns)
        return became

    def lost(self, received_ns: int) -> Health | None:
        """The link is gone: what that means for the sensor."""
        return self._health("link_lost", "failed", "the node's connection is gone", received_ns)

    def _dispatch(self, kind: str, message: SapientMessage, received_ns: int, became: Became) -> None:
        match kind:
            case "registration":
                self._register(message, received_ns, became)
            case "status_report":
                self._status(message.status_report, received_ns, became)
            case "detection_report":
                if self._is_first(message.detection_report.report_id, became):
                    assert self.sensor is not None
                    at_ns = min(time_ns(message), received_ns)
                    became.items.append(
                        detection_of(self._site, self.sensor, message.detection_report, at_ns, received_ns)
                    )
            case "alert":
                self._alert(message, received_ns, became)
            case "task_ack":
                became.task = (message.task_ack.task_id, TASK_STATES.get(message.task_ack.task_status, "unknown"))
            case "error":
                text = "; ".join(message.error.error_message)[:200]
                became.troubles.append(self._trouble("refused", f"the node could not take a message of ours: {text}"))
            case "alert_ack" | "registration_ack":
                pass
            case _:
                raise InputError(f"{kind}: found a message for an edge node; allowed: what an edge node sends")

    def _register(self, message: SapientMessage, received_ns: int, became: Became) -> None:
        sensor_id = self._nodes.get(message.node_id)
        if sensor_id is None:
            became.unknown_node = message.node_id
            reason = "this node is no sensor of the site yet"
            became.replies.append(self._acknowledgement(message, [reason], received_ns))
            became.ended = True
            return
        self.node_id, self.sensor = message.node_id, self._site.sensor(sensor_id)
        self._state = "ok"
        became.replies.append(self._acknowledgement(message, [], received_ns))
        back = self._health("recovered", "ok", "the node has registered", received_ns, ends="link_lost")
        became.items += [back] if back is not None else []

    def _acknowledgement(self, message: SapientMessage, faults: list[str], received_ns: int) -> SapientMessage:
        reply = new_message(self._own_id, received_ns, message.node_id)
        reply.registration_ack.acceptance = not faults
        reply.registration_ack.ack_response_reason.extend(faults)
        return reply

    def _status(self, report: Any, received_ns: int, became: Became) -> None:
        blind = [each.status_value for each in report.status if each.status_type == NOT_DETECTING]
        state, condition, severity, text = "ok", "heartbeat", "ok", "the node says that it is well"
        if report.system == GOODBYE:
            state, condition, severity, text = "silent", "silent", "failed", "the node has said goodbye"
        elif report.system == SYSTEM_ERROR or blind:
            why = "; ".join(filter(None, blind))[:200]
            state, condition, severity = "silent", "silent", "failed"
            text = f"the node says that it does not detect{': ' if why else ''}{why}"
        elif report.system == SYSTEM_WARNING:
            severity, text = "note", "the node warns of itself"
        found: list[Health | None] = []
        if self._state == "silent" and state == "ok":
            found.append(self._health("recovered", "ok", "the node detects again", received_ns, ends="silent"))
        if state == "ok" or self._state == "ok":
            found.append(self._health(condition, severity, text, received_ns))  # type: ignore[arg-type]
        self._state = state
        became.items += [each for each in found if each is not None]

    def _alert(self, message: SapientMessage, received_ns: int, became: Became) -> None:
        assert self.sensor is not None
        alert = message.alert
        reply = new_message(self._own_id, received_ns, self.node_id)
        reply.alert_ack.alert_id, reply.alert_ack.alert_ack_status = alert.alert_id, ALERT_ACCEPTED
        first = self._is_first(f"{alert.alert_id}/{alert.status}", became)
        try:
            if first and alert.alert_type in ALERT_FAULTS:
                text = f"the node alerts: {alert.description[:200]}"
                fault = self._health("tamper" if "tamper" in text.lower() else "supply", "degraded", text, received_ns)
                became.items += [fault] if fault is not None else []
            elif first and alert.WhichOneof("location_oneof") is not None:
                at_ns = min(time_ns(message), received_ns)
                became.items.append(alert_of(self._site, self.sensor, alert, at_ns))
        except InputError as error:
            reply.alert_ack.alert_ack_status = ALERT_REJECTED
            reply.alert_ack.reason.append(str(error))
            became.troubles.append(self._trouble("refused", "an alert that says no place beside the line"))
        became.replies.append(reply)

    def _is_first(self, report_id: str, became: Became) -> bool:
        if report_id in self._seen:
            became.troubles.append(self._trouble("duplicate", "a report that came before"))
            return False
        self._seen[report_id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _refuse(self, became: Became, body: bytes, messages: list[str], received_ns: int) -> None:
        became.replies.append(error_of(self._own_id, body, messages, received_ns, self.node_id))
        clock = any("Timestamp delta" in each for each in messages)
        text = "a message of another time" if clock else "a message that does not pass"
        became.troubles.append(self._trouble("clock_skew" if clock else "refused", text))

    def _trouble(self, condition: Condition, text: str) -> Trouble:
        return Trouble(self.sensor.id if self.sensor is not None else "", condition, "note", text)

    def _health(
        self, condition: Condition, severity: Severity, text: str, at_ns: int, *, ends: Condition | None = None
    ) -> Health | None:
        if self.sensor is None:
            return None
        return quantise(Health(self.sensor.line, self.sensor.id, at_ns, condition, severity, text, ends=ends))
