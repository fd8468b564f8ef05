"""Properties of contacts, companies, deals, tickets and leads (read `definitions` for the columns)."""

from __future__ import annotations

_INDUSTRIES = (
    "ACCOUNTING AIRLINES_AVIATION ALTERNATIVE_DISPUTE_RESOLUTION ALTERNATIVE_MEDICINE ANIMATION"
    " APPAREL_FASHION ARCHITECTURE_PLANNING ARTS_AND_CRAFTS AUTOMOTIVE AVIATION_AEROSPACE BANKING"
    " BIOTECHNOLOGY BROADCAST_MEDIA BUILDING_MATERIALS BUSINESS_SUPPLIES_AND_EQUIPMENT CAPITAL_MARKETS"
    " CHEMICALS CIVIC_SOCIAL_ORGANIZATION CIVIL_ENGINEERING COMMERCIAL_REAL_ESTATE"
    " COMPUTER_NETWORK_SECURITY COMPUTER_GAMES COMPUTER_HARDWARE COMPUTER_NETWORKING COMPUTER_SOFTWARE"
    " INTERNET CONSTRUCTION CONSUMER_ELECTRONICS CONSUMER_GOODS CONSUMER_SERVICES COSMETICS DAIRY"
    " DEFENSE_SPACE DESIGN EDUCATION_MANAGEMENT E_LEARNING ELECTRICAL_ELECTRONIC_MANUFACTURING"
    " ENTERTAINMENT ENVIRONMENTAL_SERVICES EVENTS_SERVICES EXECUTIVE_OFFICE FACILITIES_SERVICES FARMING"
    " FINANCIAL_SERVICES FINE_ART FISHERY FOOD_BEVERAGES FOOD_PRODUCTION FUND_RAISING FURNITURE"
    " GAMBLING_CASINOS GOVERNMENT_ADMINISTRATION GRAPHIC_DESIGN HEALTH_WELLNESS_AND_FITNESS"
    " HIGHER_EDUCATION HOSPITAL_HEALTH_CARE HOSPITALITY HUMAN_RESOURCES IMPORT_AND_EXPORT INSURANCE"
    " INVESTMENT_BANKING INVESTMENT_MANAGEMENT LAW_PRACTICE LEGAL_SERVICES LOGISTICS_AND_SUPPLY_CHAIN"
    " MACHINERY MANAGEMENT_CONSULTING MARKETING_AND_ADVERTISING MECHANICAL_OR_INDUSTRIAL_ENGINEERING"
    " MEDICAL_DEVICES MINING_METALS NON_PROFIT_ORGANIZATION_MANAGEMENT OIL_ENERGY PAPER_FOREST_PRODUCTS"
    " PHARMACEUTICALS PRINTING PUBLISHING REAL_ESTATE RENEWABLES_ENVIRONMENT RESTAURANTS RETAIL"
    " SEMICONDUCTORS SHIPBUILDING SPORTS STAFFING_AND_RECRUITING TELECOMMUNICATIONS"
    " TRANSPORTATION_TRUCKING_RAILROAD UTILITIES WAREHOUSING WHOLESALE WINE_AND_SPIRITS WIRELESS"
    " WRITING_AND_EDITING"
).replace(" ", ";")
_STAGES = (
    "subscriber=Subscriber;lead=Lead;marketingqualifiedlead=Marketing Qualified Lead;"
    "salesqualifiedlead=Sales Qualified Lead;opportunity=Opportunity;customer=Customer;"
    "evangelist=Evangelist;other=Other"
)
_LEAD_STATUS = (
    "NEW=New;OPEN=Open;IN_PROGRESS=In Progress;OPEN_DEAL=Open Deal;UNQUALIFIED=Unqualified;"
    "ATTEMPTED_TO_CONTACT=Attempted to Contact;CONNECTED=Connected;BAD_TIMING=Bad Timing"
)
_SOURCES = (
    "ORGANIC_SEARCH=Organic Search;PAID_SEARCH=Paid Search;EMAIL_MARKETING=Email Marketing;"
    "SOCIAL_MEDIA=Organic Social;REFERRALS=Referrals;OTHER_CAMPAIGNS=Other Campaigns;"
    "DIRECT_TRAFFIC=Direct Traffic;OFFLINE=Offline Sources;PAID_SOCIAL=Paid Social"
)
_BUYING_ROLES = (
    "BLOCKER=Blocker;BUDGET_HOLDER=Budget Holder;CHAMPION=Champion;DECISION_MAKER=Decision Maker;"
    "END_USER=End User;EXECUTIVE_SPONSOR=Executive Sponsor;INFLUENCER=Influencer;"
    "LEGAL_AND_COMPLIANCE=Legal & Compliance;OTHER=Other"
)

