"""The first recipe of a user's own index, with comments.

source  mapping and documents: from a live index, or from files
text    the recipe as text
sheet   what to paste into a chat model, where no teacher can be asked by a program
make    a folder with recipe, mapping and documents
"""
