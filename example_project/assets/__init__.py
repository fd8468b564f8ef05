"""The assets: the warehouse's tables (``source``) and what becomes of them in HubSpot (``crm``)."""
