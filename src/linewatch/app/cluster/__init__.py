"""The same steps on Apache Flink: a plan, the work of each key, what carries ticks between them, and the way back.

Only `job` imports the engine, and nothing outside this folder imports `job`.
"""
