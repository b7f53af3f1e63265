//! Build script: packs `corpus/` (but for what only tests read) and `matrix.toml` into
//! one archive, which `release::archive` embeds and describes. JSON is packed to a sixth.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::{Compression, read::ZlibEncoder};

/// Folders of the corpus that only tests, checks against real binaries and importers read.
const LEFT_OUT: [&str; 5] = ["bundles", "fuzz-seeds", "machines", "regressions", "saved-again"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=corpus");
    println!("cargo::rerun-if-changed=matrix.toml");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());

    let mut found = BTreeMap::new();
    collect(&root.join("corpus"), "", &mut found)?;
    found.insert("matrix.toml".to_owned(), root.join("matrix.toml"));

    let mut archive = Vec::new();
    for (name, path) in found {
        let mut content = fs::read(path)?;
        if name.ends_with(".json") {
            let mut packed = Vec::new();
            ZlibEncoder::new(&content[..], Compression::default()).read_to_end(&mut packed)?;
            content = packed;
        }
        archive.extend(length(&name, name.len())?);
        archive.extend(length(&name, content.len())?);
        archive.extend(name.as_bytes());
        archive.extend(content);
    }
    fs::write(out.join("corpus.archive"), archive)
}

/// Finds the files below `folder`; their names in the archive begin with `prefix`. No folder is an
/// empty one.
fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| io::Error::other("file name is not UTF-8"))?;
        if name.starts_with('.') || (prefix.is_empty() && LEFT_OUT.contains(&name)) {
            continue;
        }
        let name = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.insert(name, entry.path());
        }
    }
    Ok(())
}

fn length(name: &str, bytes: usize) -> io::Result<[u8; 4]> {
    let bytes = u32::try_from(bytes).map_err(|_| io::Error::other(format!("{name}: too long")))?;
    Ok(bytes.to_le_bytes())
}
