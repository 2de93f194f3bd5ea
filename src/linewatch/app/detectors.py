"""Which steps hear the samples of a sensor: chosen by its kind, and nowhere else."""

from linewatch.app.settings import Settings
from linewatch.detect.classify import ClassifyStep
from linewatch.detect.geophone import GeophoneStep
from linewatch.detect.link import LinkStep
from linewatch.detect.pir import PirStep
from linewatch.detect.street import MovingSourceStep
from linewatch.detect.vibration import VibrationStep
from linewatch.detect.video import VideoStep
from linewatch.health.camera import CameraHealthStep
from linewatch.health.channels import ChannelHealthStep
from linewatch.ports import AnyStep
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor


def steps_for(site: Site, sensor: Sensor, settings: Settings) -> tuple[AnyStep, ...]:
    """The detectors of one sensor, and after them the step that watches over its health."""
    if sensor.kind == "camera":
        return (*detectors_for(site, sensor, settings), CameraHealthStep(sensor, settings.cameras))
    return (*detectors_for(site, sensor, settings), ChannelHealthStep(sensor, settings.channels))


def detectors_for(site: Site, sensor: Sensor, settings: Settings) -> tuple[AnyStep, ...]:
    """The detectors of one sensor, the first of them under the sensor's own id.

    A fence cable tells acts, a buried fibre only that it was disturbed; with `roads.watched` it also looks for vehicles
    that drive along it. Whatever has no detector of its own is listened to as vibration.
    """
    match sensor.kind:
        case "fibre_vibration":
            return (ClassifyStep(sensor, settings.vibration, settings.classify),)
        case "fibre_das" if settings.roads.watched:
            return (VibrationStep(sensor, settings.vibration), MovingSourceStep(sensor, settings.roads.slant))
        case "geophone":
            return (GeophoneStep(sensor, settings.geophone),)
        case "pir":
            return (PirStep(sensor, settings.pir),)
        case "microwave" | "radio_link":
            return (LinkStep(sensor, settings.link),)
        case "camera":
            return (VideoStep(sensor, site.line(sensor.line), settings.video),)
        case _:
            return (VibrationStep(sensor, settings.vibration),)
