"""A camera that speaks ONVIF on loopback, for tests: services, a pull point with a long poll, WS-Security digests.

Only what a client of events and presets needs is there, as the ONVIF Core Specification words it: GetSystemDateAndTime,
GetServices, CreatePullPointSubscription, PullMessages, Renew, Unsubscribe, GetProfiles, GetPresets, GotoPreset.
"""

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_ENVELOPE = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema" '
    'xmlns:tev="http://www.onvif.org/ver10/events/wsdl" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" '
    'xmlns:wsa="http://www.w3.org/2005/08/addressing"><s:Body>{}</s:Body></s:Envelope>'
)
_FAULT = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code>"
    '<s:Reason><s:Text xml:lang="en">{}</s:Text></s:Reason></s:Fault>'
)


def message(topic: str, *, operation: str = "Changed", at: datetime | None = None, **data: object) -> str:
    """One notification."""
    moment = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    items = "".join(f'<tt:SimpleItem Name="{name}" Value="{value}"/>' for name, value in data.items())
    return (
        f"<wsnt:NotificationMessage><wsnt:Topic>{topic}</wsnt:Topic><wsnt:Message>"
        f'<tt:Message UtcTime="{moment}" PropertyOperation="{operation}">'
        f'<tt:Source><tt:SimpleItem Name="Source" Value="1"/></tt:Source><tt:Data>{items}</tt:Data>'
        "</tt:Message></wsnt:Message></wsnt:NotificationMessage>"
    )


class OnvifDevice:
    """One camera."""

    def __init__(self, password: str = "") -> None:
        self.password = password
        self.asked: list[str] = []
        self.presets: dict[str, str] | None = None
        """Names of its presets by token; None where it cannot be turned."""
        self.stuck = False
        self.at_preset = ""
        self.down = False
        self._waiting: list[str] = []
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/onvif/device_service"

    def notify(self, *messages: str) -> None:
        with self._changed:
            self._waiting += messages
            self._changed.notify_all()

    def start(self) -> None:
        device = self
        self.down = False

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                if device.down:  # a connection that was kept open
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, answer = device.answer(body)
                raw = _ENVELOPE.format(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/soap+xml")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        self.down = True
        self._server.shutdown()
        self._server.server_close()

    def answer(self, body: str) -> tuple[int, str]:
        """Status and what stands in the body of the answer."""
        found = re.search(r"<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)", body)
        asked = found[1] if found else ""
        self.asked.append(asked)
        if asked not in ("GetSystemDateAndTime", "GetServices") and not self._knows(body):
            return 400, _FAULT.format("Sender not authorized")
        return 200, getattr(self, f"_{asked}", lambda _: _FAULT.format("not implemented"))(body)

    def _knows(self, body: str) -> bool:
        if not self.password:
            return True
        values = {
            name: re.search(rf"<(?:\w+:)?{name}[^>]*>([^<]*)<", body) for name in ("Password", "Nonce", "Created")
        }
        if any(value is None for value in values.values()):
            return False
        told = {name: value[1] for name, value in values.items() if value is not None}
        raw = base64.b64decode(told["Nonce"]) + told["Created"].encode() + self.password.encode()
        return base64.b64encode(hashlib.sha1(raw).digest()).decode() == told["Password"]  # noqa: S324 - as WS-Security says

    def _GetSystemDateAndTime(self, _: str) -> str:  # noqa: N802 - the operation's own name
        now = datetime.now(UTC)
        return (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime>"
            f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
            f"<tt:Second>{now.second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}</tt:Year>"
            f"<tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date></tt:UTCDateTime>"
            "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _GetServices(self, _: str) -> str:  # noqa: N802
        pairs = [("ver10/device", "device_service"), ("ver10/events", "event_service"), ("ver10/media", "media")]
        pairs += [] if self.presets is None else [("ver20/ptz", "ptz")]
        services = "".join(
            f"<tds:Service><tds:Namespace>http://www.onvif.org/{name}/wsdl</tds:Namespace>"
            f"<tds:XAddr>http://10.9.9.9/onvif/{path}</tds:XAddr></tds:Service>"  # as behind an address translator
            for name, path in pairs
        )
        return f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>"

    def _GetProfiles(self, _: str) -> str:  # noqa: N802
        return (
            '<trt:GetProfilesResponse xmlns:trt="http://www.onvif.org/ver10/media/wsdl">'
            '<trt:Profiles token="still"><tt:Name>still</tt:Name></trt:Profiles>'
            '<trt:Profiles token="main"><tt:Name>main</tt:Name><tt:PTZConfiguration token="ptz">'
            "<tt:Name>ptz</tt:Name><tt:NodeToken>node</tt:NodeToken></tt:PTZConfiguration></trt:Profiles>"
            "</trt:GetProfilesResponse>"
        )

    def _GetPresets(self, body: str) -> str:  # noqa: N802
        assert "ProfileToken>main<" in body
        presets = "".join(
            f'<tptz:Preset token="{token}"><tt:Name>{name}</tt:Name></tptz:Preset>'
            for token, name in (self.presets or {}).items()
        )
        return f'<tptz:GetPresetsResponse xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl">{presets}</tptz:GetPresetsResponse>'

    def _GotoPreset(self, body: str) -> str:  # noqa: N802
        found = re.search(r"PresetToken>([^<]*)<", body)
        if self.stuck or found is None:
            return _FAULT.format("the motor is stuck")
        self.at_preset = found[1]
        return '<tptz:GotoPresetResponse xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl"/>'

    def _CreatePullPointSubscription(self, _: str) -> str:  # noqa: N802
        return (
            "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
            "<wsa:Address>http://10.9.9.9/onvif/pull/1</wsa:Address></tev:SubscriptionReference>"
            "<wsnt:CurrentTime>2026-01-01T00:00:00Z</wsnt:CurrentTime>"
            "<wsnt:TerminationTime>2026-01-01T00:01:00Z</wsnt:TerminationTime>"
            "</tev:CreatePullPointSubscriptionResponse>"
        )

    def _PullMessages(self, _: str) -> str:  # noqa: N802
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, 0.3)
            messages, self._waiting = self._waiting, []
        return f"<tev:PullMessagesResponse>{''.join(messages)}</tev:PullMessagesResponse>"

    def _Renew(self, _: str) -> str:  # noqa: N802
        return "<wsnt:RenewResponse/>"

    def _Unsubscribe(self, _: str) -> str:  # noqa: N802
        return "<wsnt:UnsubscribeResponse/>"


@contextmanager
def onvif_device(password: str = "") -> Iterator[OnvifDevice]:
    """A camera that runs, and is switched off at the end."""
    device = OnvifDevice(password)
    device.start()
    try:
        yield device
    finally:
        device.stop()
