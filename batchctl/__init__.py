"""The operator's commands; the same on AWS and, with AWS_ENDPOINT_URL, elsewhere."""
