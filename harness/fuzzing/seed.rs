//! Seeds: inputs from which a fuzzer starts, into `fuzz/corpus/<target>`.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::containers::{Clusters, Disk, pack, save_image};
use super::pool::{Pool, pool};
use super::targets::{import_parse, stream_decode};
use super::window::cut;
use super::{Target, dictionary, packed, smoke, target};
use crate::release::files::{self, FileError};
use crate::stream::load_tersely;
use crate::stream::vmdescription::locate;
use crate::wire::Feed;

/// Inputs of a generated target.
const GENERATED: u64 = 200;
/// Longest stream that is a seed, in bytes.
const LONGEST: usize = 6144;
/// Longest part of a stream in a container, in bytes.
const PART: usize = 1024;
/// Largest text that is a seed, in bytes.
const LARGEST: usize = 256 * 1024;

/// Why seeds were not written.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The target's name.
    #[error("no target is called '{name}': expected one of {known}, or dictionary")]
    NoTarget {
        /// As given.
        name: String,
        /// All names.
        known: String,
    },
    /// The corpus in this program.
    #[error("the embedded corpus cannot be used")]
    Corpus,
    /// Seeds that are kept.
    #[error(transparent)]
    Kept(#[from] FileError),
    /// Writing.
    #[error("{path}: {source}")]
    Write {
        /// The file or folder.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// Writes the seeds of a target into `dir`, those in the folder `kept` too, or for `dictionary` the file
/// `crossload.dict`. Returns how many files were written.
///
/// # Errors
/// See [`SeedError`].
pub fn write_seeds(name: &str, dir: &Path, kept: &Path) -> Result<usize, SeedError> {
    let failed = |source| SeedError::Write { path: dir.display().to_string(), source };
    std::fs::create_dir_all(dir).map_err(failed)?;
    if name == "dictionary" {
        let text = dictionary::dictionary().ok_or(SeedError::Corpus)?;
        return put(dir, "crossload.dict", text.as_bytes()).map(|()| 1);
    }
    let Some(found) = target(name) else {
        let known: Vec<&str> = super::TARGETS.iter().map(|t| t.name).collect();
        return Err(SeedError::NoTarget { name: name.to_string(), known: known.join(", ") });
    };
    let seeds = seeds(found).ok_or(SeedError::Corpus)?;
    for (name, bytes) in &seeds {
        put(dir, name, bytes)?;
    }
    let kept = packed::unpack(&packed::path(kept, name))?.unwrap_or_default();
    for (at, bytes) in kept.iter().enumerate() {
        put(dir, &format!("kept-{at}"), bytes)?;
    }
    Ok(seeds.len() + kept.len())
}

/// Packs the inputs in `dir` as those of a target that are kept in the folder `kept`. Returns the file
/// and its length.
///
/// # Errors
/// See [`SeedError`].
pub fn keep_seeds(name: &str, dir: &Path, kept: &Path) -> Result<(PathBuf, usize), SeedError> {
    let packed = packed::pack(dir)?;
    let path = packed::path(kept, name);
    files::write_if_changed(&path, &packed)?;
    Ok((path, packed.len()))
}

/// The seeds of a target, by file name; `None` if they need a corpus and there is none.
#[must_use]
pub fn seeds(target: &Target) -> Option<Vec<(String, Vec<u8>)>> {
    let generated =
        || (0..GENERATED).map(|i| (format!("generated-{i}"), smoke::input_for(target, 1, i)));
    match target.name {
        "stream_decode" => Some(streams(pool()?)),
        "description_parse" => Some(descriptions(pool()?)),
        "import_parse" => Some(texts(pool()?)),
        "input_open" => files(pool()?),
        _ => Some(generated().collect()),
    }
}

/// Every kind of record of the fixtures once for each release, in a stream of its own for a destination
/// of that release: what is small is loaded often.
fn streams(pool: &'static Pool) -> Vec<(String, Vec<u8>)> {
    let (mut seeds, mut seen) = (Vec::new(), HashSet::new());
    for (fixture, own, original) in pool.originals() {
        let Ok(number) = u16::try_from(own) else { continue };
        let Some(to) = pool.destination(own) else { continue };
        // One by one, and memory with its parts.
        for (at, count) in (0..original.records).map(|at| (at, 1)).chain([(0, 3)]) {
            let part = cut(original, at, count);
            // By what is where: the same layout with other values is found soon.
            let mut layout = DefaultHasher::new();
            part.map.spans().iter().for_each(|span| (span.identity, span.len).hash(&mut layout));
            let is_new = seen.insert((fixture.release.clone(), layout.finish()));
            // What a fuzzer is to begin with must show something.
            let reads = || !load_tersely(to, &part.stream, &Feed::Bulk).sections.is_empty();
            if is_new && part.stream.len() <= LONGEST && reads() {
                let name = format!("{}-{at}-{count}", fixture.id().replace('/', "-"));
                let bytes = [&number.to_be_bytes()[..stream_decode::HEAD], &part.stream].concat();
                seeds.push((name, bytes));
            }
        }
    }
    seeds
}

fn descriptions(pool: &'static Pool) -> Vec<(String, Vec<u8>)> {
    let json = |stream: &[u8]| {
        let (at, len) = locate(stream)?;
        stream.get(at..at.checked_add(len)?).map(<[u8]>::to_vec)
    };
    pool.originals()
        .filter_map(|(fixture, _, original)| {
            Some((fixture.id().replace('/', "-"), json(&original.stream)?))
        })
        .collect()
}

/// Files of the corpus, each with the byte that says what it is, and small ones of the other forms.
fn texts(pool: &'static Pool) -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    let mut add = |form: &str, name: String, text: &str| {
        let choice = import_parse::FORMS.iter().position(|f| *f == form).unwrap_or(0);
        // Not every destination has a fixture.
        if !text.is_empty() && text.len() <= LARGEST {
            seeds.push((name, [&[choice as u8][..], text.as_bytes()].concat()));
        }
    };
    let corpus = pool.corpus();
    let text = |path: &str| corpus.text(path).ok().flatten().unwrap_or_default();
    for release in corpus.releases() {
        add("tables", format!("tables-{release}"), &text(&format!("{release}/tables.json")));
        for (machine, scenario) in corpus.destinations(&release).into_iter().take(2) {
            let stem = format!("{machine}.{scenario}");
            let name = format!("{release}-{stem}").replace('/', "-");
            add(
                "handlers",
                format!("handlers-{name}"),
                &text(&format!("{release}/destinations/{stem}.json")),
            );
            add(
                "provenance",
                format!("provenance-{name}"),
                &text(&format!("{release}/{stem}.toml")),
            );
        }
    }
    add("renames", "renames".to_string(), &text("renames.toml"));
    add("matrix", "matrix".to_string(), &text("matrix.toml"));
    for (form, text) in SMALL {
        add(form, format!("small-{}", form.replace(' ', "-")), text);
    }
    seeds
}

/// A part of a stream in every container, and in some of them twice. Not all of it, which is memory for the
/// most part: whoever opens a file goes through the stream, and that took half of the time.
fn files(pool: &'static Pool) -> Option<Vec<(String, Vec<u8>)>> {
    let (_, _, original) = pool.originals().min_by_key(|(_, _, original)| original.stream.len())?;
    let parts = (0..original.records).map(|at| cut(original, at, 3).stream);
    let stream = &parts.filter(|part| part.len() <= PART).max_by_key(Vec::len)?;
    let mut seeds = vec![("plain".to_string(), stream.clone())];
    for (number, packer) in (1..).zip(["gzip", "bzip2", "xz", "lzop", "zstd"]) {
        let packed = pack(packer, stream).ok()?;
        seeds.push((format!("save-image-{packer}"), image(number, &packed)));
        seeds.push((packer.to_string(), packed));
    }
    seeds.push(("save-image-raw".to_string(), image(0, stream)));
    seeds.push(("xz-of-save-image".to_string(), pack("xz", &image(0, stream)).ok()?));
    for (name, version, zstd, extended) in [
        ("version-2", 2, false, false),
        ("version-3", 3, false, false),
        ("zstd", 3, true, false),
        ("extended", 3, true, true),
    ] {
        for clusters in [Clusters::Plain, Clusters::Packed] {
            let snapshots = vec![("one".to_string(), stream.clone())];
            let cluster_bits = if extended { 14 } else { 12 };
            let disk = Disk { version, cluster_bits, zstd, extended, snapshots, clusters, size: 0 };
            seeds.push((format!("qcow2-{name}-{clusters:?}"), disk.write().ok()?));
        }
    }
    Some(seeds)
}

fn image(format: u32, inner: &[u8]) -> Vec<u8> {
    let xml = "<domain type='kvm'><name>vm</name><os><type machine='pc'>hvm</type></os></domain>";
    save_image((2, format), false, true, xml, inner)
}

/// The least of each form that the corpus has no file of.
const SMALL: [(&str, &str); 4] = [
    (
        "debugger tables",
        r#"{"release":"2.3.1","flags":{"VMS_SINGLE":1},"vmsd":{"vmstate_a":{"symbol":"vmstate_a","name":"a","version_id":1,"minimum_version_id":1,"fields":[{"name":"x","flags":1,"size":4,"offset":0,"version_id":0,"info":"uint32"}],"subsections":[]}}}"#,
    ),
    (
        "debugger handlers",
        r#"[{"idstr":"a","instance_id":0,"alias_id":-1,"version_id":1,"section_id":1,"load_state":"a_load"}]"#,
    ),
    (
        "trace log",
        "qemu_loadvm_state_section 4\nqemu_loadvm_state_section_startfull 1(a) 0 1\nvmstate_load a, a\nvmstate_load_state a v1\nvmstate_load_state_field a:x\nvmstate_load_state_end a end/0\n",
    ),
    (
        "dump-vmstate",
        r#"{"a":{"Name":"a","version_id":1,"minimum_version_id":1,"Description":{"name":"a","version_id":1,"minimum_version_id":1,"Fields":[{"field":"x","version_id":0,"field_exists":false,"size":4}]}}}"#,
    ),
];

/// Writes one file whole, or not at all.
fn put(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), SeedError> {
    let path = dir.join(name);
    let failed = |source| SeedError::Write { path: path.display().to_string(), source };
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.persist(&path).map_err(|e| failed(e.error))?;
    Ok(())
}
