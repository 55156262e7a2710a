"""Natural language → SQL, judged by execution on an SQLite database that is only read.

words     a query as words: strings and comments told apart, one spelling, clause families
schema    tables, constraints and views
database  how a query is run without harm
sources   where a database comes from
compare   when two results are the same
order     what a gold's answer leaves open: ties, and what a limit takes
perturb   other rows for the tables
copies    the judgement on them
prompt    the tables as text
task      the task itself
"""
