//! The log of a self-load under `-trace 'vmstate_*' -trace 'qemu_loadvm*'`, as a tree.
//!
//! What a log tells, and since when:
//!
//! | line | tells |
//! | --- | --- |
//! | `qemu_loadvm_state_section_startfull ID(IDSTR) INSTANCE VERSION` | a section begins |
//! | `vmstate_load IDSTR, NAME` | its vmsd, or `(old)` for a hand-written loader |
//! | `vmstate_load_state NAME vVERSION` | a vmsd is entered |
//! | `vmstate_field_exists NAME:FIELD field_version F version V result R` | a presence hook (8.2+) |
//! | `vmstate_load_state_field NAME:FIELD[ exists=E]` | a field, present or not (`exists` 8.2+) |
//! | `vmstate_n_elems FIELD: N` | its element count; before 8.2 only this shows it is present |
//! | `vmstate_subsection_load NAME` | the fields of a vmsd are through, subsections follow |
//! | `vmstate_load_state_end NAME TEXT/RESULT`, `..._success NAME` (11.1+) | a vmsd is left |
//!
//! Every line may have a `PID@TIME:` prefix. Other lines are skipped.

use std::sync::Arc;

/// A self-load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceLog {
    /// Sections in the order in which they were loaded, each where it started.
    pub sections: Vec<Section>,
    /// Whether this release prints presence hooks: then a field without one has none.
    pub shows_hooks: bool,
}

/// One section that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The section's idstr.
    pub idstr: String,
    /// The section's instance id.
    pub instance_id: u32,
    /// The section's version on the wire: in a self-load the handler's own.
    pub version_id: u32,
    /// The vmsd that was entered; none for a hand-written loader.
    pub load: Option<Load>,
}

/// One vmsd that was entered and left successfully.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// The vmsd's name.
    pub name: String,
    /// The version it was loaded with.
    pub version: u32,
    /// Every field of its table, in order.
    pub fields: Vec<FieldLoad>,
    /// The subsections that were in the stream, in order.
    pub subsections: Vec<Load>,
}

/// One field of a vmsd that was entered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldLoad {
    /// The field's name.
    pub name: String,
    /// Whether it was present.
    pub exists: bool,
    /// The `version_id` of a field that is known to have a presence hook.
    pub hook: Option<u32>,
    /// How many elements it had.
    pub count: Option<u32>,
    /// The vmsds entered for its elements, in order. Most arrays have elements that are all loaded
    /// alike, a thousand queues for one: those share what is known of them.
    pub loads: Vec<Arc<Load>>,
}

/// A line that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: expected {expected}, found {found:?}")]
pub struct TraceError {
    /// Line number, from 1.
    pub line: usize,
    /// What would have fitted.
    pub expected: String,
    /// The line.
    pub found: String,
}

/// vmsds nested in one another; real ones nest about six deep.
const MAX_DEPTH: usize = 64;

/// A vmsd that was entered and not yet left.
struct Open {
    load: Load,
    in_subsections: bool,
}

#[derive(Default)]
struct Parser {
    log: TraceLog,
    open: Vec<Open>,
    /// Field name and version of the presence hook asked last.
    hook: Option<(String, u32)>,
    /// Whether the section begun last still waits for its vmsd.
    wants_vmsd: bool,
}

/// Parses a log.
///
/// # Errors
/// When a line of a kind given above does not have its form or its place, or the load failed.
pub fn parse(text: &str) -> Result<TraceLog, TraceError> {
    let mut parser = Parser::default();
    for (index, line) in text.lines().enumerate() {
        parser.line(line).map_err(|expected| TraceError {
            line: index + 1,
            expected,
            found: line.to_owned(),
        })?;
    }
    match parser.open.last() {
        None => Ok(parser.log),
        Some(open) => Err(TraceError {
            line: text.lines().count(),
            expected: format!("the end of vmsd {}", open.load.name),
            found: "the end of the log".to_owned(),
        }),
    }
}

impl Parser {
    /// Takes one line; the error is what was expected.
    fn line(&mut self, line: &str) -> Result<(), String> {
        let (event, rest) = without_prefix(line).split_once(' ').unwrap_or((line, ""));
        match event {
            "qemu_loadvm_state_section_startfull" => self.section(rest),
            "vmstate_load" => self.loader(rest),
            "vmstate_load_state" => self.enter(rest),
            "vmstate_field_exists" => self.field_exists(rest),
            "vmstate_load_state_field" => self.field(rest),
            "vmstate_n_elems" => self.count(rest),
            "vmstate_subsection_load" => self.subsections(rest),
            "vmstate_load_state_success" => self.leave(rest),
            "vmstate_load_state_end" => {
                let (head, result) = rest.rsplit_once('/').ok_or("NAME TEXT/RESULT")?;
                if result != "0" {
                    return Err("result 0, that is, a self-load that succeeds".to_owned());
                }
                self.leave(head.strip_suffix(" end").ok_or("NAME end/0")?)
            }
            _ => Ok(()),
        }
    }

