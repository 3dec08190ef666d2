"""How many tasks a queue's service should have, and how it gets them.

Ships inside the enqueuer, the scaler and the load generator, so it imports boto3 and nothing else of the project.
"""
