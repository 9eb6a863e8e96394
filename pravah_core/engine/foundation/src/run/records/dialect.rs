//! The dialect of a schema: what it says of how files are read counts where no option says anything else.

use super::ReadOptions;
use super::options::{InitialSpace, named};
use crate::tabular::contract::{Resource, TableDialect};

/// The dialect of all files; in words, why there is none though resources have some.
pub(super) fn of(resources: &[Resource]) -> Result<Option<&TableDialect>, String> {
    let mut all = resources.iter().map(|one| one.dialect.as_ref());
    match all.next() {
        None => Ok(None),
        Some(first) if all.all(|other| other == first) => Ok(first),
        Some(_) => Err("the resources have different dialects, and a job reads all files in one way: none of the \
                        dialects is used, each file's own is found"
            .to_owned()),
    }
}

/// The options with what a dialect says, and what of it is not used.
pub(super) fn applied(options: &ReadOptions, dialect: &TableDialect) -> (ReadOptions, Vec<String>) {
    let (mut read, usual) = (options.clone(), ReadOptions::default());
    let mut told: Vec<String> =
        dialect.ignored.iter().map(|what| format!("the dialect of the schema is not followed in {what}")).collect();
    let mut put = |own: &mut String, usual: &String, said: Option<String>, (option, key): (&str, &str)| {
        let Some(said) = said else { return };
        if own == usual {
            *own = said;
        } else if named(own) != named(&said) {
            told.push(other(option, own, key, &said));
        }
    };
    let byte =
        |said: &Option<Option<String>>| said.as_ref().map(|said| said.clone().unwrap_or_else(|| "none".to_owned()));
    if read.widths.is_empty() {
        put(&mut read.delimiter, &usual.delimiter, dialect.delimiter.clone(), ("delimiter", "delimiter"));
    }
    put(&mut read.quote, &usual.quote, byte(&dialect.quote), ("quote", "quoteChar"));
    put(&mut read.escape, &usual.escape, byte(&dialect.escape), ("escape", "escapeChar"));
    if !options.widths.is_empty() && dialect.delimiter.is_some() {
        told.push(
            "the dialect of the schema has a delimiter, but the options divide lines by widths: it is not used"
                .to_owned(),
        );
    }
    match (&read.comment, &dialect.comment) {
        (None, Some(_)) => read.comment.clone_from(&dialect.comment),
        (Some(own), Some(said)) if own != said => told.push(other("comment", own, "commentChar", said)),
        _ => {}
    }
    for (own, said, option, key) in [
        (&mut read.header_rows, dialect.header_rows, "header_rows", "header"),
        (&mut read.skip_lines, dialect.skip_lines, "skip_lines", "headerRows or commentRows"),
    ] {
        match (*own, said) {
            (None, said) => *own = said,
            (Some(own), Some(said)) if own != said => {
                told.push(other(option, &own.to_string(), key, &said.to_string()))
            }
            _ => {}
        }
    }
    if let Some(skips) = dialect.skips_blanks {
        let said = if skips { InitialSpace::Yes } else { InitialSpace::No };
        match read.skip_initial_space {
            InitialSpace::Auto => read.skip_initial_space = said,
            own if own != said => {
                let words = |space: InitialSpace| if space == InitialSpace::Yes { "yes" } else { "no" };
                told.push(other("skip_initial_space", words(own), "skipInitialSpace", words(said)));
            }
            _ => {}
        }
    }
    if let Some(null) = &dialect.null
        && read.null_values != usual.null_values
        && !read.null_values.contains(null)
    {
        told.push(format!(
            "the dialect of the schema has the nullSequence {null:?}, which counts instead of the option null_values"
        ));
    }
    (read, told)
}

fn other(option: &str, own: &str, key: &str, said: &str) -> String {
    format!("the option {option} is {own:?}, but the dialect of the schema has {key} {said:?}: the option counts")
}
