"""A teacher's answers become verified lessons.

parse     a raw response → rationale and label, or a named fault
teachers  who answers: the contract, and the recorded teacher
verify    which answers become lessons
stage     questions → lessons.jsonl, rejects.jsonl
"""
