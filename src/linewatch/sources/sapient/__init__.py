"""SAPIENT edge nodes as a source: Linewatch is the fusion node that they connect to."""