CONTACTS = f"""
email                          | string      | text            | Email | unique email
hs_additional_emails           | enumeration | checkbox        | Additional email addresses | emails
firstname                      | string      | text            | First Name
lastname                       | string      | text            | Last Name
salutation                     | string      | text            | Salutation
phone                          | string      | phonenumber     | Phone Number
mobilephone                    | string      | phonenumber     | Mobile Phone Number
fax                            | string      | text            | Fax Number
company                        | string      | text            | Company Name
jobtitle                       | string      | text            | Job Title
website                        | string      | text            | Website URL
address                        | string      | text            | Street Address
city                           | string      | text            | City
state                          | string      | text            | State/Region
zip                            | string      | text            | Postal Code
country                        | string      | text            | Country/Region
industry                       | string      | text            | Industry
annualrevenue                  | string      | text            | Annual Revenue
numemployees | enumeration | select | Number of Employees |  | 1-5;5-25;25-50;50-100;100-500;500-1000;1000+
date_of_birth                  | string      | text            | Date of birth
gender                         | string      | text            | Gender
degree                         | string      | text            | Degree
school                         | string      | text            | School
field_of_study                 | string      | text            | Field of study
graduation_date                | string      | text            | Graduation date
job_function                   | string      | text            | Job function
seniority                      | string      | text            | Seniority
marital_status                 | string      | text            | Marital Status
military_status                | string      | text            | Military status
relationship_status            | string      | text            | Relationship Status
start_date                     | string      | text            | Start date
work_email                     | string      | text            | Work email
message                        | string      | textarea        | Message
closedate                      | datetime    | date            | Close Date
lifecyclestage                 | enumeration | radio           | Lifecycle Stage | lifecycle | {_STAGES}
hs_lead_status                 | enumeration | radio           | Lead Status | | {_LEAD_STATUS}
hs_buying_role                 | enumeration | checkbox        | Buying Role | | {_BUYING_ROLES}
hs_persona                     | enumeration | select          | Persona
hs_language | enumeration | select | Preferred language |  | en=English;de=German;fr=French;es=Spanish;
+ it=Italian;nl=Dutch;pl=Polish;pt=Portuguese;sv=Swedish;ja=Japanese;zh=Chinese
hs_timezone | enumeration | select | Time Zone |  | utc=UTC;europe_slash_berlin=Europe Berlin;
+ europe_slash_paris=Europe Paris;us_slash_eastern=US Eastern;us_slash_pacific=US Pacific;
+ asia_slash_tokyo=Asia Tokyo
hs_legal_basis | enumeration | checkbox | Legal basis for processing contact's data |  |
+ Legitimate interest – prospect/lead;Legitimate interest – existing customer;Performance of a contract;
+ Freely given consent from contact;Not applicable
hs_email_optout                | bool        | booleancheckbox | Unsubscribed from all email
hs_marketable_status | enumeration | select | Marketing contact status | readonly | true;false
hs_content_membership_notes    | string      | textarea        | Membership Notes
hs_content_membership_status   | enumeration | select          | Status | | active=Active;inactive=Inactive
hs_whatsapp_phone_number       | string      | phonenumber     | WhatsApp Phone Number
hs_linkedin_url                | string      | text            | LinkedIn URL
hs_facebookid                  | string      | text            | Facebook ID
hs_googleplusid                | string      | text            | Googleplus ID
twitterhandle                  | string      | text            | Twitter Username
linkedinbio                    | string      | text            | LinkedIn Bio
hs_analytics_source            | enumeration | select          | Original Source | | {_SOURCES}
hs_latest_source               | enumeration | select          | Latest Traffic Source | readonly | {_SOURCES}
hs_email_domain                | string      | text            | Email Domain | calculated
hs_full_name_or_email          | string      | text            | Full name or email | calculated
hs_is_contact                  | bool        | booleancheckbox | Is a contact | calculated
hs_is_unworked                 | bool        | booleancheckbox | Contact unworked | calculated
hs_searchable_calculated_phone_number | string | text           | Calculated phone | calculated
hs_lifecyclestage_lead_date    | datetime    | date            | Became a Lead Date
hs_lifecyclestage_customer_date | datetime   | date            | Became a Customer Date
hs_email_last_send_date        | datetime    | date            | Last marketing email send date | readonly
hs_email_bounce                | number      | number          | Marketing emails bounced | readonly
hs_analytics_num_page_views    | number      | number          | Number of Pageviews | readonly
num_notes                      | number      | number          | Number of Sales Activities | calculated
num_contacted_notes            | number      | number          | Number of times contacted | calculated
num_associated_deals           | number      | number          | Number of Associated Deals | calculated
notes_last_contacted           | datetime    | date            | Last Contacted | calculated
notes_last_updated             | datetime    | date            | Last Activity Date | calculated
hubspotscore                   | number      | number          | HubSpot Score | calculated
associatedcompanyid            | number      | number          | Primary Associated Company ID
total_revenue                  | number      | number          | Total Revenue | calculated
recent_deal_amount             | number      | number          | Recent Deal Amount | calculated
"""

