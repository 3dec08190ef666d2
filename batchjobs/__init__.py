"""Jobs of AWS Batch: submitted once by key, sized by their input, followed to their ends.

Ships inside Lambda handlers, so it imports boto3 and nothing else of the project.
"""

from batchjobs.errors import Refused
from batchjobs.following import Progress
from batchjobs.jobs import Jobs, Listed
from batchjobs.request import Request, read_set
from batchjobs.stack import Clients, Names, clients
from batchjobs.submission import Submitted

__all__ = ["Clients", "Jobs", "Listed", "Names", "Progress", "Refused", "Request", "Submitted", "clients", "read_set"]
