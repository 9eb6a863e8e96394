//! Builds workbooks of before 2007: records, their stream, and the compound file around it.

/// A record of MS-XLS.
pub fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(body.len() as u16).to_le_bytes(), body].concat()
}

/// A text with flags: in one byte a character where all are that small.
pub fn text(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    if units.iter().all(|unit| *unit < 256) {
        return std::iter::once(0).chain(units.iter().map(|unit| *unit as u8)).collect();
    }
    std::iter::once(1).chain(units.iter().flat_map(|unit| unit.to_le_bytes())).collect()
}

pub fn long(one: &str) -> Vec<u8> {
    [&(one.encode_utf16().count() as u16).to_le_bytes()[..], &text(one)].concat()
}

/// A cell of that kind, row, column and style.
pub fn cell(kind: u16, (row, column): (u16, u16), style: u16, value: &[u8]) -> Vec<u8> {
    record(kind, &[&row.to_le_bytes()[..], &column.to_le_bytes(), &style.to_le_bytes(), value].concat())
}

pub fn label(place: (u16, u16), one: &str) -> Vec<u8> {
    cell(0x204, place, 0, &long(one))
}

pub fn real(place: (u16, u16), style: u16, value: f64) -> Vec<u8> {
    cell(0x203, place, style, &value.to_le_bytes())
}

pub fn formula(place: (u16, u16), value: [u8; 8], flags: u16) -> Vec<u8> {
    cell(6, place, 0, &[&value[..], &flags.to_le_bytes(), &[0; 6]].concat())
}

/// A stream of these sheets: name, state, kind, records of its cells. `first` comes in front of the list of them.
pub fn stream(version: u16, first: &[u8], last: &[u8], sheets: &[(&str, u8, u8, Vec<u8>)]) -> Vec<u8> {
    let begin = |kind: u16| record(0x809, &[&version.to_le_bytes()[..], &kind.to_le_bytes(), &[0; 12]].concat());
    let name = |name: &str| if version < 0x600 { name.as_bytes().to_vec() } else { text(name) };
    let listed = |place: usize, (one, state, kind, _): &(&str, u8, u8, Vec<u8>)| {
        let head = [&(place as u32).to_le_bytes()[..], &[*state, *kind, one.chars().count() as u8], &name(one)];
        record(0x85, &head.concat())
    };
    let globals = |places: &[usize]| {
        let all: Vec<u8> = places.iter().zip(sheets).flat_map(|(place, sheet)| listed(*place, sheet)).collect();
        [&begin(5), first, &all, last, &record(10, &[])].concat()
    };
    let mut at = globals(&vec![0; sheets.len()]).len();
    let (mut places, mut parts) = (Vec::new(), Vec::new());
    for (.., cells) in sheets {
        let part = [begin(0x10), cells.clone(), record(10, &[])].concat();
        places.push(at);
        at += part.len();
        parts.push(part);
    }
    [globals(&places), parts.concat()].concat()
}

/// Texts that cells refer to, and styles: a number, a day, a moment, hours.
pub fn common(texts: &[&str]) -> Vec<u8> {
    let all: Vec<u8> = texts.iter().flat_map(|one| long(one)).collect();
    let count = (texts.len() as u32).to_le_bytes();
    let style = |format: u16| record(0xe0, &[&[0, 0][..], &format.to_le_bytes(), &[0; 16]].concat());
    [
        record(0x41e, &[&164_u16.to_le_bytes()[..], &long("yyyy\\-mm\\-dd")].concat()),
        [0, 164, 22, 46].into_iter().flat_map(style).collect(),
        record(0xfc, &[&count[..], &count, &all].concat()),
    ]
    .concat()
}

/// A compound file of these streams in sectors of 512 bytes; those of fewer than 4,096 are in the short sectors.
pub fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    const END: u32 = u32::MAX - 1;
    let (mut table, mut sectors) = (vec![u32::MAX - 2], vec![0; 512]);
    let mut put = |bytes: &[u8]| -> u32 {
        let (first, count) = (table.len() as u32, bytes.len().div_ceil(512) as u32);
        table.extend((1..=count).map(|next| if next == count { END } else { first + next }));
        sectors.extend_from_slice(bytes);
        sectors.resize(sectors.len().next_multiple_of(512), 0);
        if count == 0 { END } else { first }
    };
    let (mut short, mut short_table, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (name, bytes)) in streams.iter().enumerate() {
        let first = if bytes.len() < 4096 {
            let (first, count) = (short_table.len() as u32, bytes.len().div_ceil(64) as u32);
            short_table.extend((1..=count).map(|next| if next == count { END } else { first + next }));
            short.extend_from_slice(bytes);
            short.resize(short.len().next_multiple_of(64), 0);
            first
        } else {
            put(bytes)
        };
        let right = if number + 1 == streams.len() { u32::MAX } else { number as u32 + 2 };
        entries.push((*name, 2, [u32::MAX, right, u32::MAX], first, bytes.len() as u32));
    }
    let root = (put(&short), short.len() as u32);
    entries.insert(0, ("Root Entry", 5, [u32::MAX, u32::MAX, 1], root.0, root.1));
    let bytes: Vec<u8> = short_table.iter().flat_map(|next| next.to_le_bytes()).collect();
    let short_table_at = put(&bytes);
    let mut directory = Vec::new();
    for (name, kind, links, first, bytes) in entries {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        entry.resize(64, 0);
        entry.extend([(name.len() * 2 + 2) as u8, 0, kind, 1]);
        entry.extend(links.iter().flat_map(|link| link.to_le_bytes()));
        entry.resize(116, 0);
        entry.extend([first, bytes, 0].iter().flat_map(|number| number.to_le_bytes()));
        directory.extend(entry);
    }
    let directory_at = put(&directory);
    assert!(table.len() <= 128 * 109, "more is not built");
    // The table comes in front, and more of it behind.
    let pieces = (table.len() + table.len() / 128 + 1).div_ceil(128);
    let mut listed = vec![0_u32];
    for _ in 1..pieces {
        listed.push(table.len() as u32);
        table.push(u32::MAX - 2);
        sectors.resize(sectors.len() + 512, 0);
    }
    table.resize(pieces * 128, u32::MAX);
    for (piece, at) in table.chunks(128).zip(&listed) {
        let bytes: Vec<u8> = piece.iter().flat_map(|next| next.to_le_bytes()).collect();
        sectors[*at as usize * 512..][..512].copy_from_slice(&bytes);
    }
    let mut header = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    header.resize(24, 0);
    header.extend([0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
    header.resize(44, 0);
    let numbers = [pieces as u32, directory_at, 0, 4096, short_table_at, 1, END, 0];
    header.extend(numbers.iter().chain(&listed).flat_map(|number| number.to_le_bytes()));
    header.resize(512, 0xff);
    [header, sectors].concat()
}

/// A workbook of Excel 97 to 2003.
pub fn book(texts: &[&str], sheets: &[(&str, u8, u8, Vec<u8>)]) -> Vec<u8> {
    compound(&[("Other", b"x"), ("Workbook", &stream(0x600, &[], &common(texts), sheets))])
}
