//! Whatever dies, fails or waits where something becomes lasting, and whatever a cut of power takes that does not last
//! yet: the next attempt ends with what an undisturbed one gives. `PRAVAH_FAULT_POINTS` is how many points are
//! tried, 240 by default, `PRAVAH_TEST_SEED` which; `make soak` tries many more.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::archives::packed;
use crate::common::digests::noise;
use crate::common::rows;
use crate::common::run::files_below;
use crate::common::tree::Tree;
use pravah_engine::Job;
use pravah_foundation::base::control::Control;
use pravah_foundation::io::digest::PART_BYTES;
use serde_json::{Value, json};

/// Another one is given in `PRAVAH_TEST_SEED`.
const SEED: u64 = 20_261_126;
const CHILD: &str = "PRAVAH_FAULT_CHILD";
/// What lasts of all attempts.
const LOG: &str = "lasting.log";

/// Not a test of its own: a process that runs the job of a file, as another test wants it.
#[test]
fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let ended = Job::prepare(&fs::read(&path).unwrap()).and_then(|job| job.run(&Arc::new(Control::new())));
    let said = match ended {
        Ok(_) => json!({"points": pravah_foundation::base::lasting::passed()}),
        Err(error) => json!({"error": error.code()}),
    };
    fs::write(format!("{path}.ended"), said.to_string()).unwrap();
}

/// Run a job in a process of its own; what it says, nothing when it died.
fn run(folder: &Path, spec: &Value, fault: &str) -> Option<Value> {
    let path = folder.join("spec.json");
    fs::write(&path, spec.to_string()).unwrap();
    let ended = folder.join("spec.json.ended");
    let _ = fs::remove_file(&ended);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "faults::child", "--nocapture"]).env(CHILD, &path).env("PRAVAH_FAULT", fault);
    command.env("PRAVAH_FAULT_LOG", folder.join(LOG));
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    fs::read(&ended).ok().map(|said| serde_json::from_slice(&said).unwrap())
}

/// What a job has made: the rows of its tables, its files, and what lies at its destination.
fn made(out: &Path, destination: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for name in files_below(out) {
        let path = out.join(&name);
        // Kept by the attempt that hashed them, and by it alone.
        if name.contains("/parts/") {
            continue;
        }
        if name.ends_with(".parquet") && !name.contains("converted/") {
            let table = name.rsplit_once('/').map_or("", |(table, _)| table).to_owned();
            let rows = rows::read(&path).into_iter().map(|mut row| {
                // By what a file is known that was made in that run.
                row.0.remove("output");
                format!("{:?}", row.0)
            });
            let all: &mut String = found.entry(table).or_default();
            let mut lines: Vec<String> = all.lines().map(str::to_owned).chain(rows).collect();
            lines.sort_unstable();
            *all = lines.join("\n");
        } else if name.contains("manifest.") {
            let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
            lines.sort_unstable();
            found.insert(name, lines.join("\n"));
        }
    }
    let there = if destination.exists() { files_below(destination) } else { Vec::new() };
    for name in there {
        found.insert(
            format!("destination/{name}"),
            blake3::hash(&fs::read(destination.join(&name)).unwrap()).to_string(),
        );
    }
    found
}

/// Take away what a cut of power may take: content that was not synced, and names whose directory was not.
fn cut_power(folder: &Path, next: &mut impl FnMut(u64) -> u64) {
    let log = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    let mut lasting: HashMap<u64, u64> = HashMap::new();
    let mut renamed: Vec<(u64, PathBuf, PathBuf)> = Vec::new();
    for line in log.lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["synced", inode, size] => drop(lasting.insert(inode.parse().unwrap(), size.parse().unwrap())),
            ["renamed", inode, from, to] => renamed.push((inode.parse().unwrap(), from.into(), to.into())),
            ["directory", path] => renamed.retain(|(_, _, to)| to.parent() != Some(Path::new(path))),
            _ => panic!("{line:?}"),
        }
    }
    for (inode, from, to) in renamed.into_iter().rev() {
        if next(2) == 0 && fs::metadata(&to).is_ok_and(|there| there.ino() == inode) && !from.exists() {
            fs::rename(to, from).unwrap();
        }
    }
    for name in files_below(folder).into_iter().filter(|name| name != LOG && !name.starts_with("spec.json")) {
        let path = folder.join(name);
        let content = fs::metadata(&path).unwrap();
        let (size, kept) = (content.len(), lasting.get(&content.ino()).copied());
        if kept.is_some_and(|kept| kept >= size) {
            continue;
        }
        let file = fs::File::options().write(true).open(&path).unwrap();
        match (next(4), kept) {
            (0, _) => file.set_len(kept.unwrap_or(0)).unwrap(),
            (1, None) => fs::remove_file(&path).unwrap(),
            // Its size lasts, and its content does not.
            (2, _) => {
                let kept = kept.unwrap_or(0);
                file.write_all_at(&vec![0; (size - kept) as usize], kept).unwrap();
            }
            _ => {}
        }
    }
}

