"""The job on Apache Flink: seeds --gate (run)--> batches --section--> parts --desk (run). Runs in the engine's Python.

The source is the engine's own file source over the folder of seeds, one file for each run; it never ends, so that a
run may be added while the job goes on. A seed wakes its gate, which reads the run's inputs by itself from then on: how
far it has come is keyed state, in the same checkpoint as everything that follows from it.

    python -m linewatch.app.cluster.job SEEDS --workers N --checkpoints DIR
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from pyflink.common import Configuration, Duration, Types, WatermarkStrategy
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.base import Sink
from pyflink.datastream.connectors.file_system import FileSource, StreamFormat
from pyflink.datastream.data_stream import DataStream, KeyedStream
from pyflink.java_gateway import get_gateway

from linewatch.app.cluster.keyed import DECIDED, KEYED, TO_DESK, VALUE, Desks, Sections, Seeds
from linewatch.app.cluster.keys import run_key
from linewatch.app.cluster.plan import MAX_WORKERS

_SEEDS_S: Final = 1
"""How often new seeds are looked for."""


def build(env: StreamExecutionEnvironment, seeds: Path) -> None:
    """The job graph."""
    source = (
        FileSource.for_record_stream_format(StreamFormat.text_line_format(), str(seeds.absolute()))
        .monitor_continuously(Duration.of_seconds(_SEEDS_S))
        .build()
    )
    runs = env.from_source(source, WatermarkStrategy.no_watermarks(), "seeds").uid("seeds")
    gates = runs.key_by(run_key, key_type=Types.LONG()).process(Seeds(), output_type=KEYED).uid("gate").name("gate")
    sections = _keyed(gates).process(Sections(), output_type=KEYED).uid("section").name("section")
    parts = sections.union(gates.get_side_output(TO_DESK))
    desks = _keyed(parts).process(Desks(), output_type=DECIDED).uid("desk").name("desk")
    discard = get_gateway().jvm.org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink()
    desks.sink_to(Sink(discard)).uid("decided").name("decided")


def _keyed(stream: DataStream) -> KeyedStream:
    """Keyed by the key that each row brings along; the engine's own `key_by` would add a step in Python for it."""
    by_key = get_gateway().jvm.KeyByKeySelector()
    keyed = stream._j_data_stream.keyBy(by_key, Types.ROW([Types.LONG()]).get_java_type_info())  # noqa: SLF001
    return KeyedStream(keyed, VALUE, stream)


def configuration(args: argparse.Namespace) -> Configuration:
    """Settings of the job."""
    settings = {
        "python.execution-mode": args.execution,
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "python.fn-execution.bundle.size": "64",
        "python.fn-execution.bundle.time": "5",
        "execution.buffer-timeout.interval": "5ms",
        "execution.checkpointing.interval": f"{args.checkpoint_ms}ms",
        "execution.checkpointing.min-pause": f"{max(args.checkpoint_ms // 5, 100)}ms",
        "execution.checkpointing.timeout": "60s",
        # Triggers that fire while workers start count as failed; they do no harm.
        "execution.checkpointing.tolerable-failed-checkpoints": "20",
        "execution.checkpointing.dir": args.checkpoints.absolute().as_uri(),
        "execution.checkpointing.num-retained": "3",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": str(args.attempts),
        "restart-strategy.fixed-delay.delay": "200ms",
        "pipeline.object-reuse": "true",
        "taskmanager.network.memory.buffer-debloat.enabled": "true",
    }
    found = Configuration()
    for name, value in settings.items():
        found.set_string(name, value)
    return found


def main() -> None:
    """Submit the job to the cluster that the engine's own configuration names."""
    parser = argparse.ArgumentParser(prog="linewatch.app.cluster.job", description=__doc__)
    parser.add_argument("seeds", type=Path, help="folder with one file for each run, which holds the run's folder")
    parser.add_argument("--workers", type=int, default=1, help="slots to spread over")
    parser.add_argument(
        "--checkpoints", type=Path, required=True, help="folder for checkpoints, shared by all machines"
    )
    parser.add_argument("--checkpoint-ms", type=int, default=1_000, help="time between checkpoints")
    parser.add_argument("--execution", choices=("process", "thread"), default="process", help="how Python is run")
    parser.add_argument("--attempts", type=int, default=1_000, help="restarts before the job gives up")
    args = parser.parse_args()
    env = StreamExecutionEnvironment.get_execution_environment(configuration(args))
    env.set_parallelism(args.workers)
    env.set_max_parallelism(MAX_WORKERS)
    build(env, args.seeds)
    env.execute("linewatch")


if __name__ == "__main__":
    main()
