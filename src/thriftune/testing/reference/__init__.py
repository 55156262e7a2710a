"""The reference pages of the docs, made of the code: `python -m thriftune.testing.reference [DIR]`.

recipe   every section and key of the typed recipe, with its type, its default, and the text below it
cli      every command of the command line, with what its --help says
"""
