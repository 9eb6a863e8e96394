//! Which elements of a document are its records.

use super::pieces::malformed;
use super::shape::XmlTree;
use crate::base::words::grouped;
use crate::io::package::Unreadable;

/// The elements that are records.
pub struct ChosenRecords {
    /// Their node.
    pub record: u32,
    /// Why it is that.
    pub reason: String,
    /// How sure that is, from 0 to 1.
    pub confidence: f64,
    /// What is to be told.
    pub notes: Vec<String>,
}

/// True for a path of elements: `/catalog/book`.
pub fn is_path(path: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && !name.starts_with('@') && !name.contains(char::is_whitespace);
    path.strip_prefix('/').is_some_and(|names| names.split('/').all(is_name))
}

/// Find the records, or take those at a path.
///
/// # Errors
/// In words: there are none at that path.
pub fn choose(tree: &XmlTree, path: Option<&str>) -> Result<ChosenRecords, Unreadable> {
    let weights = weights(tree);
    let all = weights[0].max(1);
    let (record, reason) = match path {
        Some(path) => {
            let record = at(tree, path).ok_or_else(|| {
                let likely = tree.path(found(tree, &weights).0);
                malformed(format!(
                    "has no element at {path}, which is set as the path of the records; perhaps {likely}"
                ))
            })?;
            (record, "set by the option".to_owned())
        }
        None => found(tree, &weights),
    };
    let inside = weights[record as usize];
    let confidence = if path.is_some() { 1.0 } else { inside as f64 / all as f64 };
    let outside = weights[0] - inside;
    let mut notes = Vec::new();
    if outside > 0 {
        let first = outside_of(tree, record).map_or_else(String::new, |node| tree.path(node));
        notes.push(format!(
            "{} values are outside the records {} and were not read; the first is {first}. To read others, set the path \
             of the records",
            grouped(outside),
            tree.path(record)
        ));
    }
    Ok(ChosenRecords { record, reason, confidence, notes })
}

/// By node: the values that it is and that are in it.
fn weights(tree: &XmlTree) -> Vec<u64> {
    let mut weights: Vec<u64> = tree.nodes().iter().map(|node| node.values).collect();
    for place in (1..weights.len()).rev() {
        weights[tree.nodes()[place].parent as usize] += weights[place];
    }
    weights
}

fn at(tree: &XmlTree, path: &str) -> Option<u32> {
    path.strip_prefix('/')?.split('/').try_fold(0, |node, name| tree.find(node, 0, name.as_bytes()))
}

/// The first node with values that is not in the records.
fn outside_of(tree: &XmlTree, record: u32) -> Option<u32> {
    let is_inside = |mut node: u32| {
        while node > record {
            node = tree.node(node).parent;
        }
        node == record
    };
    (1..tree.nodes().len() as u32).find(|&node| tree.node(node).values > 0 && !is_inside(node))
}

/// The records that nobody told, and why they are.
fn found(tree: &XmlTree, weights: &[u64]) -> (u32, String) {
    let depths = depths(tree);
    let mut again: Vec<u32> = (1..weights.len() as u32).filter(|&node| tree.node(node).repeats).collect();
    let weight = |node: u32| weights[node as usize];
    let holds_most = |node: u32| 2 * weight(node) >= weights[0];
    // The highest one with most of the values; else the one with most of them that is in no other that comes again.
    again.sort_by_key(|&node| {
        let depth = depths[node as usize];
        (!holds_most(node), if holds_most(node) { depth } else { 0 }, std::cmp::Reverse(weight(node)), depth)
    });
    let Some(&first) = again.first() else {
        let node = single(tree);
        return (node, format!("no element comes again; {} holds the values", tree.path(node)));
    };
    let share = weight(first) as f64 * 100.0 / weights[0].max(1) as f64;
    let mut reason = format!(
        "{} comes again, {} times, and holds {share:.0} % of the values",
        tree.path(first),
        grouped(tree.node(first).count)
    );
    let is_below = |node: u32| tree.path(node).starts_with(&(tree.path(first) + "/"));
    if let Some(&next) = again.iter().skip(1).find(|&&node| !is_below(node)) {
        let (path, times) = (tree.path(next), grouped(tree.node(next).count));
        reason.push_str(&format!("; {path} comes again, too, {times} times"));
    }
    (first, reason)
}