    fn section(&mut self, rest: &str) -> Result<(), String> {
        let parts = || {
            let (rest, version) = rest.rsplit_once(' ')?;
            let (rest, instance) = rest.rsplit_once(' ')?;
            let (_, idstr) = rest.strip_suffix(')')?.split_once('(')?;
            Some((idstr.to_owned(), instance.parse().ok()?, version.parse().ok()?))
        };
        let (idstr, instance_id, version_id) = parts().ok_or("ID(IDSTR) INSTANCE VERSION")?;
        if let Some(open) = self.open.last() {
            return Err(format!("the end of vmsd {}", open.load.name));
        }
        self.log.sections.push(Section { idstr, instance_id, version_id, load: None });
        Ok(())
    }

    /// `vmstate_load` comes for PART and END too; only hand-written loaders get those.
    fn loader(&mut self, rest: &str) -> Result<(), String> {
        let Some((_, vmsd)) = rest.rsplit_once(", ") else {
            return Err("IDSTR, NAME".to_owned());
        };
        self.wants_vmsd = vmsd != "(old)";
        Ok(())
    }

    fn enter(&mut self, rest: &str) -> Result<(), String> {
        let parts = rest.rsplit_once(" v").and_then(|(name, v)| Some((name, v.parse().ok()?)));
        let (name, version) = parts.ok_or("NAME vVERSION")?;
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("vmsds nested at most {MAX_DEPTH} deep"));
        }
        let load = Load { name: name.to_owned(), version, ..Load::default() };
        self.open.push(Open { load, in_subsections: false });
        Ok(())
    }

    /// The vmsd being loaded, and what follows `NAME:` in `rest`.
    fn of_open<'a>(&mut self, rest: &'a str) -> Result<(&mut Load, &'a str), String> {
        let open = self.open.last_mut().ok_or("a vmsd to be entered first")?;
        let field = rest.strip_prefix(&open.load.name).and_then(|rest| rest.strip_prefix(':'));
        let field = field.ok_or_else(|| format!("a field of vmsd {}", open.load.name))?;
        Ok((&mut open.load, field))
    }

    fn field_exists(&mut self, rest: &str) -> Result<(), String> {
        let (_, field) = self.of_open(rest)?;
        let parts = field.rsplit_once(" field_version ").and_then(|(field, numbers)| {
            Some((field.to_owned(), numbers.split(' ').next()?.parse().ok()?))
        });
        self.hook = Some(parts.ok_or("NAME:FIELD field_version F version V result R")?);
        self.log.shows_hooks = true;
        Ok(())
    }

    fn field(&mut self, rest: &str) -> Result<(), String> {
        let hook = self.hook.take();
        let (load, field) = self.of_open(rest)?;
        let (name, exists) = match field.rsplit_once(" exists=") {
            Some((name, value)) => (name, value == "1"),
            None => (field, false),
        };
        load.fields.push(FieldLoad {
            name: name.to_owned(),
            exists,
            hook: hook.filter(|(of, _)| of == name).map(|(_, version)| version),
            ..FieldLoad::default()
        });
        Ok(())
    }

    fn count(&mut self, rest: &str) -> Result<(), String> {
        // Outside of a vmsd it is the saver's; the loader's follows its field.
        let Some(field) = self.open.last_mut().and_then(|open| open.load.fields.last_mut()) else {
            return Ok(());
        };
        let count = rest.strip_prefix(&field.name).and_then(|rest| rest.strip_prefix(": "));
        let count = count.and_then(|n| n.parse::<i64>().ok());
        let count = count.ok_or_else(|| format!("{}: N", field.name))?;
        // A signed counter may be negative; nothing is loaded then.
        field.count = Some(u32::try_from(count).unwrap_or(0));
        field.exists = true;
        Ok(())
    }

    fn subsections(&mut self, rest: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(open) if open.load.name == rest => open.in_subsections = true,
            Some(open) => return Err(format!("the subsections of vmsd {}", open.load.name)),
            None => return Err("a vmsd to be entered first".to_owned()),
        }
        Ok(())
    }

    fn leave(&mut self, name: &str) -> Result<(), String> {
        let Some(done) = self.open.pop_if(|open| open.load.name == name) else {
            return Err("the end of the vmsd that was entered last".to_owned());
        };
        match self.open.last_mut() {
            Some(parent) if parent.in_subsections => parent.load.subsections.push(done.load),
            Some(parent) => match parent.load.fields.last_mut() {
                Some(field) => {
                    let alike = field.loads.last().filter(|last| ***last == done.load).cloned();
                    field.loads.push(alike.unwrap_or_else(|| Arc::new(done.load)));
                }
                None => return Err("a field before a nested vmsd".to_owned()),
            },
            // What a hand-written loader enters, and the configuration, belong to no section.
            None if std::mem::take(&mut self.wants_vmsd) => {
                if let Some(section) = self.log.sections.last_mut() {
                    section.load = Some(done.load);
                }
            }
            None => {}
        }
        Ok(())
    }
}

