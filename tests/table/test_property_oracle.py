"""What a property takes, against an oracle that is written by hand: 5,000 rows of each type."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property_definitions import BOOL, COLOURS, DATE, DATETIME, NUMBER, STAGE, STRING, UTC
from table_helpers import encode, encode_column, rejected_codes, sent

from hubspot_batch_dagster.table.layout import Definition, Field, Layout

ROWS = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
EACH = 50  # rows an example: 5,000 rows for each type


def _column(cells: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(st.none(), cells), min_size=EACH, max_size=EACH)


def _judged(definition: Definition, cells: list[str | None], takes: Any, same: Any) -> None:
    """Every row is sent with a text HubSpot takes and that means the cell, or rejected because it would
    not.
    """
    encoded = encode_column(pa.array(cells, pa.string()), definition)
    texts, codes = sent(encoded), rejected_codes(encoded)
    assert texts.keys() | codes.keys() == set(range(len(cells)))
    for row, cell in enumerate(cells):
        if row in codes:
            assert cell is not None
            assert not takes(cell.strip()) or (cell != "" and not cell.strip()), cell
        elif cell is None:
            assert texts[row] is None
        else:
            assert texts[row] == "" or takes(texts[row]), (cell, texts[row])
            assert same(cell, texts[row]), (cell, texts[row])


def _takes_number(text: str) -> bool:
    digits = text.removeprefix("-")
    return text == "" or (
        set(digits) <= set("0123456789.") and digits.count(".") <= 1 and digits not in ("", ".")
    )


@ROWS
@given(
    _column(
        st.one_of(
            st.text("0123456789.-+e, ", max_size=8),
            st.floats().map(str),
            st.integers().map(str),
            st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
        )
    )
)
def test_numbers_5000_rows_against_the_oracle(cells):
    _judged(NUMBER, cells, _takes_number, lambda cell, text: cell.strip() == text)


@ROWS
@given(
    _column(
        st.one_of(st.sampled_from(["true", "FALSE", "True ", "0", "1", "yes", "", " "]), st.text(max_size=5))
    )
)
def test_bools_5000_rows_against_the_oracle(cells):
    _judged(
        BOOL,
        cells,
        lambda text: text.lower() in ("true", "false", ""),
        lambda cell, text: cell.strip().lower() == text,
    )


def _date_of(text: str) -> dt.date | None:
    """The date that a text means for a date property, by the standard library alone."""
    moment = _epoch(int(text)) if re.fullmatch(r"-?[0-9]{1,15}", text) else _iso(text)
    return moment.date() if moment and moment.time() == dt.time(0) else None


def _epoch(millis: int) -> dt.datetime | None:
    try:
        return dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=millis)
    except OverflowError:
        return None


def _iso(text: str) -> dt.datetime | None:
    match = re.fullmatch(
        r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?:(:[0-9]{2})(?:\.([0-9]{1,9}))?)? ?"
        r"(Z|([+-][0-9]{2})(?::?([0-9]{2}))?)?)?",
        text,
        re.IGNORECASE,
    )
    if not match:
        return None
    day, clock, seconds, fraction, zone, hours, minutes = match.groups()
    offset = f"{hours}:{minutes or '00'}" if hours else "+00:00"
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        moment = dt.datetime.fromisoformat(f"{day}T{clock or '00:00'}{seconds or ':00'}.{micros}{offset}")
        return moment.astimezone(UTC).replace(tzinfo=None) if zone or clock else moment.replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


DAY_TEXTS = st.one_of(
    st.dates().map(str),
    st.tuples(st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32)).map(
        lambda p: f"{p[0]:04}-{p[1]:02}-{p[2]:02}"
    ),
    st.dates(dt.date(1900, 1, 1)).map(lambda day: str((day - dt.date(1970, 1, 1)).days * 86_400_000)),
    st.dates().map(lambda day: f"{day} 00:00:00"),
    st.dates().map(lambda day: day.strftime("%d.%m.%Y")),
    st.text("0123456789-: TZ", max_size=12),
)


@ROWS
@given(_column(DAY_TEXTS))
def test_dates_5000_rows_against_the_oracle(cells):
    _judged(
        DATE,
        cells,
        lambda text: text == "" or _date_of(text) is not None,
        lambda cell, text: _date_of(cell.strip()) == _date_of(text),
    )


ZONES = st.sampled_from(["", "Z", "z", "+00:00", "-0330", "+14:00", "+05", " Z", "+24:00", "UTC", "+1"])
MOMENT_TEXTS = st.one_of(
    st.tuples(st.datetimes(), st.sampled_from(["T", " "]), ZONES).map(lambda p: p[0].isoformat(p[1]) + p[2]),
    st.tuples(st.datetimes(), ZONES).map(lambda p: p[0].isoformat("T", "minutes") + p[1]),
    st.datetimes(dt.datetime(1900, 1, 1)).map(lambda at: str(int(at.replace(tzinfo=UTC).timestamp() * 1000))),
    st.integers(-(10**12), 10**16).map(str),
    st.dates().map(str),
    st.text("0123456789-: TZ.", max_size=24),
)


def _takes_moment(text: str) -> bool:
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        millis = int(text)
        return _epoch(millis) is not None and (abs(millis) >= 10**11 or millis % 86_400_000 == 0)
    return text == "" or _iso(text) is not None


def _same_moment(cell: str, text: str) -> bool:
    cell = cell.strip()
    if re.fullmatch(r"-?[0-9]+", cell) or cell == "":
        return cell == text
    meant, written = _iso(cell), _iso(text)
    assert meant is not None
    return written == meant.replace(microsecond=meant.microsecond // 1000 * 1000)


@ROWS
@given(_column(MOMENT_TEXTS))
def test_datetimes_5000_rows_against_the_oracle(cells):
    _judged(DATETIME, cells, _takes_moment, _same_moment)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.datetimes(), min_size=20, max_size=20), st.sampled_from(["Z", "", "+02:00"]))
def test_a_column_of_one_form_is_read_like_its_cells(moments, zone):
    cells = [moment.isoformat(" ") + zone for moment in moments]
    encoded = encode_column(pa.array(cells), DATETIME)
    for row, text in sent(encoded).items():
        assert _same_moment(cells[row], text or "")
    for row in rejected_codes(encoded):
        assert _iso(cells[row]) is None


OPTION_TEXTS = st.one_of(
    st.sampled_from(
        [*STAGE.options, *STAGE.options.values(), " lead", "DEAL", "mql ", "Opp-1", "", " ", "lead;"]
    ),
    st.text(max_size=6),
)


@ROWS
@given(_column(OPTION_TEXTS))
def test_options_5000_rows_against_the_oracle(cells):
    def meant(cell: str) -> set[str]:
        if cell in STAGE.options or cell == "":
            return {cell}
        by_label = {value for value, label in STAGE.options.items() if label == cell}
        folded = cell.strip().casefold()
        loose = {
            v
            for v, label in STAGE.options.items()
            if folded in (v.strip().casefold(), label.strip().casefold())
        }
        return by_label or loose

    encoded = encode_column(pa.array(cells, pa.string()), STAGE)
    texts, codes = sent(encoded), rejected_codes(encoded)
    for row, cell in enumerate(cells):
        if cell is None:
            assert texts[row] is None
        elif row in codes:
            assert len(meant(cell)) != 1
        else:
            assert meant(cell) == {texts[row]}


@ROWS
@given(
    _column(
        st.lists(st.sampled_from(["r", "Green", "BLUE", "Red", "pink", "", " "]), max_size=4).map(";".join)
    )
)
def test_several_options_5000_rows_against_the_oracle(cells):
    names = {"r": "r", "Green": "g", "BLUE": "b", "Red": "Red"}
    encoded = encode_column(pa.array(cells, pa.string()), COLOURS)
    texts, codes = sent(encoded), rejected_codes(encoded)
    for row, cell in enumerate(cells):
        parts = [part for part in (cell or "").split(";") if part.strip()]
        if cell is None or cell == "":
            assert texts[row] == cell
        elif not parts or "pink" in parts:
            assert codes[row] == "INVALID_OPTION"
        else:
            append = ";" if cell.startswith(";") else ""
            assert texts[row] == append + ";".join(names[part] for part in parts)


@ROWS
@given(_column(st.text(max_size=30)))
def test_texts_5000_rows_against_the_oracle(cells):
    encoded = encode_column(pa.array(cells, pa.string()), STRING)
    expected = {row: cell for row, cell in enumerate(cells) if cell is None or len(cell) <= 20}
    assert sent(encoded) == expected
    assert set(rejected_codes(encoded).values()) <= {"TOO_LONG"}


EMAIL_TEXTS = st.tuples(
    st.sampled_from(["ada", "Ada.L", "a+b", "o'hara", "zoë", '"a b"', "", " x"]),
    st.sampled_from(["@", "@@", " at ", "@ "]),
    st.sampled_from(
        ["example", "example.com", "sub.example.co", "x.c", "münchen.de", "a_b.com", ".com", "1.2.3.4"]
    ),
).map("".join)


@ROWS
@given(_column(st.one_of(EMAIL_TEXTS, st.text('a.b@-_ ;,"', max_size=9))))
def test_emails_5000_rows_never_let_through_what_has_no_domain(cells):
    table = pa.table({"k": range(len(cells)), "cell": pa.array(cells, pa.string())})
    encoded = encode(table, Layout((Field("email", "cell"),), ("k",)))
    for text in sent(encoded, "email").values():
        if text:
            local, _, domain = text.strip().rpartition("@")
            assert local
            assert "." in domain
            assert "@" not in local
            assert not re.search(r"[\s,;]", text.strip())
    for row in rejected_codes(encoded):
        cell = cells[row].strip()
        plain = re.fullmatch(r"[a-z0-9.+-]+@([a-z0-9-]+\.)+[a-z]{2,}", cell)
        assert plain is None


def test_every_text_that_is_sent_is_json_text():
    encoded = encode_column(pa.array(["lead"]), STAGE)
    assert json.loads(encoded.good["properties"].to_pylist()[0]) == {"p": "lead"}