COMPANIES = f"""
name                           | string      | text            | Company name
domain                         | string      | text            | Company Domain Name
hs_additional_domains          | enumeration | checkbox        | Additional Domains | readonly
website                        | string      | text            | Website URL
description                    | string      | textarea        | Description
about_us                       | string      | textarea        | About Us
phone                          | string      | phonenumber     | Phone Number
address                        | string      | text            | Street Address
address2                       | string      | text            | Street Address 2
city                           | string      | text            | City
state                          | string      | text            | State/Region
zip                            | string      | text            | Postal Code
country                        | string      | text            | Country/Region
timezone                       | string      | text            | Time Zone
industry                       | enumeration | select          | Industry | | {_INDUSTRIES}
type | enumeration | select | Type |  | PROSPECT=Prospect;PARTNER=Partner;RESELLER=Reseller;VENDOR=Vendor;
+ OTHER=Other
annualrevenue                  | number      | number          | Annual Revenue
numberofemployees              | number      | number          | Number of Employees
founded_year                   | string      | text            | Year Founded
is_public                      | bool        | booleancheckbox | Is Public
closedate                      | datetime    | date            | Close Date
lifecyclestage                 | enumeration | radio           | Lifecycle Stage | lifecycle | {_STAGES}
hs_lead_status                 | enumeration | radio           | Lead Status | | {_LEAD_STATUS}
hs_ideal_customer_profile | enumeration | select | Ideal Customer Profile Tier |  | tier_1=Tier 1;
+ tier_2=Tier 2;tier_3=Tier 3
hs_is_target_account           | bool        | booleancheckbox | Target Account
linkedin_company_page          | string      | text            | LinkedIn Company Page
linkedinbio                    | string      | text            | LinkedIn Bio
facebook_company_page          | string      | text            | Facebook Company Page
twitterhandle                  | string      | text            | Twitter Handle
total_money_raised             | string      | text            | Total Money Raised
web_technologies               | enumeration | checkbox        | Web Technologies | readonly
hs_parent_company_id           | number      | number          | Parent Company | readonly
hs_num_child_companies         | number      | number          | Number of child companies | calculated
num_associated_contacts        | number      | number          | Number of Associated Contacts | calculated
num_associated_deals           | number      | number          | Number of Associated Deals | calculated
notes_last_contacted           | datetime    | date            | Last Contacted | calculated
total_revenue                  | number      | number          | Total Revenue | calculated
hs_analytics_source            | enumeration | select          | Original Source Type | | {_SOURCES}
"""

