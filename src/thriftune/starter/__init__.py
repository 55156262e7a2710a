"""The first recipe of a user's own index, with comments.

source  mapping and documents: from a live index, or from files
text    the recipe as text
make    a folder with recipe, mapping and documents
"""
