"""Small real parts for tests of thriftune and of what others build on it.

tiny    models and a tokenizer made in memory
"""
