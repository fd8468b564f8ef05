"""What Dagster's Celery workers load when it is on their PYTHONPATH.

By default a task is done with once a worker has taken it, and a worker that is killed takes its step along:
the run waits for an answer that never comes. With these settings the broker gives the task to another worker
as soon as the connection ends. The step then runs twice, which a sync is made for: the second attempt looks
up what the first one left open.
"""

import os

broker_url = os.environ["CELERY_BROKER_URL"]
result_backend = "rpc://"
task_acks_late = True
task_reject_on_worker_lost = True
worker_prefetch_multiplier = 1