DEALS = """
dealname                       | string      | text            | Deal Name
pipeline                       | enumeration | select          | Pipeline | pipeline
dealstage                      | enumeration | radio           | Deal Stage | stage
amount                         | number      | number          | Amount
amount_in_home_currency        | number      | number          | Amount in company currency | calculated
deal_currency_code             | enumeration | select          | Currency | | EUR;USD;GBP;CHF;PLN;SEK;JPY
closedate                      | datetime    | date            | Close Date
dealtype | enumeration | radio | Deal Type |  | newbusiness=New Business;existingbusiness=Existing Business
description                    | string      | textarea        | Deal Description
closed_lost_reason             | string      | textarea        | Closed Lost Reason
closed_won_reason              | string      | textarea        | Closed Won Reason
hs_priority                    | enumeration | select          | Priority | | low=Low;medium=Medium;high=High
hs_next_step                   | string      | text            | Next step
hs_forecast_amount             | number      | number          | Forecast amount
hs_forecast_probability        | number      | number          | Forecast probability
hs_manual_forecast_category | enumeration | select | Forecast category |  | OMIT=Not forecasted;
+ PIPELINE=Pipeline;BEST_CASE=Best case;COMMIT=Commit;CLOSED=Closed won
hs_deal_stage_probability      | number      | number          | Deal probability | calculated
hs_is_closed                   | bool        | booleancheckbox | Is Deal Closed? | calculated
hs_is_closed_won               | bool        | booleancheckbox | Is Closed Won | calculated
hs_tcv                         | number      | number          | Total contract value | calculated
hs_acv                         | number      | number          | Annual contract value | calculated
hs_arr                         | number      | number          | Annual recurring revenue | calculated
hs_mrr                         | number      | number          | Monthly recurring revenue | calculated
days_to_close                  | number      | number          | Days to close | calculated
num_associated_contacts        | number      | number          | Number of Associated Contacts | calculated
num_notes                      | number      | number          | Number of Sales Activities | calculated
"""

TICKETS = """
subject                        | string      | text            | Ticket name
content                        | string      | textarea        | Ticket description
hs_pipeline                    | enumeration | select          | Pipeline | pipeline
hs_pipeline_stage              | enumeration | radio           | Ticket status | stage
hs_ticket_priority | enumeration | select | Priority |  | LOW=Low;MEDIUM=Medium;HIGH=High;URGENT=Urgent
hs_ticket_category | enumeration | checkbox | Category |  | PRODUCT_ISSUE=Product Issue;
+ BILLING_ISSUE=Billing Issue;FEATURE_REQUEST=Feature Request;GENERAL_INQUIRY=General Inquiry
source_type | enumeration | select | Source |  | CHAT=Chat;EMAIL=Email;FORM=Form;PHONE=Phone
hs_resolution | enumeration | select | Resolution |  | ISSUE_FIXED=Issue fixed;DUPLICATE=Duplicate;
+ ISSUE_NOT_FIXED=Issue not fixed
hs_external_object_ids         | string      | text            | External object IDs | unique
closed_date                    | datetime    | date            | Close date
first_agent_reply_date         | datetime    | date            | First agent response date
last_reply_date                | datetime    | date            | Last customer reply date
time_to_close                  | number      | number          | Time to close | calculated
hs_ticket_id                   | number      | number          | Ticket ID | readonly
hs_is_closed                   | bool        | booleancheckbox | Is closed | calculated
"""

LEADS = """
hs_lead_name                   | string      | text            | Lead name
hs_lead_type | enumeration | select | Lead type |  | NEW_BUSINESS=New business;RE_ATTEMPTING=Re-attempting;
+ UPSELL=Upsell
hs_lead_label                  | enumeration | select          | Lead label | | HOT=Hot;WARM=Warm;COLD=Cold
hs_lead_source | enumeration | select | Lead source |  | ORGANIC_SEARCH;PAID_SEARCH;EMAIL_MARKETING;
+ REFERRALS;OFFLINE;DIRECT_TRAFFIC
hs_pipeline                    | enumeration | select          | Pipeline | pipeline
hs_pipeline_stage              | enumeration | radio           | Pipeline stage | stage
hs_lead_disqualification_reason | enumeration | select | Disqualification reason |  | NO_BUDGET=No budget;
+ NO_INTEREST=No interest;WRONG_CONTACT=Wrong contact;BAD_TIMING=Bad timing;OTHER=Other
hs_lead_disqualification_note  | string      | textarea        | Disqualification note
hs_lead_is_disqualified        | bool        | booleancheckbox | Is disqualified | calculated
hs_primary_contact_id          | number      | number          | Primary contact ID | calculated
hs_associated_contact_email    | string      | text            | Associated contact email | calculated
hs_associated_contact_firstname | string     | text            | Associated contact first name | calculated
hs_associated_contact_lastname | string      | text            | Associated contact last name | calculated
hs_associated_company_name     | string      | text            | Associated company name | calculated
hs_associated_company_domain   | string      | text            | Associated company domain | calculated
hs_contact_last_activity_date  | datetime    | date            | Last activity | calculated
"""

CRM_PROPERTIES = {
    "contacts": CONTACTS,
    "companies": COMPANIES,
    "deals": DEALS,
    "tickets": TICKETS,
    "leads": LEADS,
}
