//! Columns as a layout file has them: a table or JSON with their names, and where each begins, ends or how wide it is.
//!
//! Places count characters from 1, and a column's last one is its own, as in most layout files. A file that may mean
//! another thing, such as pairs of numbers without a word, is refused: read wrongly, every value would be another one.

use serde_json::Value;

/// What a column of a layout file says of the columns, and the names that people give it.
const HEADINGS: [(&[&str], Part); 4] = [
    (&["name", "column", "field", "variable", "columnname", "fieldname", "colname"], Part::Name),
    (&["start", "begin", "from", "first", "startposition", "beginposition"], Part::Start),
    (&["end", "stop", "to", "last", "endposition"], Part::End),
    (&["width", "length", "len", "size"], Part::Width),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Name,
    Start,
    End,
    Width,
}

impl Part {
    fn of(heading: &str) -> Option<Self> {
        let plain: String = heading.chars().filter(|one| one.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        HEADINGS.iter().find(|(names, _)| names.contains(&plain.as_str())).map(|(_, part)| *part)
    }
}

/// A column, as far as it is told.
#[derive(Debug, Default)]
struct Told {
    name: String,
    start: Option<u64>,
    end: Option<u64>,
    width: Option<u64>,
}

impl Told {
    fn put(&mut self, part: Part, text: &str) -> Result<(), String> {
        let text = text.trim();
        if part == Part::Name {
            text.clone_into(&mut self.name);
            return Ok(());
        }
        if text.is_empty() {
            return Ok(());
        }
        let number = text.parse().map_err(|_| format!("{text:?} is no number of characters"))?;
        *match part {
            Part::Start => &mut self.start,
            Part::End => &mut self.end,
            _ => &mut self.width,
        } = Some(number);
        Ok(())
    }

