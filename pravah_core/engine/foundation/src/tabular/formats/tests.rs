use super::*;
use crate::tabular::values::{Needs, Value};

fn read(format: &str, text: &str) -> Option<String> {
    let format = ValueFormat::parse(format).unwrap_or_else(|error| panic!("{format}: {error}"));
    let mut out = Vec::new();
    format.read(text.as_bytes(), &mut out).then(|| String::from_utf8(out).unwrap())
}

fn found(values: &[&str]) -> Option<Finding> {
    let mut seen: Vec<Seen<'_>> = Vec::new();
    for value in values {
        let shape = ValueShape::of_any(value.as_bytes());
        assert_eq!(ValueShape::of_code(shape.code()), Some(shape), "{value}");
        match seen.iter_mut().find(|seen| seen.shape == shape) {
            Some(seen) => seen.count += 1,
            None => seen.push(Seen { shape, count: 1, value: value.as_bytes() }),
        }
    }
    find(&seen)
}

#[test]
fn values_are_read_as_their_format_says() {
    for (format, text, expected) in [
        ("date:%d.%m.%Y", "31.12.2024", Some("2024-12-31")),
        ("date:%d.%m.%Y", "1.2.2024", Some("2024-02-01")),
        ("date:%d.%m.%Y", "31.2.2024", None),
        ("date:%d.%m.%Y", "31.12.24", None),
        ("date:%d.%m.%Y", "31.12.2024x", None),
        ("date:%d/%m/%y", "01/02/69", Some("1969-02-01")),
        ("date:%d/%m/%y", "01/02/68", Some("2068-02-01")),
        ("date:%Y%m%d", "20240229", Some("2024-02-29")),
        ("date:%Y%m%d", "2024229", None),
        ("date:%d-%b-%Y", "5-JAN-2024", Some("2024-01-05")),
        ("date:%B %d, %Y", "September 5, 2024", Some("2024-09-05")),
        ("date:%B %d, %Y", "Sep  5, 2024", Some("2024-09-05")),
        ("timestamp:%m/%d/%Y %I:%M %p", "12/31/2024 12:05 AM", Some("2024-12-31 00:05:00")),
        ("timestamp:%m/%d/%Y %I:%M %p", "12/31/2024 12:05\u{202f}pm", Some("2024-12-31 12:05:00")),
        ("timestamp:%m/%d/%Y %I:%M %p", "12/31/2024 13:05 pm", None),
        ("timestamp:%Y-%m-%d %H:%M:%S,%f", "2024-12-31 9:05:06,123", Some("2024-12-31 09:05:06.123")),
        ("timestamp:%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700", Some("2000-10-10 13:55:36-07:00")),
        ("time:%I:%M%p", "3:07pm", Some("15:07:00")),
        ("number:1.234,56", "-1.234.567,80", Some("-1234567.80")),
        ("number:1.234,56", "1234,5", Some("1234.5")),
        ("number:1.234,56", "12.34", None),
        ("number:1.234,56", "1.2345,6", None),
        ("number:1.234,56", "0.123", None),
        ("number:1.234,56", "007", None),
        ("number:1.234,56", "1,5e-3", Some("1.5e-3")),
        ("number:1.234,56", "", None),
        ("number:1.234,56", "-", None),
        ("number:1 234,56", "12\u{a0}345\u{202f}678,9", Some("12345678.9")),
        ("number:1'234.56", "1’234.5", Some("1234.5")),
        ("number:1,234", "1,234,567", Some("1234567")),
        ("number:1,234", "1,234.5", None),
        ("number:1234,56", "1.234,5", None),
        ("number:$1,234.56", "-$1,234.50", Some("-1234.50")),
        ("number:$1,234.56", "$-1,234.50", Some("-1234.50")),
        ("number:$1,234.56", "1,234.50", None),
        ("number:($1,234.56)", "($12.50)", Some("-12.50")),
        ("number:($1,234.56)", "$(12.50)", Some("-12.50")),
        ("number:1.234,56 EUR", "12,50EUR", Some("12.50")),
        ("number:1.234,56-", "12,50-", Some("-12.50")),
        ("number:1.234,56 €-", "12,50- €", Some("-12.50")),
        ("number:1234 %", "12%", Some("12")),
        ("number:1234", " 12 ", Some("12")),
        ("boolean:ja/nein", "Nein", Some("false")),
        ("boolean:yes,y,1/no,n,0", "1", Some("true")),
        ("boolean:да/нет", "ДА", Some("true")),
        ("boolean:yes/no", "maybe", None),
    ] {
        assert_eq!(read(format, text).as_deref(), expected, "{format} {text}");
        let again = ValueFormat::parse(format).unwrap().to_string();
        assert_eq!(ValueFormat::parse(&again).unwrap(), ValueFormat::parse(format).unwrap());
    }
}

