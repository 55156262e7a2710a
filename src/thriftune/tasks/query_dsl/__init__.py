"""Natural language → Query DSL, judged by execution.

mapping      a mapping as fields and as prompt text
bodies       a body as data: parsing, limits, the fields it names, families
dates        `now` as a fixed moment, and what date math means
lint         what engines accept though it is wrong
engine       one face over HTTP
answers      what a body returned, and when two answers are the same
boundary     documents made from a gold query's own literals
canonical    one spelling for equal bodies
collections  where mappings and documents come from
task         the task itself
"""
