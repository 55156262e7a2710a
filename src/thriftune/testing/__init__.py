"""Small real parts for tests of thriftune and of what others build on it.

tiny     models and a tokenizer made in memory
browser  the system's Chromium, to look at the pages
"""