#[test]
fn what_is_no_format_is_refused_by_what_is_wrong() {
    for (format, named) in [
        ("", "is not one of"),
        ("day:%d", "is not one of"),
        ("date:", "needs a day"),
        ("date:%d.%m", "needs a day"),
        ("date:%d.%m.%Y %H:%M", "is the pattern of a timestamp"),
        ("date:%d.%m.%Y%q", "%q"),
        ("date:%d.%d.%Y", "two directives"),
        ("date:%d.%m.%Y%", "ends with %"),
        ("time:%I:%M", "%p"),
        ("time:%H:%M:%f", "%S.%f"),
        ("number:", "1234.56"),
        ("number:1.234.56", "1234.56"),
        ("number:12.345,67", "1234.56"),
        ("number:1;234,56", "1234.56"),
        ("number:(5) 1234", "1234.56"),
        ("boolean:yes", "yes,y/no,n"),
        ("boolean:yes/", "yes,y/no,n"),
        ("boolean:x/x", "yes,y/no,n"),
    ] {
        let error = ValueFormat::parse(format).expect_err(format);
        assert!(error.contains(named), "{format}: {error}");
    }
}

#[test]
fn a_column_has_the_format_of_nearly_all_of_its_values() {
    for (values, format) in [
        (&["31/12/2024", "1/2/2024"][..], "date:%d/%m/%Y"),
        (&["12/31/2024", "1/2/2024"], "date:%m/%d/%Y"),
        (&["31.12.2024 23:59", "01.02.2024 0:05"], "timestamp:%d.%m.%Y %H:%M"),
        (&["5-Jan-2024", "17-May-2023"], "date:%d-%b-%Y"),
        (&["5 January 2024", "17 May 2023"], "date:%d %B %Y"),
        (&["Jan 5, 2024", "May 17, 2023"], "date:%b %d, %Y"),
        (&["20240131", "20231231", "20240229"], "date:%Y%m%d"),
        (&["20240131235959", "20231231000000", "20240229123456"], "timestamp:%Y%m%d%H%M%S"),
        (&["12/31/2024, 3:07:05 PM"], "timestamp:%m/%d/%Y, %I:%M:%S %p"),
        (&["2024-1-5", "2024-12-31"], "date:%Y-%m-%d"),
        (&["3:07 PM", "11:30 am"], "time:%I:%M %p"),
        (&["1.234,56", "7,25", "999", "1.234"], "number:1.234,56"),
        (&["1,234.56", "7.25", "999"], "number:1,234.56"),
        (&["1,5", "2,25", "3"], "number:1234,56"),
        (&["1,234", "12,345", "1,234,567"], "number:1,234"),
        (&["1 234,5", "12 345", "7"], "number:1 234,56"),
        (&["1'234.50", "12"], "number:1'234.56"),
        (&["$1,200.50", "$5"], "number:$1,234.56"),
        (&["12,50 €", "1.200,00 €"], "number:1.234,56 €"),
        (&["EUR 12", "EUR 7"], "number:EUR 1234"),
        (&["12.5%", "7%"], "number:1234.56%"),
        (&["(12.50)", "7.25", "1,200.00"], "number:(1,234.56)"),
        (&["12,50-", "7,25"], "number:1234,56-"),
        (&["Yes", "NO", "yes"], "boolean:yes/no"),
        (&["y", "N", "1", "0"], "boolean:y,1/n,0"),
        (&["ja", "nein", "NA"], "boolean:ja/nein"),
        (&["TRUE", "fAlse", "tRUE"], "boolean:true/false"),
    ] {
        let found = found(values).unwrap_or_else(|| panic!("{values:?}"));
        assert_eq!((found.format.as_str(), found.is_ambiguous), (format, false), "{values:?}");
        assert_eq!(found.conforming, values.iter().filter(|value| **value != "NA").count() as u64, "{values:?}");
    }
}

