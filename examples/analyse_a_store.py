"""A first look at a store: what was felt where, what became of it, and how much watching stood behind it.

    python examples/analyse_a_store.py STORE

Written to be read and run piece by piece: each `# %%` begins a cell in editors that know notebooks.
"""

# %% Open the store. Nothing is read yet.
import sys

import linewatch
from linewatch.app.reporting import facts_of
from linewatch.report.report import report_of, to_arrow

store = linewatch.open(sys.argv[1])
print(store.site.name if store.site else "a store without a description of its site", store.folder)

# %% What was felt: a query over every detection, by section and by what the sensors took it for.
felt = store.sql("""
    SELECT section, coalesce(mover, 'cannot tell') AS mover, count(*) AS detections,
           round(median(strength_db), 1) AS strength_db
    FROM detections GROUP BY ALL ORDER BY detections DESC LIMIT 12
""")
print(felt)

# %% What was made of it: incidents by kind, and how sure.
print(
    store.incidents.aggregate("kind, count(*) AS incidents, round(avg(kind_probability), 2) AS how_sure").order("kind")
)

# %% How an incident grew: every version of the one that was changed most often.
most = store.sql("SELECT id FROM versions GROUP BY id ORDER BY count(*) DESC, id LIMIT 1").fetchall()
if most:
    grown = store.table("versions").filter(f"id = '{most[0][0]}'")
    print(grown.project("updated, state, kind, priority, count_low, count_high").order("updated").limit(8))

# %% Counts beside their watching: the report, as an Arrow table.
facts = facts_of(store.folder)
report = report_of(facts, ["section"])
table = to_arrow(report.table)
for row in table.select(["section", "attempts", "rate", "rate_low", "rate_high", "unwatched_metre_hours"]).to_pylist():
    print(row)
print(report.table.assumption)

# %% Done.
store.close()
