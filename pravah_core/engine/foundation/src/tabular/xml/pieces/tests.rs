use super::*;

/// What is told, as a text.
#[derive(Default)]
struct Told(String, bool);

impl XmlVisit for Told {
    fn start(&mut self, name: &[u8], attributes: &XmlAttributes) -> Result<(), Unreadable> {
        self.1 = false;
        self.0 += &format!("({}", String::from_utf8_lossy(name));
        for (name, value) in attributes.iter() {
            self.0 += &format!(" {}={:?}", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        }
        Ok(())
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Unreadable> {
        self.0 += if std::mem::replace(&mut self.1, true) { "" } else { "|" };
        self.0 += &String::from_utf8_lossy(text);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        self.1 = false;
        self.0.push(')');
        Ok(())
    }
}

fn told(text: &str, step: usize) -> (String, Option<String>) {
    let (mut pieces, mut told) = (XmlPieces::default(), Told::default());
    for piece in text.as_bytes().chunks(step) {
        if let Err((_, message)) = pieces.take(piece, false, &mut told) {
            return (told.0, Some(message));
        }
    }
    let error = pieces.take(&[], true, &mut told).err().map(|(_, message)| message);
    (told.0, error)
}

#[test]
fn a_document_is_the_same_whatever_the_pieces() {
    for (text, wanted) in [
        (
            "<?xml version=\"1.0\"?>\n<a><!-- <b> --><b x='1' y:z=\"a&amp;b&#10;c\nd\r\ne\"/>t</a >\n",
            "(a(b x=\"1\" y:z=\"a&b\\nc d e\")|t)",
        ),
        ("<a>&lt;1\r\n2\r3&#x20ac;<![CDATA[<&>]]]]><![CDATA[>]]></a>", "(a|<1\n2\n3€<&>]]>)"),
        ("<!DOCTYPE a [<!ELEMENT a (b>c)><!ENTITY x \"y\">]><a> \u{feff}\u{feff}x</a>", "(a| \u{feff}\u{feff}x)"),
        (
            "<!DOCTYPE a PUBLIC '[x' '>' [<!-- <!ATTLIST b z CDATA 'no'> --><!ELEMENT b EMPTY>\n<!ATTLIST b x CDATA \"1>\"\n\
             y (m|n) 'n' x CDATA 'late' i ID #IMPLIED r CDATA #REQUIRED f NOTATION (p) #FIXED\t'&lt;'>]><a><b/><b x='2'/></a>",
            "(a(b x=\"1>\" y=\"n\" f=\"<\")(b x=\"2\" y=\"n\" f=\"<\"))",
        ),
        ("<a>\u{feff}<b>\u{feff}</b></a>", "(a|\u{feff}(b|\u{feff}))"),
        ("<a b='>'/>", "(a b=\">\")"),
    ] {
        for step in [1, 2, 3, 5, 8, 1000] {
            assert_eq!(told(text, step), (wanted.to_owned(), None), "{text} {step}");
        }
    }
}

#[test]
fn what_is_not_well_formed_ends_the_reading_with_its_line() {
    for (text, words) in [
        ("<a>\n<b></a>", "line 2: </a> stands where </b> of line 2 is missing"),
        ("<a>\n\n</a></a>", "line 3: </a> ends nothing"),
        ("<a>\n<b>x", "line 2: the file ends inside <b>, which begins in line 2"),
        ("<a>\n &x; </a>", "line 2: uses the entity &x;"),
        ("<a b='&x;'/>", "line 1: uses the entity &x;"),
        ("<a>\nAT&T</a>", "line 2: is not well-formed XML: an '&'"),
        ("<a>x & y</a>", "line 1: "),
        ("<a b=1/>", "line 1: "),
        ("<a b='1' b='2'/>", "twice"),
        ("<a b='<'/>", "contains '<'"),
        ("<a>&#0;</a>", "&#0; is not a character"),
        ("<a>&#xd800;</a>", "is not a character"),
        ("<a>\n<!bad></a>", "line 2: "),
        ("<a/>text", "outside its elements"),
        ("a,b\n1,2\n", "perhaps it is not XML"),
        ("<a>\n<b \n c", "line 2: is not well-formed XML: tag not closed"),
        ("<a><![CDATA[x", "CDATA not closed"),
        ("<>x</>", "no name"),
    ] {
        for step in [1, 3, 1000] {
            let error = told(text, step).1.unwrap_or_default();
            assert!(error.contains(words), "{text:?} {step}: {error}");
        }
    }
    let deep = "<a>".repeat(DEEPEST + 1);
    assert!(told(&deep, 1000).1.is_some_and(|error| error.contains("nested")));
    let many: String = (0..MOST_ATTRIBUTES + 1).map(|number| format!(" a{number}='1'")).collect();
    assert!(told(&format!("<a{many}/>"), 1 << 20).1.is_some_and(|error| error.contains("attributes")));
    let twice: String = (0..40).map(|number| format!(" a{}='1'", number % 39)).collect();
    assert!(told(&format!("<a{twice}/>"), 1 << 20).1.is_some_and(|error| error.contains("twice")));
}
