"""Natural language → Query DSL, judged by execution.

mapping      a mapping as fields and as prompt text
bodies       a body as data: parsing, limits, the fields it names, families
dates        `now` as a fixed moment, and what date math means
lint         what engines accept though it is wrong
dialect      what one kind of server has and the other has not
servers      the official clients as one function, and what a server says it is
engine       one face over HTTP
asking       running bodies on an index
answers      what a body returned, and when two answers are the same
literals     a gold query's literals and the values near them
boundary     documents made of these
sets         boundary documents as indices that stay loaded
canonical    one spelling for equal bodies
collections  where mappings and documents come from
task         the task itself
"""
