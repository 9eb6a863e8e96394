//! spec: what is accepted, and what is refused in words before anything happens.

use pravah_engine::JobSpec;
use pravah_engine::Request;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

fn document() -> Value {
    json!({
        "version": 1, "operations": [{"operation": "inventory", "options": {}}], "source": {"path": "/tmp"},
        "walk": {}, "output": {"directory": "/tmp/out"}, "threads": null,
    })
}

fn parse(document: &Value) -> Result<JobSpec, String> {
    JobSpec::from_json(document.to_string().as_bytes()).map_err(|error| {
        assert_eq!(error.code(), "invalid_options");
        error.to_string()
    })
}

#[test]
fn defaults_are_those_of_the_documents() {
    let minimal = json!({
        "version": 1, "operations": [{"operation": "checksum"}], "source": {"path": "/tmp"},
        "output": {"directory": "/o"},
    });
    let spec = parse(&minimal).unwrap();
    assert_eq!((spec.output.shard_rows, spec.output.shard_bytes), (1_000_000, 128 << 20));
    assert!(spec.threads.is_none() && spec.walk.include_hidden && !spec.walk.follow_links);
    let [Request::Checksum(options)] = &spec.requests[..] else { panic!("{:?}", spec.requests) };
    assert_eq!(serde_json::to_value(options).unwrap(), json!({"algorithms": ["blake3"], "write_manifests": true}));
    assert_eq!(spec.requests[0].name(), "checksum");
}

#[test]
fn unknown_and_missing_fields_are_refused_everywhere() {
    for part in [
        &["extra"][..],
        &["operations", "0", "extra"],
        &["operations", "0", "options", "extra"],
        &["walk", "extra"],
        &["source", "extra"],
        &["output", "extra"],
    ] {
        for operation in ["inventory", "checksum", "verify", "duplicates"] {
            let mut document = document();
            document["operations"][0]["operation"] = operation.into();
            if operation == "verify" {
                document["operations"][0]["options"]["manifest"] = "/m".into();
            }
            assert!(parse(&document).is_ok());
            let mut place = &mut document;
            for name in part {
                place = if *name == "0" { &mut place[0] } else { &mut place[*name] };
            }
            *place = 1.into();
            let error = parse(&document).unwrap_err();
            assert!(error.contains("unknown field `extra`"), "{part:?} of {operation}: {error}");
        }
    }
    for field in ["version", "operations", "source", "output"] {
        let mut document = document();
        document.as_object_mut().unwrap().remove(field);
        assert!(parse(&document).unwrap_err().contains(&format!("missing field `{field}`")));
    }
}

#[test]
fn values_out_of_bounds_are_refused_by_name() {
    let cases = [
        ("/version", json!(2), "version 2 is not supported"),
        ("/operations/0/operation", json!("shred"), "unknown variant `shred`"),
        ("/threads", json!(0), "threads"),
        ("/threads", json!(1025), "threads"),
        ("/threads", json!(-1), "invalid value"),
        ("/output/shard_rows", json!(0), "shard_rows"),
        ("/output/shard_bytes", json!(0), "shard_bytes"),
        ("/source/path", json!("relative"), "not absolute"),
        ("/source/path_bytes", json!("2f7"), "hexadecimal"),
        ("/source/path_bytes", json!("zz"), "hexadecimal"),
        ("/source/path_bytes", json!("746d70"), "not absolute"),
        ("/operations/0/options/largest_count", json!(0), "largest_count"),
        ("/operations/0/options/largest_count", json!(10_001), "largest_count"),
        ("/operations/0/options/age_reference", json!("yesterday"), "age_reference"),
        ("/walk/max_depth", json!(0), "max_depth"),
        ("/walk/modified_since", json!("2024-13-01T00:00:00Z"), "modified_since"),
        ("/walk/modified_before", json!("9999-01-01T00:00:00Z"), "1678 and 2261"),
        ("/walk/ignore_globs", json!(["[a"]), "ignore_globs"),
        ("/walk/include_globs", json!(["a{b"]), "include_globs"),
        ("/walk/include_globs", json!(["!a"]), "use ignore_globs"),
        ("/walk/ignore_globs", json!(["a".repeat(5000)]), "4096 bytes"),
        ("/walk/ignore_globs", json!(vec!["a"; 10_001]), "10000 patterns"),
        ("/walk/follow_links", json!("yes"), "invalid type"),
        ("/walk/min_size_bytes", json!(-1), "invalid value"),
    ];
    for (place, value, words) in cases {
        let mut document = document();
        let (parent, name) = place.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        let error = parse(&document).unwrap_err();
        assert!(error.contains(words), "{place}: {error}");
    }
    let mut crossed = document();
    crossed["walk"] = json!({"min_size_bytes": 2, "max_size_bytes": 1});
    assert!(parse(&crossed).unwrap_err().contains("larger than max_size_bytes"));
}

