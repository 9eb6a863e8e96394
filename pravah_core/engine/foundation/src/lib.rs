//! What all operations use: a source and its walk, streams, tables, the pass.
//!
//! The modules are layers: each uses only those above it in this table, and inside a layer no two modules use each
//! other. `tests/architecture` checks both.
//!
//! | layer | module | owns |
//! |---|---|---|
//! | [`base`] | [`control`](base::control) | counters, cancel flag, issues, finished shards |
//! | | [`pool`](base::pool) | the only place that makes threads |
//! | [`source`] | [`walk`](source::walk) | the only directory traversal; lists of files for a split |
//! | | [`objects`](source::objects) | a prefix of a bucket as a source |
//! | [`io`] | [`codec`](io::codec), [`pack`](io::pack) | compressed streams, and those written on all threads |
//! | | [`digest`](io::digest), [`manifest`](io::manifest) | digests of a file, lists of digests |
//! | | [`destination`](io::destination) | files that are written outside the job folder |
//! | [`tabular`] | [`text`](tabular::text), [`csv`](tabular::csv), [`json`](tabular::json) | bytes as text, text as records |
//! | | [`values`](tabular::values), [`contract`](tabular::contract) | fields as typed values, and rules for them |
//! | | [`sketch`](tabular::sketch) | figures of many values in little memory |
//! | [`store`] | [`columns`](store::columns), [`sink`](store::sink) | tables and their shards |
//! | | [`baseline`](store::baseline) | what an earlier run found, for files that did not change |
//! | [`run`] | [`operation`](run::operation), [`context`](run::context) | what an operation does, and what it is given |
//! | | [`pass`](run::pass) | one walk and one read of each file for all operations of a job |
//! | | [`records`](run::records) | files of records, read on all threads |

pub mod base;
pub mod io;
pub mod run;
pub mod source;
pub mod store;
pub mod tabular;