#[test]
fn what_two_formats_have_is_told_with_both() {
    for (values, formats) in [
        (&["1/2/2024", "03/04/2024"][..], ["date:%d/%m/%Y", "date:%m/%d/%Y"]),
        (&["1,234", "12,345"], ["number:1,234", "number:1234,56"]),
        (&["1.234", "12.345", "x"], ["", ""]),
    ] {
        let found = found(values);
        let Some(found) = found else {
            assert_eq!(formats, ["", ""], "{values:?}");
            continue;
        };
        assert!(found.is_ambiguous, "{values:?}");
        let other = found.other.expect("there are two");
        assert_eq!((other.1, found.conforming), (values.len() as u64, values.len() as u64));
        let mut both = [found.format.as_str(), other.0.as_str()];
        both.sort_unstable();
        assert_eq!(both, formats, "{values:?}");
    }
    // Days of both orders, and a century that nobody knows.
    let mixed = [["1/2/2024"; 98].as_slice(), &["31/12/2024", "12/31/2024"]].concat();
    assert!(found(&mixed).is_some_and(|found| found.is_ambiguous && found.conforming == 99));
    assert!(found(&["31/12/24"]).is_some_and(|found| found.is_ambiguous && found.other.is_none()));
}

#[test]
fn codes_are_neither_numbers_nor_dates() {
    for values in [
        &["+49 30 123456", "030 1234567", "0171/1234567"][..],
        &["(555) 123-4567", "(555) 987-6543"],
        &["612 345 678", "698 765 432"],
        &["1.2.3", "1.2.10", "2.0.0", "1.10.2"],
        &["1.1.24", "1.2.24"],
        &["007", "00501", "01002"],
        &["192.168.100.200", "192.168.101.201"],
        &["10.0.0.1", "255.255.255.0"],
        &["123-45-6789", "987-65-4321"],
        &["A1", "B2"],
        &["NO", "SE", "NO"],
        &["NO", "NO"],
        &["on", "to", "at"],
        &["1", "0", "1"],
        &["1.5", "2.5"],
        &["2024-01-01", "2024-12-31"],
        &["12345678", "23456789", "20241399"],
        &["12345678901234567890", "12345678901234567891"],
        &["10:30", "9:05"],
        &["5 kg", "7 kg"],
        &["10-20", "20-30"],
        &["1/2", "3/4"],
        &["2024-W01", "2024-13-45"],
        &["12 34 56", "78 90 12"],
        &["de305d54-75b4-431b-adb2-eb6b9e546014"],
        &["4111 1111 1111 1111"],
        &["DE89 3704 0044 0532 0130 00"],
        &["1,2,3", "4,5"],
    ] {
        assert_eq!(found(values), None, "{values:?}");
    }
}

#[test]
fn what_is_read_is_a_value_of_the_formats_type() {
    let formats = ["date:%d.%m.%Y", "timestamp:%d/%m/%y %I:%M:%S.%f %p", "number:(1,234.56)", "boolean:yes/no"];
    let parts = ["1", "31", "12", ".", "/", ",", " ", "2024", ":", "AM", "(", ")", "-", "yes", "0", "e5", "é"];
    let mut state = 20_261_128_u64;
    let mut next = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % most
    };
    let mut read = 0;
    for _ in 0..200_000 {
        let text: String = (0..next(9) + 1).map(|_| parts[next(parts.len())]).collect();
        let _ = ValueShape::of_any(text.as_bytes()).code();
        for format in formats {
            let (format, mut out) = (ValueFormat::parse(format).unwrap(), Vec::new());
            if format.read(text.as_bytes(), &mut out) {
                read += 1;
                let kind = Value::of(&out).kind();
                assert!(format.is_of(kind) || out.len() > 18, "{text:?} {format}");
                assert_eq!(Needs::of(&out, false).kind, Some(kind));
            } else {
                assert!(out.is_empty());
            }
        }
    }
    assert!(read > 1000, "{read}");
}
