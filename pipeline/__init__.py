"""What the image pipeline runs, a step in each CodeBuild project: `python -m pipeline build|canary|release`.

`content` is also what the Pulumi program tags images by. Nothing here imports anything else of the project.
"""
