//! The encoding of a file is found, and its text is the same, in whatever pieces its bytes come.

use super::*;

/// Text, what is known of it, and its characters, of bytes that come in those pieces.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Found, u64) {
    read_as(ChosenEncoding::AUTO, pieces)
}

fn read_as<'a>(chosen: ChosenEncoding, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Found, u64) {
    let (mut file, mut text, mut buffer) = (FileText::new(chosen, true), Vec::new(), Vec::new());
    for piece in pieces {
        text.extend_from_slice(file.decode(piece, false, &mut buffer));
    }
    text.extend_from_slice(file.decode(&[], true, &mut buffer));
    (text, file.found(), file.characters())
}

fn utf8() -> ChosenEncoding {
    serde_json::from_str("\"utf-8\"").unwrap()
}

fn bytes(name: &str, text: &str) -> Vec<u8> {
    encoding_rs::Encoding::for_label(name.as_bytes()).unwrap().encode(text).0.into_owned()
}

#[test]
fn the_first_bytes_that_are_not_ascii_tell_the_encoding_wherever_they_stand() {
    let russian = "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442} \u{43c}\u{438}\u{440}\n\u{41a}\u{430}\u{43a} \u{434}\u{435}\u{43b}\u{430}\n";
    let japanese =
        "\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{30c6}\u{30ad}\u{30b9}\u{30c8}\u{3067}\u{3059}\u{3002}\n\u{6771}\u{4eac}\n";
    let french = "d\u{e9}j\u{e0} vu, \u{e0} c\u{f4}t\u{e9} de la for\u{ea}t\n";
    for (name, text, confidence) in [
        ("windows-1251", russian, Confidence::High),
        ("shift_jis", japanese, Confidence::High),
        ("windows-1252", french, Confidence::Low),
        ("utf-8", japanese, Confidence::High),
    ] {
        let ascii = b"plain text, and more of it\n".repeat(100);
        let others = bytes(name, text);
        let wanted = [&ascii, text.as_bytes(), &ascii].concat();
        for size in [1, 5, 1000, 5000] {
            // The block that has them is whole: the engine's are larger than any of these.
            let before = ascii.chunks(size);
            let pieces = before.chain([&others[..]]).chain(ascii.chunks(size));
            let (found, known, characters) = read(pieces);
            assert!(found == wanted, "{name}");
            let decided_at = ascii.len() + others.iter().take_while(|byte| byte.is_ascii()).count();
            assert_eq!(known.name, name);
            assert_eq!((known.confidence, known.invalid), (Some(confidence), 0), "{name}");
            assert_eq!(known.decided_at, Some(decided_at as u64));
            assert_eq!(characters as usize, String::from_utf8(found).unwrap().chars().count());
        }
    }
}

#[test]
fn a_character_that_a_border_cuts_tells_with_what_follows() {
    // The same byte begins a character of UTF-8, and is one of Latin text.
    let (text, known, characters) = read([&b"caf\xe9"[..], b" au lait, cr\xe8me\n"]);
    assert_eq!((text.as_slice(), &*known.name), ("caf\u{e9} au lait, cr\u{e8}me\n".as_bytes(), "windows-1252"));
    assert_eq!((characters, known.decided_at), (20, Some(3)));
    let (text, known, characters) = read([&b"1 \xe2"[..], b"\x82", b"\xac\n"]);
    assert_eq!((text.as_slice(), &*known.name), ("1 \u{20ac}\n".as_bytes(), "utf-8"));
    assert_eq!((characters, known.decided_at, known.invalid), (4, Some(2), 0));
    // At the end of a file it is none.
    let (text, known, _) = read([&b"caf\xe9"[..]]);
    assert_eq!((text.as_slice(), &*known.name), ("caf\u{e9}".as_bytes(), "windows-1252"));
}

#[test]
fn what_is_not_valid_is_counted_in_pieces_of_any_length() {
    let mut state = 0x5eed_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize
    };
    let parts: [&[u8]; 12] = [
        b"a",
        b"\xc3",
        b"\xa9",
        "\u{20ac}".as_bytes(),
        b"\xe2\x82",
        b"\xf0\x9f",
        b"\x98",
        b"\xff",
        b"\xed\xa0",
        b"\xc0",
        b"\xf5\x80",
        b"\xe0\x80",
    ];
    for _ in 0..3000 {
        let text: Vec<u8> = (0..random() % 30).flat_map(|_| parts[random() % parts.len()]).copied().collect();
        let text = ["\u{e9}\u{e9}\u{e9}".as_bytes(), &text].concat();
        let invalid = text.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count() as u64;
        let characters: usize = text.utf8_chunks().map(|chunk| chunk.valid().chars().count()).sum();
        for most in [1, 2, 3, 5, 100] {
            let (mut pieces, mut rest) = (vec![&text[..6]], &text[6..]);
            while !rest.is_empty() {
                let (piece, further) = rest.split_at((1 + random() % most).min(rest.len()));
                pieces.push(piece);
                rest = further;
            }
            let mut looked_at = FileText::new(utf8(), true);
            looked_at.decode(&text[..6], false, &mut Vec::new());
            let mut at = 6;
            for piece in &pieces[1..] {
                looked_at.pass(Look::at(&text[at - 3..at], piece, true));
                at += piece.len();
            }
            looked_at.decode(&[], true, &mut Vec::new());
            assert_eq!((looked_at.invalid, looked_at.characters as usize), (invalid, characters), "{text:?}");
            let (found, known, counted) = read_as(utf8(), pieces);
            assert_eq!(found, text, "bytes of UTF-8 stay as they are");
            assert_eq!((&*known.name, known.invalid, counted as usize), ("utf-8", invalid, characters), "{text:?}");
        }
    }
    let (text, known, characters) = read([&b"\xff\xfea\0\x3d\xd8b\0"[..], b"\xac", b"\x20\n"]);
    assert_eq!((text.as_slice(), &*known.name), (&b"a\xffb\xe2\x82\xac\xff"[..], "utf-16le"));
    assert_eq!((known.invalid, characters, known.confidence), (2, 3, Some(Confidence::Low)));
}

#[test]
fn what_tells_nothing_is_taken_as_it_is() {
    let text = |bytes: &[u8]| {
        let (text, found, _) = read([bytes]);
        assert_eq!(text, bytes);
        (found.name.into_owned(), found.confidence, found.invalid)
    };
    assert_eq!(text(b""), ("empty".into(), None, 0));
    assert_eq!(text(b"plain"), ("ascii".into(), Some(Confidence::Certain), 0));
    assert_eq!(text(b"\xff\xff\xffy\n"), ("other".into(), Some(Confidence::Low), 3));
    assert_eq!(text(b"\xc3\xa9\xc3\xa9 \xff"), ("utf-8".into(), Some(Confidence::Low), 1));
    let mut file = FileText::new(utf8(), false);
    assert_eq!(file.decode(b"caf\xe9\n", true, &mut Vec::new()), b"caf\xe9\n");
    assert_eq!((file.found().name.as_ref(), file.found().invalid), ("utf-8", 1));
}
