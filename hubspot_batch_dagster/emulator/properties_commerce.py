"""Properties of products, line items and the other object types (the ones a writer is likely to set)."""

from __future__ import annotations

_STAGED = """
hs_name                        | string      | text            | Name
hs_pipeline                    | enumeration | select          | Pipeline | pipeline
hs_pipeline_stage              | enumeration | radio           | Status | stage
"""

PRODUCTS = """
name                           | string      | text            | Name
description                    | string      | textarea        | Product description
price                          | number      | number          | Unit price
hs_sku                         | string      | text            | SKU | unique
hs_url                         | string      | text            | URL
hs_folder                      | enumeration | select          | Folder
hs_folder_id                   | number      | number          | Folder ID
hs_images                      | string      | text            | Image URL
hs_cost_of_goods_sold          | number      | number          | Unit cost
hs_recurring_billing_period    | string      | text            | Term
hs_product_type | enumeration | select | Product type |  | inventory=Inventory;non_inventory=Non-inventory;
+ service=Service
recurringbillingfrequency | enumeration | select | Billing frequency |  | weekly=Weekly;
+ biweekly=Every two weeks;monthly=Monthly;quarterly=Quarterly;per_six_months=Semi-annually;annually=Annually
tax                            | number      | number          | Tax
"""

LINE_ITEMS = """
name                           | string      | text            | Name
description                    | string      | textarea        | Description
hs_external_id                 | string      | text            | External ID | unique
hs_product_id                  | number      | number          | Product ID
hs_sku                         | string      | text            | SKU
quantity                       | number      | number          | Quantity
price                          | number      | number          | Unit price
discount                       | number      | number          | Unit discount
hs_discount_percentage         | number      | number          | Discount percentage
tax                            | number      | number          | Tax
hs_line_item_currency_code     | enumeration | select          | Currency | | EUR;USD;GBP;CHF;PLN;SEK;JPY
recurringbillingfrequency | enumeration | select | Billing frequency |  | weekly=Weekly;
+ biweekly=Every two weeks;monthly=Monthly;quarterly=Quarterly;per_six_months=Semi-annually;annually=Annually
hs_recurring_billing_start_date | date       | date            | Billing start date
amount                         | number      | number          | Net price | calculated
hs_acv                         | number      | number          | Annual contract value | calculated
"""

QUOTES = """
hs_title                       | string      | text            | Quote title
hs_expiration_date             | date        | date            | Expiration date
hs_status | enumeration | select | Quote status |  | DRAFT=Draft;APPROVAL_NOT_NEEDED=Published;
+ PENDING_APPROVAL=Pending approval;APPROVED=Approved;REJECTED=Rejected
hs_currency                    | enumeration | select          | Currency | | EUR;USD;GBP;CHF;PLN;SEK;JPY
hs_language                    | enumeration | select          | Language | | en=English;de=German;fr=French
hs_comments                    | string      | html            | Comments to buyer
hs_terms                       | string      | html            | Purchase terms
hs_quote_amount                | number      | number          | Quote amount | calculated
"""

_CHARGE = """
hs_label                       | string      | text            | Label
hs_type                        | enumeration | select          | Type | | PERCENT=Percent;FIXED=Fixed
hs_value                       | number      | number          | Value
hs_duration                    | enumeration | select          | Duration | | ONCE=Once;FOREVER=Forever
"""

ORDERS = """
hs_order_name                  | string      | text            | Order name
hs_external_order_id           | string      | text            | External order ID
hs_external_order_status       | string      | text            | External status
hs_currency_code               | enumeration | select          | Currency | | EUR;USD;GBP;CHF;PLN;SEK;JPY
hs_total_price                 | number      | number          | Total price
hs_fulfillment_status          | string      | text            | Fulfillment status
hs_external_created_date       | datetime    | date            | External creation date
hs_pipeline                    | enumeration | select          | Pipeline | pipeline
hs_pipeline_stage              | enumeration | radio           | Order stage | stage
"""

CARTS = """
hs_cart_name                   | string      | text            | Cart name
hs_external_cart_id            | string      | text            | External cart ID
hs_external_status             | string      | text            | External status
hs_currency_code               | enumeration | select          | Currency | | EUR;USD;GBP;CHF;PLN;SEK;JPY
hs_total_price                 | number      | number          | Total price
"""

