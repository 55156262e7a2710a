"""Lessons become a dataset.

split       train, valid and test without leaks
stage       lessons.jsonl → dataset/
"""