/// The line without `PID@SECONDS.FRACTION:`.
fn without_prefix(line: &str) -> &str {
    let is_number = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match line.split_once(':') {
        Some((prefix, rest)) => match prefix.split_once('@') {
            Some((pid, time)) if is_number(pid) && is_number(time) => rest,
            _ => line,
        },
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
12@1.5:vmstate_load_state configuration v0
12@1.5:vmstate_subsection_load configuration
12@1.5:vmstate_load_state_end configuration end/0
12@1.5:qemu_loadvm_state_section_startfull 2(ram) 0 4
12@1.5:vmstate_load ram, (old)
12@1.5:qemu_loadvm_state_section_startfull 7(0000:00:01.1/a (b)) 3 2
12@1.5:vmstate_load 0000:00:01.1/a (b), a (b)
12@1.5:vmstate_load_state a (b) v2
12@1.5:vmstate_load_state_field a (b):x: y
12@1.5:vmstate_n_elems x: y: 1
12@1.5:vmstate_load_state in v5
12@1.5:vmstate_subsection_load in
12@1.5:vmstate_subsection_load_bad in: (short)/
12@1.5:vmstate_load_state_end in end/0
12@1.5:vmstate_load_state_field a (b):gone
12@1.5:vmstate_subsection_load a (b)
12@1.5:vmstate_load_state a (b)/s v1
12@1.5:vmstate_subsection_load a (b)/s
12@1.5:vmstate_load_state_end a (b)/s end/0
12@1.5:vmstate_subsection_load_good a (b)
12@1.5:vmstate_load_state_end a (b) end/0
";

    #[test]
    fn reads_nesting_presence_and_subsections() {
        let log = parse(LOG).unwrap();
        assert!(!log.shows_hooks);
        assert_eq!((log.sections[0].version_id, &log.sections[0].load), (4, &None));
        let section = &log.sections[1];
        assert_eq!((section.idstr.as_str(), section.instance_id), ("0000:00:01.1/a (b)", 3));
        let load = section.load.as_ref().unwrap();
        let fields: Vec<_> = load.fields.iter().map(|f| (f.name.as_str(), f.exists)).collect();
        assert_eq!(fields, [("x: y", true), ("gone", false)]);
        assert_eq!(load.fields[0].loads[0].version, 5);
        assert_eq!(load.subsections[0].name, "a (b)/s");
    }

    #[test]
    fn reads_hooks_and_success_lines_of_later_releases() {
        let log = parse(
            "qemu_loadvm_state_section_startfull 1(d) 0 1\nvmstate_load d, d\n\
             vmstate_load_state d v1\nvmstate_field_exists d:f field_version 3 version 1 result 0\n\
             vmstate_load_state_field d:f exists=0\nvmstate_load_state_field d:g exists=1\n\
             vmstate_n_elems g: 0\nvmstate_subsection_load d\nvmstate_load_state_success d",
        )
        .unwrap();
        let fields = &log.sections[0].load.as_ref().unwrap().fields;
        assert_eq!((fields[0].exists, fields[0].hook), (false, Some(3)));
        assert_eq!((fields[1].exists, fields[1].hook, fields[1].count), (true, None, Some(0)));
        assert!(log.shows_hooks);
    }

    #[test]
    fn refuses_a_failed_a_cut_and_a_garbled_log() {
        let failed = LOG.replace("in end/0", "in end/-22");
        assert_eq!(parse(&failed).unwrap_err().line, 14);
        let cut: Vec<_> = LOG.lines().take(12).collect();
        assert!(parse(&cut.join("\n")).unwrap_err().to_string().contains("the end of vmsd in"));
        for garbled in ["vmstate_load_state x", "vmstate_load_state_field x:y", "vmstate_load x"] {
            assert_eq!(parse(garbled).unwrap_err().line, 1, "{garbled}");
        }
        assert!(parse(&"vmstate_load_state x v1\n".repeat(70)).is_err());
    }
}
