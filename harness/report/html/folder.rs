//! Writes the folder of a report: either all of it, or the one that was there before stays.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::frame::{Page, Topic};

/// In every page of ours, so that no other folder is replaced.
pub(super) const MARK: &str = "<meta name=\"generator\" content=\"crossload";

/// Why a report was not written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum FolderError {
    #[error("{0}: cannot write the report: {1}")]
    Write(PathBuf, #[source] std::io::Error),
    #[error(
        "{0} is there and is no report of crossload: expected a new folder, or an older report to replace"
    )]
    NotOurs(PathBuf),
}

/// Writes the pages into `folder`, which is made, or replaced if it is an older report. They are
/// written beside it first and take its name when all of them are there.
///
/// # Errors
/// A folder that is not ours to replace; what the file system refuses.
pub fn write(folder: &Path, pages: &[Page]) -> Result<(), FolderError> {
    let fail = |at: &Path| {
        let at = at.to_owned();
        move |source| FolderError::Write(at, source)
    };
    let old = is_replaced(folder)?;
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(fail(parent))?;
    let aside = tempfile::Builder::new().prefix(".report-").tempdir_in(parent);
    let aside = aside.map_err(fail(parent))?;
    let new = aside.path().join("new");
    fs::create_dir(&new).map_err(fail(&new))?;
    for page in pages {
        let file = new.join(page.topic.file());
        fs::write(&file, &page.html).map_err(fail(&file))?;
    }
    let before = aside.path().join("old");
    if old {
        fs::rename(folder, &before).map_err(fail(folder))?;
    }
    match fs::rename(&new, folder) {
        Ok(()) => Ok(()),
        Err(error) => {
            if old {
                fs::rename(&before, folder).map_err(fail(folder))?;
            }
            Err(FolderError::Write(folder.to_owned(), error))
        }
    }
}

/// Whether there is a report in the folder; a folder with nothing in it will do, too.
fn is_replaced(folder: &Path) -> Result<bool, FolderError> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(FolderError::Write(folder.to_owned(), e)),
        Ok(entries) => entries,
    };
    let ours = |name: &str| {
        let html = fs::read_to_string(folder.join(name));
        Topic::ALL.iter().any(|t| t.file() == name) && html.is_ok_and(|html| html.contains(MARK))
    };
    for entry in entries {
        let entry = entry.map_err(|e| FolderError::Write(folder.to_owned(), e))?;
        if !entry.file_name().to_str().is_some_and(ours) {
            return Err(FolderError::NotOurs(folder.to_owned()));
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::frame::{Sheet, sheet};
    use super::*;

    fn page(body: &str) -> Page {
        let about = Sheet { topic: Topic::Matrix, topics: &[Topic::Matrix], lead: "", data: None };
        sheet(&about, maud::html! { p { (body) } })
    }

    #[test]
    fn an_older_report_is_replaced_and_nothing_is_left_aside() {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("deep/report");
        write(&folder, &[page("older words")]).unwrap();
        write(&folder, &[page("<second>")]).unwrap();
        let html = fs::read_to_string(folder.join("index.html")).unwrap();
        assert!(html.contains("&lt;second&gt;") && !html.contains("older words"), "{html}");
        let left: Vec<_> = fs::read_dir(folder.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_folder_with_anything_else_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[page("into an empty one")]).unwrap();
        fs::write(folder.path().join("thesis.html"), "years of work").unwrap();
        let refused = write(folder.path(), &[page("x")]).unwrap_err();
        assert!(matches!(refused, FolderError::NotOurs(_)), "{refused}");
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("index.html"), "<html>someone's</html>").unwrap();
        assert!(matches!(write(other.path(), &[page("x")]), Err(FolderError::NotOurs(_))));
        assert_eq!(
            fs::read_to_string(other.path().join("index.html")).unwrap(),
            "<html>someone's</html>"
        );
    }
}
