"""Tests of outputs kept in files, compared byte for byte."""
