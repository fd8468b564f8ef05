"""What goes to HubSpot. Each function returns the rows; the decorator sends them, and the asset's value is
the ids table.
"""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from example_project.record_ids import with_record_id
from hubspot_batch_dagster import Association, Create, Upsert, hubspot_asset


# HubSpot has no unique property for companies. The ids table is the key: accounts that it does not know are
# created, the others are updated by record id. A company's parent is another row of this table: it is
# associated once both exist.
@hubspot_asset(
    Upsert(
        "companies",
        key="account_id",
        properties={
            "name": "company_name",
            "domain": "domain",
            "industry": "industry",
            "numberofemployees": "employees",
            "annualrevenue": "revenue",
            "city": "town",
            "country": "country",
            "phone": "phone",
            "description": "about",
        },
        associations=[Association("companies", column="parent_account", type=14, through="companies")],
    ),
    group_name="crm",
)
def companies(accounts: pa.Table) -> pa.Table:
    """Accounts become companies, each below its parent company."""
    return accounts


# HubSpot finds a contact by its e-mail, so one request creates and updates, and sending it twice does no
# harm.
@hubspot_asset(
    Upsert(
        "contacts",
        id_property="email",
        properties={
            "email": "mail",
            "firstname": "first_name",
            "lastname": "last_name",
            "jobtitle": "job",
            "phone": "phone",
            "city": "town",
            "zip": "zip_code",
            "lifecyclestage": "stage",
            "hs_buying_role": "roles",
            "closedate": "last_order",
        },
    ),
    group_name="crm",
)
def contacts(customers: pd.DataFrame) -> pd.DataFrame:
    """Active customers become contacts."""
    return customers[customers.active]


# Deals link to their company. The link is made together with the deal; its type is HubSpot's own when none is
# given.
@hubspot_asset(
    Upsert(
        "deals",
        key="deal_id",
        properties={
            "dealname": "title",
            "amount": "amount",
            "hs_forecast_probability": "chance",
            "pipeline": "pipeline",
            "dealstage": "stage",
            "closedate": "closes_on",
        },
        associations=[Association("companies", column="company_id")],
    ),
    group_name="crm",
)
def deals(sales_sheet: pd.DataFrame, companies: pa.Table) -> pa.Table:
    """The sales sheet becomes deals, each with its company."""
    return with_record_id(
        sales_sheet.assign(pipeline="default"), companies, on="account_id", name="company_id"
    )


# A lead cannot exist without its contact: required=True rejects those that have none, instead of letting
# HubSpot do so.
@hubspot_asset(
    Create(
        "leads",
        key="lead_id",
        properties={"hs_lead_name": "title", "hs_lead_label": "label"},
        associations=[Association("contacts", column="contact_id", type=578, required=True)],
    ),
    group_name="crm",
)
def leads(trade_show_leads: pa.Table, contacts: pa.Table) -> pa.Table:
    """The trade show's leads, each with its contact."""
    return with_record_id(trade_show_leads, contacts, on="mail", name="contact_id")


# Calls have no unique property, and HubSpot would gladly store the same call twice.
# A call that the ids table knows is not sent again. One that comes before its contact is associated once the
# contact is there: every run looks for the contacts that are still missing.
@hubspot_asset(
    Create(
        "calls",
        key="call_id",
        properties={
            "hs_timestamp": "started_at",
            "hs_call_duration": "milliseconds",
            "hs_call_direction": "direction",
            "hs_call_status": "status",
            "hs_call_body": "notes",
        },
        associations=[Association("contacts", column="mail", type=194, through="contacts")],
    ),
    group_name="crm",
)
def calls(phone_log: pa.Table) -> pa.Table:
    """The phone log; a call of a known person shows on that contact."""
    return phone_log.append_column("milliseconds", pc.multiply(phone_log["seconds"], 1000))
