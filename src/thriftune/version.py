"""The version of the package; part of every content id."""

VERSION = "0.1.0"
