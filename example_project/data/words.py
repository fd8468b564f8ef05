"""Names, towns and trades to make rows of. Real tables are not ASCII, so these are not."""

FIRST_NAMES = (
    "Zoë", "Søren", "Łukasz", "Nguyễn", "José María", "Anaïs", "Björn", "Chloé", "Dvořák", "Ève", "Fatima", "Gül",
    "Håkon", "Inés", "Jürgen", "Kateřina", "Liam", "Mariana", "Noor", "Ólafur", "Priya", "Quentin", "Rūta", "Siobhán",
    "Thijs", "Ümit", "Vendula", "Wanjirũ", "Xin", "Yael", "Żaneta", "太郎", "明", "Олександр", "Δήμητρα", "محمد", "नीला",
)  # fmt: skip
LAST_NAMES = (
    "O'Brien", "Müller-Lüdenscheidt", "García Márquez", "van der Berg", "Nuñez", "Ångström", "Šimek", "D'Angelo",
    "Smith", "Kowalczyk", "Þórsson", "Yılmaz", "Okonkwo", "Haddad", "Nakamura", "Ødegård", "Popescu", "Ferreira",
    "山田", "Шевченко", "Παπαδόπουλος", "Fitz\"Gerald", "Lê", "Sánchez", "Weiß", "Đorđević", "Mac Lean", "Roux",
)  # fmt: skip
TOWNS = (
    ("Zürich", "Switzerland", "08001"), ("København", "Denmark", "01050"), ("Kraków", "Poland", "30-001"),
    ("São Paulo", "Brazil", "01310-100"), ("Boston", "United States", "02108"), ("İzmir", "Türkiye", "35000"),
    ("Reykjavík", "Iceland", "00101"), ("Montréal", "Canada", "H2X 1Y4"), ("東京", "Japan", "100-0001"),
    ("Saint-Étienne", "France", "42000"), ("Kyiv", "Ukraine", "01001"), ("Galway", "Ireland", "H91 A1"),
)  # fmt: skip
JOB_TITLES = ("Buyer", "Fleet manager", "CFO", 'Head of "Special" Projects', "Intern", "R&D lead", "Owner")
TRADES = (
    "Transport",
    "Bakery",
    "Timber",
    "Software",
    "Textiles",
    "Clinics",
    "Pumps & Valves",
    "Görlitzer Möbel",
)
FORMS = ("GmbH", "Inc.", "S.A.", "Ltd", "Oy", "d.o.o.", "& Sons", "株式会社")
INDUSTRIES = (
    "COMPUTER_SOFTWARE", "TRANSPORTATION_TRUCKING_RAILROAD", "FOOD_PRODUCTION", "APPAREL_FASHION",
    "HOSPITAL_HEALTH_CARE", "MACHINERY", "FURNITURE", "PAPER_FOREST_PRODUCTS",
)  # fmt: skip