struct Case {
    operation: &'static str,
    options: Value,
    has_destination: bool,
    /// The folder beside the tree that is its source instead.
    of: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    let case = |operation, options, has_destination| Case { operation, options, has_destination, of: None };
    let fields =
        json!([{"name": "id", "type": "integer", "constraints": {"unique": true, "maximum": 17}}, {"name": "g"}]);
    let validate = json!({"schema_text": json!({"fields": fields}).to_string()});
    let convert = json!({"partition_by": ["g"], "sort_by": ["id=desc"], "compression": "none"});
    vec![
        case("checksum", json!({"algorithms": ["blake3", "md5"]}), false),
        Case { of: Some("large"), ..case("checksum", json!({}), false) },
        case("text_statistics", json!({}), false),
        case("search", json!({"patterns": ["^1", "2$"]}), false),
        case("duplicates", json!({}), false),
        case("profile", json!({}), false),
        case("validate", validate, false),
        case("verify", json!({}), false),
        case("inventory", json!({}), false),
        case("convert", convert, true),
        case("convert", json!({"row_group_bytes": 1 << 20}), true),
        case("compress", json!({"format": "zstd"}), true),
        Case { of: Some("names"), ..case("convert", json!({}), true) },
        Case { of: Some("names"), ..case("decompress", json!({}), true) },
    ]
}

fn tree() -> Tree {
    let tree = Tree::in_memory();
    for number in 0..12_u64 {
        tree.file(format!("{}/{number}.bin", number % 3), noise(2000 + number as usize, number));
        let rows = (0..20).map(|id| format!("{id},{}\n", (id + number) % 3)).collect::<String>();
        tree.file(format!("{}/{number}.csv", number % 3), format!("id,g\n{rows}"));
    }
    // Some of one size and of one content, above and below what is read whole at the first look.
    for number in 0..6 {
        tree.file(format!("copies/{number}"), noise(500, number / 2));
        tree.file(format!("copies/large {number}"), [vec![0; 40_000], noise(8, number / 3), vec![0; 5000]].concat());
    }
    // Of each status one or more: three files are as listed, others are not, are elsewhere, or nowhere.
    let of = |name: &str| blake3::hash(&fs::read(tree.at(name)).unwrap()).to_hex().to_string();
    let listed = ["0/0.bin", "1/1.bin", "copies/large 0"].map(|name| format!("{}  {name}\n", of(name))).concat();
    let others = format!("{0}  2/2.bin\n{0}  moved\n{1}  missing\n", of("0/3.bin"), "0".repeat(64));
    fs::write(tree.beside("manifest"), listed + &others).unwrap();
    fs::create_dir(tree.beside("large")).unwrap();
    for number in 0..8_u64 {
        fs::write(tree.beside("large").join(number.to_string()), noise(number as usize, number)).unwrap();
    }
    fs::File::create(tree.beside("large/of parts")).unwrap().set_len(2 * PART_BYTES + 1).unwrap();
    // Several would get one name at a destination.
    let names = tree.beside("names");
    fs::create_dir_all(names.join("b.gz")).unwrap();
    for number in 0..4_u64 {
        let table = |separator: &str| format!("id{separator}g\n{number}{separator}{}\n", number * 7);
        fs::write(names.join(format!("{number}.csv")), table(",")).unwrap();
        fs::write(names.join(format!("{number}.tsv")), table("\t")).unwrap();
        for (suffix, content) in packed(table(";").as_bytes()) {
            fs::write(names.join(format!("{number}.csv.{suffix}")), content).unwrap();
        }
        fs::write(names.join(format!("b.gz/{number}.gz")), packed(b"deep")[0].1.clone()).unwrap();
    }
    tree
}

struct Place {
    folder: PathBuf,
    attempts: usize,
}

impl Place {
    /// Run the next attempt.
    fn run(&mut self, tree: &Tree, case: &Case, fault: &str) -> Option<Value> {
        let spec = self.spec(tree, case);
        run(&self.folder, &spec, fault)
    }

