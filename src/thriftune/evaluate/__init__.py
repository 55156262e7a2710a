"""The student is scored by running what it writes.

generate   prompts → answers
scores     verdicts → rates with intervals
stage      model + test split → predictions.jsonl, verdicts.jsonl, scores.json
"""