INVOICES = """
hs_currency                    | enumeration | select          | Currency | | EUR;USD;GBP;CHF;PLN;SEK;JPY
hs_invoice_date                | date        | date            | Invoice date
hs_due_date                    | date        | date            | Due date
hs_invoice_status | enumeration | select | Status |  | draft=Draft;open=Open;paid=Paid;voided=Voided
hs_purchase_order_number       | string      | text            | Purchase order number
hs_amount_billed               | number      | number          | Amount billed | calculated
"""

PAYMENTS = """
hs_customer_email              | string      | text            | Customer email
hs_initial_amount              | number      | number          | Gross amount
hs_initiated_date              | datetime    | date            | Payment date
hs_currency_code               | enumeration | select          | Currency | | EUR;USD;GBP;CHF;PLN;SEK;JPY
hs_latest_status | enumeration | select | Status |  | succeeded=Succeeded;failed=Failed;refunded=Refunded;
+ processing=Processing
hs_external_reference_id       | string      | text            | External reference ID
"""

SUBSCRIPTIONS = """
hs_name                        | string      | text            | Name
hs_status | enumeration | select | Status |  | active=Active;paused=Paused;canceled=Canceled;expired=Expired
hs_recurring_billing_start_date | date       | date            | Start date
hs_currency_code               | enumeration | select          | Currency | | EUR;USD;GBP;CHF;PLN;SEK;JPY
"""

USERS = """
hs_internal_user_id            | number      | number          | User ID
hs_email                       | string      | text            | Email
hs_given_name                  | string      | text            | First name
hs_family_name                 | string      | text            | Last name
hs_job_title                   | string      | text            | Job title
hs_availability_status | enumeration | select | Availability |  | available=Available;away=Away
hs_standard_time_zone          | string      | text            | Time zone
hs_working_hours               | string      | text            | Working hours
"""

GOALS = """
hs_goal_name                   | string      | text            | Goal name
hs_target_amount               | number      | number          | Target amount
hs_start_datetime              | datetime    | date            | Start
hs_end_datetime                | datetime    | date            | End
hs_assignee_user_id            | number      | number          | User
"""

APPOINTMENTS = """
hs_appointment_name            | string      | text            | Appointment name
hs_appointment_start           | datetime    | date            | Start
hs_appointment_end             | datetime    | date            | End
hs_appointment_status | enumeration | select | Status |  | scheduled=Scheduled;completed=Completed;
+ cancelled=Cancelled
"""

COURSES = """
hs_course_name                 | string      | text            | Course name
hs_course_id                   | string      | text            | Course ID
hs_enrollment_capacity         | number      | number          | Enrollment capacity
"""

LISTINGS = """
hs_name                        | string      | text            | Name
hs_price                       | number      | number          | Price
hs_bedrooms                    | number      | number          | Bedrooms
hs_address_1                   | string      | text            | Address
hs_city                        | string      | text            | City
"""

SERVICES = (
    _STAGED
    + """
hs_description                 | string      | textarea        | Description
hs_start_date                  | datetime    | date            | Start date
hs_target_end_date             | datetime    | date            | Target end date
hs_amount                      | number      | number          | Amount
"""
)

COMMERCE_PROPERTIES = {
    "products": PRODUCTS,
    "line_items": LINE_ITEMS,
    "quotes": QUOTES,
    "discounts": _CHARGE,
    "fees": _CHARGE,
    "taxes": _CHARGE,
    "orders": ORDERS,
    "carts": CARTS,
    "invoices": INVOICES,
    "commerce_payments": PAYMENTS,
    "subscriptions": SUBSCRIPTIONS,
    "users": USERS,
    "goal_targets": GOALS,
    "appointments": APPOINTMENTS,
    "courses": COURSES,
    "listings": LISTINGS,
    "services": SERVICES,
    "projects": SERVICES,
    "contracts": "hs_name | string | text | Name",
    "partner_clients": "hs_name | string | text | Name",
    "partner_services": "hs_name | string | text | Name",
}
