"""The page of a bundle: one HTML file that opens offline and shows what was recorded, and how that is proven."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final
from zoneinfo import ZoneInfo

from linewatch.evidence.bundle import Exhibited

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#16202b;--soft:#5b6876;--line:#d9dfe5;--paper:#fff;--back:#f3f5f7;--mark:#0b6e99}
@media (prefers-color-scheme:dark){:root{--ink:#e7ecf1;--soft:#9aa8b5;--line:#2d3843;--paper:#172029;--back:#0f161d;
--mark:#58b7df}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:15px/1.55 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}h1{font-size:27px;line-height:1.2;margin:0 0 4px}
h2{font-size:17px;margin:36px 0 12px}p{margin:0 0 8px}.soft{color:var(--soft)}.lead{font-size:17px;margin:14px 0 0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:12px;margin:22px 0 0}
.card,section,figure{background:var(--paper);border:1px solid var(--line);border-radius:10px}
.card{padding:12px 14px}
.card b{display:block;font-size:18px;line-height:1.3}.card span{color:var(--soft);font-size:13px}
section{padding:16px 20px}figure{margin:0 0 14px;padding:14px 16px}figcaption{margin-bottom:8px;font-weight:600}
.plot{display:grid;grid-template-columns:auto 1fr;column-gap:10px}.plot img{width:100%;display:block;border-radius:4px}
.y{display:flex;flex-direction:column-reverse;justify-content:space-between;text-align:right}
.x{grid-column:2;display:flex;justify-content:space-between}.x,.y{color:var(--soft);font-size:12.5px;white-space:nowrap}
.frames{display:grid;grid-template-columns:repeat(auto-fit,minmax(260px,1fr));gap:14px}.frames img{width:100%}
table{border-collapse:collapse;width:100%;font-size:14px}th,td{text-align:left;
padding:7px 12px 7px 0;vertical-align:top;
border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:500}tr:last-child td{border-bottom:0}
code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}.code{font-size:17px;color:var(--mark)}
.banner{border-left:4px solid var(--mark);padding:10px 16px;background:var(--paper);margin:18px 0 0}
td.when{white-space:nowrap}@media print{body{background:#fff}section,figure,.card{break-inside:avoid}}
"""
_WORDS: Final = {"barrier_contact": "Contact with the barrier", "distress": "Possible person in distress"}


def page_of(
    told: Mapping[str, Any],
    versions: Sequence[Mapping[str, Any]],
    exhibits: Sequence[Exhibited],
    acts: Sequence[Mapping[str, Any]],
) -> str:
    """The page as text. Everything on it stands in the bundle's files, too."""
    zone = ZoneInfo(told["timezone"])
    last = versions[-1]["incident"]
    name = f"incident <code>{escape(last['id'])}</code>"
    title = f"{_kind(last)} at {_place(last)}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(told["site"])} · raised {_moment(last["raised_ns"], zone)} · {name}</p>',
        f'<p class="lead">{escape(last.get("reason", "The reason names own people and was left out."))}</p>',
        _banner(told),
        _cards(last),
        "<h2>Evidence</h2>",
        _exhibits(exhibits),
        "<h2>What happened when</h2>",
        _history(versions, acts, zone),
        "<h2>Proof</h2>",
        _proof(told),
        "<h2>How it was recorded</h2>",
        _origin(told),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _kind(incident: Mapping[str, Any]) -> str:
    kind = str(incident["kind"])
    return _WORDS.get(kind, kind.replace("_", " ").capitalize())


def _place(incident: Mapping[str, Any]) -> str:
    near = f", near {incident['place']}" if incident["place"] else ""
    return f"{incident['chainage_m']:.0f} m of line {incident['line']}{near}"


def _moment(time_ns: int, zone: ZoneInfo) -> str:
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone(zone)
    tenth = time_ns // 100_000_000 % 10
    return f"{moment:%Y-%m-%d %H:%M:%S}.{tenth} {moment:%Z}"


def _banner(told: Mapping[str, Any]) -> str:
    if not told["redacted"]:
        return ""
    return (
        '<p class="banner">Redacted. Who and where staff are, what people wrote, and pictures of people were left out. '
        "What is shown is unchanged and proves to be what the chain holds.</p>"
    )


