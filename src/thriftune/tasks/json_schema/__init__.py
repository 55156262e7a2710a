"""Text → a JSON document that obeys a user's JSON Schema, judged by validating it and comparing it field by field.

document  an answer as text and as data: parsing under limits
schemas   where a schema comes from
worker    the process that validates, and dies at the time limit
validate  the worker seen from outside
sentences what is wrong with an answer, in words for people
compare   when two documents are the same data, and how much of one is in the other
prompt    the schema as a few lines of text
task      the task itself
"""