    /// As the option for widths has it.
    fn column(&self) -> Result<String, String> {
        let place = match (self.start, self.end, self.width) {
            (Some(0), ..) => return Err("a column starts at 0: the first character is number 1".to_owned()),
            (Some(start), Some(end), Some(width)) if (end + 1).checked_sub(start) != Some(width) => {
                return Err(format!("the characters {start} to {end} are not {width}"));
            }
            (Some(start), Some(end), _) => format!("{start}-{end}"),
            (Some(start), None, Some(width)) if width > 0 => format!("{start}-{}", start.saturating_add(width) - 1),
            (None, None, Some(width)) => width.to_string(),
            _ => return Err("a column needs its width, its start and end, or its start and width".to_owned()),
        };
        Ok(if self.name.is_empty() { place } else { format!("{}={place}", self.name) })
    }
}

/// The columns that a layout file tells, as the option for widths has them.
///
/// # Errors
/// In words: what in it tells no column.
pub fn columns_of(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let columns = if text.starts_with(['[', '{']) { of_json(text)? } else { of_table(text)? };
    if columns.is_empty() { Err("it tells no column".to_owned()) } else { Ok(columns) }
}

fn of_table(text: &str) -> Result<Vec<String>, String> {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [',', ';', '\t'].into_iter().find(|one| first.contains(*one)).unwrap_or(',');
    let mut rows = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
    let parts: Vec<Option<Part>> = cells(first, delimiter).iter().map(|cell| Part::of(cell)).collect();
    let has_heading = parts.iter().flatten().any(|part| *part != Part::Name);
    let parts = match parts.len() {
        _ if has_heading => parts,
        1 => vec![Some(Part::Width)],
        2 if cells(first, delimiter)[0].trim().parse::<u64>().is_err() => vec![Some(Part::Name), Some(Part::Width)],
        _ => {
            return Err("its first line must say what its columns are, such as name,start,end or name,start,width or \
                        name,width"
                .to_owned());
        }
    };
    if has_heading {
        rows.next();
    }
    let twice = |part: &Option<Part>| part.is_some() && parts.iter().filter(|other| *other == part).count() > 1;
    if parts.iter().any(twice) {
        return Err("two columns of its first line say the same".to_owned());
    }
    let row = |(number, line): (usize, &str)| {
        let mut told = Told::default();
        let put = parts.iter().zip(cells(line, delimiter)).try_for_each(|(part, cell)| match part {
            Some(part) => told.put(*part, &cell),
            None => Ok(()),
        });
        put.and_then(|()| told.column()).map_err(|wrong| format!("line {}: {wrong}", number + 1))
    };
    rows.map(row).collect()
}

/// The cells of a line; in quotes a delimiter is none.
fn cells(line: &str, delimiter: char) -> Vec<String> {
    let (mut all, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut rest = line.chars().peekable();
    while let Some(one) = rest.next() {
        match one {
            '"' if is_quoted && rest.peek() == Some(&'"') => cell.extend(rest.next()),
            '"' if is_quoted || cell.trim().is_empty() => is_quoted = !is_quoted,
            _ if one == delimiter && !is_quoted => all.push(std::mem::take(&mut cell)),
            _ => cell.push(one),
        }
    }
    all.push(cell);
    all
}

fn of_json(text: &str) -> Result<Vec<String>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no valid JSON: {error}"))?;
    match &value {
        Value::Array(all) => of_list(all),
        Value::Object(object) => {
            let list = |wanted: &[&str]| {
                let found = object.iter().find(|(key, _)| wanted.contains(&key.to_lowercase().as_str()));
                found.and_then(|(_, value)| value.as_array())
            };
            if let Some(all) = list(&["fields", "columns"]).filter(|all| all.iter().any(Value::is_object)) {
                return of_list(all);
            }
            let names = list(&["names", "col_names", "colnames", "name"]);
            if let Some(pairs) = list(&["colspecs"]) {
                return pairs.iter().enumerate().map(|(place, pair)| half_open(pair, name_at(names, place))).collect();
            }
            let parts: Vec<(Part, &Vec<Value>)> = object
                .iter()
                .filter_map(|(key, value)| Some((of_lists(key)?, value.as_array()?)))
                .filter(|(part, _)| *part != Part::Name)
                .collect();
            let count = parts.first().map_or(0, |(_, all)| all.len());
            if count == 0 || parts.iter().any(|(_, all)| all.len() != count) {
                return Err(
                    "it must be a list of columns, or have lists of as many widths, or starts and ends".to_owned()
                );
            }
            let column = |place: usize| {
                let mut told = Told { name: name_at(names, place), ..Told::default() };
                parts.iter().try_for_each(|(part, all)| told.put(*part, &plain(&all[place])))?;
                told.column().map_err(|wrong| format!("column {}: {wrong}", place + 1))
            };
            (0..count).map(column).collect()
        }
        _ => Err("it is neither a table nor a list of columns".to_owned()),
    }
}

/// What a list of this name holds: also in the plural.
fn of_lists(key: &str) -> Option<Part> {
    Part::of(key).or_else(|| Part::of(key.strip_suffix('s')?))
}

fn of_list(all: &[Value]) -> Result<Vec<String>, String> {
    let column = |(place, value): (usize, &Value)| {
        let mut told = Told::default();
        match value {
            Value::Number(_) => told.put(Part::Width, &plain(value))?,
            Value::Object(object) => {
                let known = object.iter().filter_map(|(key, value)| Some((Part::of(key)?, value)));
                known.into_iter().try_for_each(|(part, value)| told.put(part, &plain(value)))?;
            }
            _ => {
                return Err(format!(
                    "column {}: write it as an object with name, start and end or width; pairs of numbers belong below \
                     colspecs, as pandas has them",
                    place + 1
                ));
            }
        }
        told.column().map_err(|wrong| format!("column {}: {wrong}", place + 1))
    };
    all.iter().enumerate().map(column).collect()
}

/// A pair as pandas has it: counted from 0, and the second one is the first behind the column.
fn half_open(pair: &Value, name: String) -> Result<String, String> {
    let numbers: Option<Vec<u64>> = pair.as_array().and_then(|pair| pair.iter().map(Value::as_u64).collect());
    match numbers.as_deref() {
        Some([from, to]) => Told { name, start: Some(from.saturating_add(1)), end: Some(*to), width: None }.column(),
        _ => Err(format!("colspecs must be pairs of two numbers; this is none: {pair}")),
    }
}

fn name_at(names: Option<&Vec<Value>>, place: usize) -> String {
    names.and_then(|names| names.get(place)).map(plain).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_all_forms_tell_the_same_columns() {
        let wanted = ["id=1-8", "full name=9-28", "amount=31-40"];
        for text in [
            "name,start,end\nid,1,8\nfull name,9,28\namount,31,40\n",
            "\u{feff}Start;Width;Column Name;Type\n1;8;id;int\n9;20;\"full name\";char\n31;10;amount;num",
            "Field\tBegin\tStop\tLength\n\nid\t1\t8\t8\nfull name\t9\t28\t20\namount\t31\t40\t10\n",
            r#"[{"name": "id", "start": 1, "width": 8}, {"name": "full name", "start": 9, "end": 28}, {"field": "amount", "from": 31, "to": 40}]"#,
            r#"{"fields": [{"name": "id", "start": 1, "end": 8}, {"name": "full name", "start": 9, "end": 28}, {"name": "amount", "start": 31, "length": 10}]}"#,
            r#"{"colspecs": [[0, 8], [8, 28], [30, 40]], "names": ["id", "full name", "amount"]}"#,
            r#"{"start": [1, 9, 31], "end": [8, 28, 40], "col_names": ["id", "full name", "amount"]}"#,
        ] {
            assert_eq!(columns_of(text).unwrap(), wanted, "{text}");
        }
        for text in ["name,width\na,3\n\"b,c\",4\n", "a,3\n\"b,c\",4", r#"{"widths": [3, 4], "names": ["a", "b,c"]}"#] {
            assert_eq!(columns_of(text).unwrap(), ["a=3", "b,c=4"], "{text}");
        }
        for text in ["3\n4\n", "[3, 4]", r#"{"widths": [3, 4]}"#] {
            assert_eq!(columns_of(text).unwrap(), ["3", "4"], "{text}");
        }
    }

    #[test]
    fn what_may_mean_another_thing_is_refused() {
        for (text, why) in [
            ("", "no column"),
            ("[]", "no column"),
            ("id,1,8\nname,9,28\n", "first line must say"),
            ("1,8\n9,28\n", "first line must say"),
            ("name,start,start\nid,1,8\n", "say the same"),
            ("name,start,end\nid,0,8\n", "line 2: a column starts at 0"),
            ("name,start,end,width\nid,1,8,9\n", "the characters 1 to 8 are not 9"),
            ("name,width\nid,x\n", "line 2: \"x\" is no number"),
            ("name,start\nid,1\n", "needs its width"),
            ("[[0, 8], [8, 28]]", "below colspecs"),
            (r#"{"colspecs": [[0]]}"#, "pairs of two"),
            (r#"{"widths": [1], "starts": [1, 2]}"#, "lists of as many"),
            ("{", "no valid JSON"),
        ] {
            let refused = columns_of(text);
            assert!(refused.as_ref().is_err_and(|message| message.contains(why)), "{text}: {refused:?}");
        }
    }
}
