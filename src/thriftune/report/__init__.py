"""Tables and pictures from manifests and records only.

facts   what a run's files say, and the tables made of it
curves  loss curves as SVG
again   how to make the run again
text    the short text a command prints
stage   report.html and report.md
"""
