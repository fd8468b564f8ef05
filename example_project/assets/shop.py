"""What comes of an ids table: it is a table like any other, and an asset may be made of it."""

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc


# Nobody has to run this one: it is made whenever contacts is, be it at night or by hand.
@dg.asset(group_name="shop", kinds={"arrow"}, automation_condition=dg.AutomationCondition.eager())
def known_customers(contacts: pa.Table) -> pa.Table:
    """Who is in HubSpot, by mail and record id, so that the shop can link to the contact without asking
    HubSpot.
    """
    return contacts.filter(pc.field("hs_object_id").is_valid()).select(["mail", "hs_object_id"])
