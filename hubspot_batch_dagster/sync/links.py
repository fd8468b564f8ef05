"""The associations of a run: added to the records that a batch wrote, and to the rows of ``Associate``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hubspot_batch_dagster.api.associations import LabelDefinition
from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.sync.batch import Batch
from hubspot_batch_dagster.sync.deliver_in_parallel import in_parallel
from hubspot_batch_dagster.sync.link_types import Link, LinkType
from hubspot_batch_dagster.sync.pairs import Held, Pair, Pairs
from hubspot_batch_dagster.sync.settle import MESSAGE_LENGTH, Verdict
from hubspot_batch_dagster.sync.wire import Wire
