"""From a trained model to its users.

predict     answers in this process
queue       answers for many who ask at once, in batches
server      the same over HTTP
"""
