"""Read the live feed of a console: `python examples/feed_client.py http://127.0.0.1:8420 TOKEN`."""

import sys

import httpx
import msgspec
import numpy as np

address, token = sys.argv[1], sys.argv[2]
waiting = b""
with httpx.stream("GET", f"{address}/api/feed", headers={"authorization": f"Bearer {token}"}, timeout=30) as answer:
    answer.raise_for_status()
    for piece in answer.iter_raw():
        waiting += piece
        while len(waiting) >= 4 and len(waiting) >= 4 + (length := int.from_bytes(waiting[:4], "big")):
            frame, waiting = msgspec.msgpack.decode(waiting[4 : 4 + length]), waiting[4 + length :]
            if frame["t"] == "d":
                where_m = np.frombuffer(frame["c"], "<f4")
                print(f"{frame['tick_ms']}  {frame['line']}: {len(where_m)} detections, first at {where_m[0]:.0f} m")
            elif frame["t"] == "t":
                print(f"{frame['tick_ms']}  {len(frame['tracks'])} tracks have moved")
