//! Which items are shown: those of one section, or one field.

use super::rows::Place;

/// What was asked for; nothing: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A section: its whole name, or the last part of it.
    pub section: Option<String>,
    /// A field: its path below the section, or a part of that between dots.
    pub field: Option<String>,
}

impl Filter {
    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    /// Whether an item of `section` at `path`, which begins with the section's own node, is shown.
    #[must_use]
    pub fn takes(&self, section: Option<&Place>, path: &str) -> bool {
        let Some(place) = section else { return self.is_empty() };
        if self.section.as_ref().is_some_and(|asked| !place.is(asked)) {
            return false;
        }
        let Some(asked) = &self.field else { return true };
        let below = path.split_once('.').map_or("", |(_, below)| below);
        within(below, asked)
    }
}

/// Whether `asked` is `path` or a part of it that begins and ends with whole names.
fn within(path: &str, asked: &str) -> bool {
    path.match_indices(asked).any(|(at, _)| {
        let before = path.get(..at).unwrap_or_default();
        let behind = path.get(at + asked.len()..).unwrap_or_default();
        (before.is_empty() || before.ends_with('.'))
            && (behind.is_empty() || behind.starts_with(['.', '[']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_whole_names() {
        for (path, asked, takes) in [
            ("d.a.b", "a.b", true),
            ("d.a.b", "b", true),
            ("d.a.b", "a", true),
            ("d.a[3].b", "a", true),
            ("d.a[3].b", "a[3]", true),
            ("d.a[3].b", "a[3].b", true),
            ("d.ab", "a", false),
            ("d.ab", "b", false),
            ("d.a", "d", false),
            ("section footer", "section footer", false),
        ] {
            let filter = Filter { section: None, field: Some(asked.to_string()) };
            let place = Place { idstr: "x/d".to_string(), instance_id: 0 };
            assert_eq!(filter.takes(Some(&place), path), takes, "{path} {asked}");
        }
    }

    #[test]
    fn a_section_has_a_long_and_a_short_name() {
        let place = Place { idstr: "0000:00:02.0/e1000".to_string(), instance_id: 0 };
        let takes = |asked: &str| {
            let filter = Filter { section: Some(asked.to_string()), field: None };
            filter.takes(Some(&place), "e1000.x")
        };
        assert!(takes("e1000") && takes("0000:00:02.0/e1000") && !takes("1000") && !takes("e1"));
        assert!(Filter::default().takes(None, "header"));
        let filter = Filter { section: Some("e1000".to_string()), field: None };
        assert!(!filter.takes(None, "header"));
    }
}
