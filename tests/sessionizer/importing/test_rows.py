"""Rows out of files as people have them."""

import pytest

from sessionizer.importing.rows import WHITESPACE, BadRow, NoColumns, Row, read_json_lines, read_separated


def separated(text: str, delimiter: str = ",", columns: list[str] | None = None) -> list[Row | BadRow]:
    return list(read_separated(text.splitlines(keepends=True), delimiter=delimiter, columns=columns))


def test_the_first_line_names_the_columns() -> None:
    assert separated("id, mail\n1,a@b.c\n") == [Row(2, {"id": "1", "mail": "a@b.c"})]


def test_a_quoted_cell_may_hold_commas_quotes_and_lines() -> None:
    assert separated('id,says\n1,"a, ""b""\nc"\n2,d\n') == [
        Row(3, {"id": "1", "says": 'a, "b"\nc'}),
        Row(4, {"id": "2", "says": "d"}),
    ]


def test_columns_may_be_separated_by_runs_of_blanks() -> None:
    assert separated(" id  date\n 00001 19970101\r\n\n", WHITESPACE) == [Row(2, {"id": "00001", "date": "19970101"})]


def test_given_columns_make_the_first_line_a_row() -> None:
    assert separated("1\t2\n", "\t", ["a", "b"]) == [Row(1, {"a": "1", "b": "2"})]


def test_a_row_of_another_width_is_bad_and_costs_no_other() -> None:
    assert separated("a,b\n1\n1,2\n1,2,3\n") == [
        BadRow(2, "1 columns instead of 2"),
        Row(3, {"a": "1", "b": "2"}),
        BadRow(4, "3 columns instead of 2"),
    ]


def test_a_broken_quote_is_a_bad_row() -> None:
    first, second = separated('a,b\n"x"y,2\n1,2\n')
    assert isinstance(first, BadRow)
    assert second == Row(3, {"a": "1", "b": "2"})


def test_bytes_that_the_encoding_cannot_read_make_a_bad_row() -> None:
    text = b"a\ncaf\xe9\nok\n".decode("utf-8", "surrogateescape")
    assert separated(text) == [BadRow(2, "not in the file's encoding (see --encoding)"), Row(3, {"a": "ok"})]


@pytest.mark.parametrize("text", ["", "\n\n", "a,a\n1,2\n"])
def test_a_file_that_names_no_columns_is_refused(text: str) -> None:
    with pytest.raises(NoColumns):
        separated(text)


def test_json_lines_are_objects_and_others_are_bad() -> None:
    lines = ['{"a": 1}\n', "\n", "[1]\n", "{nope\n", '{"a": ' + "[" * 5000 + "\n", '{"b": 2}']
    found = list(read_json_lines(lines))
    assert [each.line for each in found] == [1, 3, 4, 5, 6]
    assert [isinstance(each, BadRow) for each in found] == [False, True, True, True, False]