def _cards(incident: Mapping[str, Any]) -> str:
    low, high = incident["count_low"], incident["count_high"]
    sure = f"{100 * incident['kind_probability']:.0f} % sure"
    spread = f"{incident['from_m']:.0f} to {incident['to_m']:.0f} m"
    cards = (
        (_kind(incident), f"kind, {sure}"),
        (f"± {incident['chainage_sigma_m']:.1f} m", f"place; stretch {spread}"),
        (str(low) if low == high else f"{low} to {high}", f"{incident['mover']}s" if high != 1 else incident["mover"]),
        (str(incident["act"]).replace("_", " "), "act on the barrier"),
        (f"{incident['priority']} of 5", "priority, 1 is most urgent"),
        (str(incident["state"]).replace("_", " "), "state"),
        (str(incident["assessment"]).replace("_", " "), "assessed by a person as"),
        (str(incident["outcome"]).replace("_", " "), "outcome"),
    )
    return (
        '<div class="cards">'
        + "".join(f'<div class="card"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for value, name in cards)
        + "</div>"
    )


def _exhibits(exhibits: Sequence[Exhibited]) -> str:
    if not exhibits:
        return '<section><p class="soft">No samples: its sensors give detections, or none were kept.</p></section>'
    out = []
    for exhibit in exhibits:
        plots = [picture for picture in exhibit.pictures if picture["kind"] != "frame"]
        frames = [picture for picture in exhibit.pictures if picture["kind"] == "frame"]
        out += [_plot(picture) for picture in plots]
        if frames:
            shown = "".join(
                f'<div><img src="{escape(p["file"])}" alt=""><div class="x">{escape(p["title"])}</div></div>'
                for p in frames
            )
            out.append(
                f'<figure><figcaption>{escape(exhibit.sensor)}</figcaption><div class="frames">{shown}</div></figure>'
            )
        if exhibit.refusal or exhibit.left_out:
            words = exhibit.refusal or exhibit.left_out
            out.append(f"<section><p>{escape(exhibit.sensor)}: no clip here. {escape(words)}.</p></section>")
    return "".join(out)


def _plot(picture: Mapping[str, Any]) -> str:
    side, bottom = picture["side"], picture["bottom"]
    return (
        f'<figure><figcaption>{escape(picture["title"])}</figcaption><div class="plot">'
        f'<div class="y"><span>{escape(side[0])}</span><span>{escape(side[1])}</span></div>'
        f'<img src="{escape(picture["file"])}" alt="{escape(picture["title"])}">'
        f'<div class="x"><span>{escape(bottom[0])}</span><span>time from the raising</span>'
        f"<span>{escape(bottom[1])}</span></div>"
        "</div></figure>"
    )


def _history(versions: Sequence[Mapping[str, Any]], acts: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> str:
    rows: list[tuple[int, str, str]] = []
    before: Mapping[str, Any] = {}
    for version in versions:
        now = version["incident"]
        if words := _changes(before, now):
            rows.append((now["updated_ns"], "Linewatch", words))
        before = now
    for act in acts:
        why = f": {act['reason']}" if act.get("reason") else ""
        rows.append((act["time_ns"], str(act["role"]), f"{str(act['move']).replace('_', ' ')}{why}"))
    body = "".join(
        f'<tr><td class="when">{_moment(time_ns, zone)}</td><td>{escape(who)}</td><td>{escape(words)}</td></tr>'
        for time_ns, who, words in sorted(rows, key=lambda row: row[0])
    )
    return f"<section><table><tr><th>When</th><th>Who</th><th>What</th></tr>{body}</table></section>"


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if not before:
        return f"raised: {_kind(now)}, {now['from_m']:.0f} to {now['to_m']:.0f} m, priority {now['priority']}"
    names = (
        "kind",
        "act",
        "concern",
        "state",
        "priority",
        "count_low",
        "count_high",
        "assessment",
        "outcome",
        "escalations",
    )
    changed = [f"{n.replace('_', ' ')} {before[n]} → {now[n]}".replace("_", " ") for n in names if before[n] != now[n]]
    return "; ".join(changed)


def _proof(told: Mapping[str, Any]) -> str:
    head, first = told["head"], told["chains"]["record"]["first"]
    rows = (
        ("Code of the head", f'<code class="code">{escape(head["code"])}</code>'),
        (
            "Record chain",
            f"entries {first} to {head['record_seq']}, head <code>{head['record_hash']}</code>",
        ),
        ("Audit chain", f"entries 0 to {head['audit_seq']}, head <code>{head['audit_hash']}</code>"),
        (
            "Signing key",
            f"<code>{head['public_key']}</code>" if head["public_key"] else "none: this store signs no checkpoints",
        ),
        (
            "Check it",
            "<code>python3 check.py --against HEAD</code>, where HEAD is a head, or its code, that was lodged outside",
        ),
    )
    note = (
        '<p class="soft">A chain proves that records were not changed after they were written. It does not prove that '
        "a sensor told the truth. Without a head from outside, the owner of the store could have written it anew.</p>"
    )
    return f"<section>{_table(rows)}{note}</section>"


def _origin(told: Mapping[str, Any]) -> str:
    run, again = told["run"], told["rederive"]
    derive = "yes: <code>linewatch rederive FOLDER</code>" if again["possible"] else escape(f"no: {again['why']}")
    models = "<br>".join(f"{escape(name)} <code>{digest}</code>" for name, digest in told["models"].items())
    versions = ", ".join(f"{escape(name)} {escape(version)}" for name, version in told["libraries"].items())
    libraries = f"libraries <code>{run['lock_sha256']}</code>, {run['cpu_level']}"
    rows = (
        ("Can be derived again", derive),
        ("Settings", f"<code>{escape(run['settings_id'])}</code>, in bundle.json"),
        ("Written by", f"Linewatch {escape(run['package_version'])}, {libraries}"),
        ("Exported by", versions),
        ("Models", models),
    )
    return f"<section>{_table(rows)}</section>"


def _table(rows: Sequence[tuple[str, str]]) -> str:
    body = "".join(f"<tr><th>{escape(name)}</th><td>{value}</td></tr>" for name, value in rows)
    return f"<table>{body}</table>"
