//! The option `formats`: how the values of columns are written, each as `name=format`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::error::{EngineError, Result};
use crate::tabular::formats::ValueFormat;

/// Formats by the names of their columns.
pub type Formats = HashMap<String, Arc<ValueFormat>>;

const MOST_FORMATS: usize = 10_000;
/// What stands between a name, which may have any of these, too, and a format.
const BEGINNINGS: [&str; 5] = ["=date:", "=timestamp:", "=time:", "=number:", "=boolean:"];

/// Read the option.
///
/// # Errors
/// [`EngineError::InvalidOptions`] naming what is wrong.
pub fn formats(list: &[String]) -> Result<Formats> {
    if list.len() > MOST_FORMATS {
        return Err(EngineError::invalid("options.formats lists more than 10,000 columns"));
    }
    let mut all = Formats::new();
    for text in list {
        let wrong = |what: &str| EngineError::invalid(format!("options.formats: {text:?} {what}"));
        let place = BEGINNINGS.iter().filter_map(|beginning| text.find(beginning)).min().filter(|place| *place > 0);
        let place = place.ok_or_else(|| {
            wrong("is not name=format with a format such as date:%d.%m.%Y, number:1.234,56 or boolean:yes/no")
        })?;
        let format =
            ValueFormat::parse(&text[place + 1..]).map_err(|error| wrong(&format!("has no valid format: {error}")))?;
        if all.insert(text[..place].to_owned(), Arc::new(format)).is_some() {
            return Err(wrong("has a column that another entry has, too"));
        }
    }
    Ok(all)
}
