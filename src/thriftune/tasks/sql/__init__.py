"""Natural language → SQL, judged by execution on an embedded SQLite database that is only read.

words     a query as words: strings and comments told apart, one spelling, clause families
database  where a database comes from, and how a query is run without harm
perturb   copies of a database with other rows, on which luck does not last
compare   when two results are the same
prompt    the tables as text
task      the task itself
"""