    /// The specification of the next attempt, which has the shards of those before as its baseline.
    fn spec(&mut self, tree: &Tree, case: &Case) -> Value {
        let earlier = (1..=self.attempts).flat_map(|attempt| {
            let folder = self.folder.join(format!("{attempt}/{}", case.operation));
            let files = if folder.exists() { files_below(&folder) } else { Vec::new() };
            let shards = files.into_iter().filter(|name| name.contains("/part-"));
            shards.map(|name| folder.join(name)).collect::<Vec<_>>()
        });
        let shards: Vec<PathBuf> = earlier.collect();
        self.attempts += 1;
        // A file of several parts is only read where they are kept.
        let source = case.of.map_or_else(|| tree.path(), |name| tree.beside(name));
        let mut options = case.options.clone();
        if case.operation == "verify" {
            options["manifest"] = json!(tree.beside("manifest"));
        }
        if case.has_destination {
            options["destination"] = json!(self.destination());
        }
        json!({
            "version": 1, "threads": 2, "operations": [{"operation": case.operation, "options": options}],
            "source": {"path": source}, "baselines": {case.operation: shards},
            "output": {"directory": self.out(), "job": "a job", "shard_rows": 5, "shard_seconds": 0.0},
        })
    }

    fn out(&self) -> PathBuf {
        self.folder.join(self.attempts.to_string())
    }

    /// Files that the last attempt took over; none when its operation takes over nothing.
    fn reused(&self) -> Option<u64> {
        let outcome: Value = serde_json::from_slice(&fs::read(self.out().join("outcome.json")).unwrap()).unwrap();
        outcome["results"][0]["summary"]["reused_files"].as_u64()
    }

    fn destination(&self) -> PathBuf {
        self.folder.join("destination")
    }
}

#[test]
fn the_next_attempt_ends_with_what_an_undisturbed_one_gives() {
    let wanted: u64 = std::env::var("PRAVAH_FAULT_POINTS").ok().and_then(|text| text.parse().ok()).unwrap_or(240);
    let seed = std::env::var("PRAVAH_TEST_SEED").ok().map_or(SEED, |text| text.parse().unwrap());
    println!("PRAVAH_TEST_SEED={seed}");
    let tree = tree();
    let mut state = seed;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let cases = cases();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for case in &cases {
        let place = |name: &str| Place { folder: crate::common::tree::temporary_in_memory(name).keep(), attempts: 0 };
        let mut calm = place("calm");
        let said = calm.run(&tree, case, "stall@0").unwrap();
        let points = said["points"].as_u64().unwrap_or_else(|| panic!("{}: {said}", case.operation));
        let expected = made(&calm.out(), &calm.destination());
        assert!(points > 8 && !expected.is_empty(), "{}: {points}", case.operation);
        let mut taken_over = calm.reused().map(|_| 0);
        for _ in 0..wanted.div_ceil(cases.len() as u64) {
            let mut disturbed = place("disturbed");
            let mut faults = Vec::new();
            // Up to three attempts in a row are disturbed.
            for _ in 0..=next(3) {
                let what = ["kill", "fail", "stall", "cut"][next(4) as usize];
                let place = 1 + next(points);
                *counts.entry(format!("{} {what}", case.operation)).or_default() += 1;
                // Power is cut where a process dies.
                let fault = format!("{}@{place}", if what == "cut" { "kill" } else { what });
                let said = disturbed.run(&tree, case, &fault);
                faults.push(format!("{what}@{place}: {said:?}"));
                if what == "cut" && said.is_none() {
                    cut_power(&disturbed.folder, &mut next);
                }
                if said.is_some_and(|said| said["points"].is_u64()) {
                    break;
                }
            }
            let said = disturbed.run(&tree, case, "stall@0");
            let told = format!("{} after {faults:?}", case.operation);
            assert!(said.as_ref().is_some_and(|said| said["points"].is_u64()), "{told}: {said:?}");
            let found = made(&disturbed.out(), &disturbed.destination());
            let differing: Vec<_> = expected.iter().filter(|(name, made)| found.get(*name) != Some(made)).collect();
            assert!(differing.is_empty() && found.len() == expected.len(), "{told}: {differing:?}");
            taken_over = taken_over.zip(disturbed.reused()).map(|(all, files)| all + files);
            fs::remove_dir_all(&disturbed.folder).unwrap();
        }
        // What takes over has done so, else nothing was shown; files that are sorted are made anew.
        assert!(taken_over != Some(0) || !case.options["sort_by"].is_null(), "{}", case.operation);
        println!("{}: {taken_over:?} files taken over", case.operation);
        fs::remove_dir_all(&calm.folder).unwrap();
    }
    println!("{counts:#?}");
}
