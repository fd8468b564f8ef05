"""The assets: the warehouse's tables (``source``), what becomes of them in HubSpot (``crm``, ``meetings``),
and of the ids (``shop``).
"""