fn depths(tree: &XmlTree) -> Vec<u32> {
    let mut depths = vec![0; tree.nodes().len()];
    for (place, node) in tree.nodes().iter().enumerate().skip(1) {
        depths[place] = depths[node.parent as usize] + 1;
    }
    depths
}

/// Where nothing comes again: the element that holds others, below those that only hold one.
fn single(tree: &XmlTree) -> u32 {
    let mut node = tree.node(0).inner[0];
    while let [only] = tree.node(node).inner[..]
        && tree.node(node).values == 0
        && !tree.node(only).inner.is_empty()
    {
        node = only;
    }
    node
}

#[cfg(test)]
mod tests {
    use super::super::{XmlLearner, XmlShape};
    use super::*;

    fn shape(text: &str, path: Option<&str>) -> Result<XmlShape, String> {
        let mut learner = XmlLearner::default();
        learner.take(text.as_bytes(), true).map_err(|(_, message)| message)?;
        learner.finish(path).map_err(|(_, message)| message)
    }

    #[test]
    fn the_records_are_the_highest_elements_that_come_again_and_hold_most_values() {
        let row = "<row><id>1</id><name>x</name></row>";
        let rows = row.repeat(3);
        for (text, path) in [
            (format!("<t>{rows}</t>"), "/t/row"),
            (format!("<t><head><tag/><tag/></head>{rows}</t>"), "/t/row"),
            (format!("<t><note>a</note><note>b</note><data>{rows}</data></t>"), "/t/data/row"),
            (format!("<t><group n='1'>{rows}</group><group n='2'>{rows}</group></t>"), "/t/group"),
            (format!("<t><a>{row}</a><b>{rows}</b></t>"), "/t/b/row"),
            ("<s:t xmlns:s='u'><s:b><s:r/><s:r/></s:b></s:t>".to_owned(), "/s:t/s:b/s:r"),
            (
                "<feed><link/><link/><title/><entry><a/><b/></entry><entry><a/><b/></entry></feed>".to_owned(),
                "/feed/entry",
            ),
            (format!("<t>{row}</t>"), "/t/row"),
            ("<person><name>x</name><age>3</age></person>".to_owned(), "/person"),
            ("<names><name>x</name><name>y</name></names>".to_owned(), "/names/name"),
            ("<a>1</a>".to_owned(), "/a"),
            (row.repeat(2), "/row"),
        ] {
            let found = shape(&text, None).unwrap();
            assert_eq!(found.tree.path(found.record), path, "{text} {}", found.reason);
        }
    }

    #[test]
    fn what_is_outside_the_records_is_told() {
        let text = "<t version='2'><meta><by>x</by></meta><a i='1'/><a i='2'/><a i='3'/><b>1</b><b>2</b></t>";
        let found = shape(text, None).unwrap();
        assert!(found.notes[0].starts_with("4 values are outside the records /t/a"), "{:?}", found.notes);
        assert!(found.notes[0].contains("the first is /t/@version"), "{:?}", found.notes);
        assert!(found.reason.contains("/t/b comes again, too, 2 times"), "{}", found.reason);
        let other = shape(text, Some("/t/b")).unwrap();
        assert_eq!((other.tree.path(other.record), other.names.join(" ")), ("/t/b".to_owned(), "#text".to_owned()));
        let error = shape(text, Some("/t/c")).unwrap_err();
        assert!(error.contains("no element at /t/c") && error.contains("perhaps /t/a"), "{error}");
        for (path, is_one) in
            [("/a", true), ("/a/b:c", true), ("a", false), ("/", false), ("/a//b", false), ("/@a", false)]
        {
            assert_eq!(is_path(path), is_one, "{path}");
        }
    }
}
