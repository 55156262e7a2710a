"""Lessons become a dataset.

similarity  how alike two questions are
split       train, valid and test without leaks
stage       lessons.jsonl → dataset/
"""