#[test]
fn what_is_no_document_is_refused() {
    for text in ["", "{", "null", "[]", "1", "\"x\"", "{\"version\": 1e999}", "\u{0}", "{}{}"] {
        assert_eq!(JobSpec::from_json(text.as_bytes()).unwrap_err().code(), "invalid_options", "{text:?}");
    }
    assert!(JobSpec::from_json(b"\xff\xfe").is_err());
    let deep = [&b"{\"version\": "[..], &b"[".repeat(100_000)].concat();
    assert!(JobSpec::from_json(&deep).is_err(), "nested too deep for a stack");
    let nested = "{".repeat(2000) + &"}".repeat(2000);
    let mut globs = document();
    globs["walk"] = json!({"ignore_globs": [nested]});
    let _ = parse(&globs);
}

#[test]
fn a_source_may_be_named_by_its_bytes() {
    let mut document = document();
    document["source"] = json!({"path": "/shown", "path_bytes": "2f746D70ff"});
    let path = parse(&document).unwrap().source.to_path().unwrap();
    assert_eq!(path.as_os_str().as_encoded_bytes(), b"/tmp\xff");
}

#[test]
fn errors_have_the_codes_and_exit_statuses_of_the_table() {
    use pravah_foundation::base::error::EngineError;
    let path = std::path::PathBuf::from("/x");
    let message = String::from("why");
    let cases = [
        (EngineError::invalid("why"), "invalid_options", 2),
        (EngineError::SourceNotFound { path: path.clone(), message: message.clone() }, "source_not_found", 3),
        (EngineError::PermissionDenied { path: path.clone(), message }, "source_forbidden", 3),
        (EngineError::LimitExceeded { what: "rows".into(), limit: 7, unit: "rows" }, "limit_exceeded", 4),
        (EngineError::output(&path, "why"), "output_failed", 5),
        (EngineError::Cancelled, "cancelled", 130),
        (EngineError::internal("why"), "internal", 70),
    ];
    for (error, code, status) in cases {
        assert_eq!((error.code(), error.exit_status()), (code, status));
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn a_panic_becomes_an_internal_error_with_its_words() {
    use pravah_foundation::base::error::{EngineError, Result, guarded};
    let message = |error: EngineError| (error.code(), error.to_string());
    let end: Result<()> = guarded(|| panic!("a bug at {}", "some place"));
    assert_eq!(message(end.unwrap_err()), ("internal", "internal error: a bug at some place".into()));
    let end: Result<()> = guarded(|| std::panic::panic_any(7));
    assert_eq!(message(end.unwrap_err()).0, "internal");
    assert_eq!(guarded(|| Ok(1)).unwrap(), 1);
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        proptest::sample::select(vec!["/", "a*", "{a,b}", "[", "**", "!", "2024-01-01T00:00:00Z", "blake3", "auto"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z_]{0,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A place in a specification, to put anything there.
fn place() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "/version",
        "/operations/0/operation",
        "/operations/0/options",
        "/operations/0/options/algorithms",
        "/operations/0/options/manifest",
        "/operations/0/options/largest_count",
        "/operations/0/options/age_reference",
        "/source",
        "/source/path",
        "/source/path_bytes",
        "/source/boundaries",
        "/walk",
        "/walk/ignore_globs",
        "/walk/include_globs",
        "/walk/extensions",
        "/walk/min_size_bytes",
        "/walk/modified_since",
        "/walk/max_depth",
        "/output",
        "/output/directory",
        "/output/shard_rows",
        "/threads",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500, rng_seed: RngSeed::Fixed(0x59ec_0000), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_document_is_parsed_or_refused(
        operation in proptest::sample::select(vec!["inventory", "checksum", "verify", "duplicates"]),
        changes in proptest::collection::vec((place(), json_value()), 1..4),
    ) {
        let mut document = document();
        document["operations"][0]["operation"] = operation.into();
        for (place, value) in changes {
            let (parent, name) = place.rsplit_once('/').unwrap();
            if let Some(parent @ Value::Object(_)) = document.pointer_mut(parent) {
                parent[name] = value;
            }
        }
        match parse(&document) {
            Err(words) => prop_assert!(!words.is_empty()),
            // What is accepted says the same once it is written and read again.
            Ok(spec) => {
                let mut again = json!({"version": 1, "operations": serde_json::to_value(&spec.requests).unwrap()});
                again["source"] = serde_json::to_value(&spec.source).unwrap();
                again["walk"] = serde_json::to_value(&spec.walk).unwrap();
                again["output"] = serde_json::to_value(&spec.output).unwrap();
                prop_assert!(parse(&again).is_ok());
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(JobSpec::from_json(&bytes).is_err());
    }
}
