//! `matrix.toml` from its written shape to checked types: every name known, every reason given,
//! every error with its line.

use std::slice::from_ref;

use toml::Spanned;

use super::config::{
    CHIPSETS, Config, ConfigError, Equal, Finding, Known, KnownDevice, Machine, Mutation, Policy,
    Problem,
};
use super::config::{Release, Runtime, Scenario};
use super::schema;
use super::select::{Selection, releases};
use crate::dialect::Version;
use crate::trace::Verdict;

/// Wire shapes into checked types.
pub(super) struct Reader<'t> {
    /// Name of the file.
    pub file: &'t str,
    /// What it says.
    pub text: &'t str,
}

impl Config {
    /// Reads `text`; `file` is its name for messages.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let raw: schema::File = toml::from_str(text).map_err(|source| ConfigError::Toml {
            file: file.to_owned(),
            source: Box::new(source),
        })?;
        Reader { file, text }.config(raw)
    }
}

impl Reader<'_> {
    pub fn config(&self, raw: schema::File) -> Result<Config, ConfigError> {
        let mut numbered: Vec<(Version, Release)> = Vec::new();
        for entry in &raw.release {
            let r = entry.get_ref();
            self.name(entry, "release", &r.name, numbered.iter().map(|(_, r)| &r.name))?;
            let number: Version = (r.name.parse())
                .map_err(|problem| self.at(entry, Problem::Value { key: "name", problem }))?;
            self.stated(entry, "about", &r.about)?;
            let release = Release { name: r.name.clone(), about: r.about.clone() };
            numbered.push((number, release));
        }
        numbered.sort_by_key(|(number, _)| *number);
        let list: Vec<Release> = numbered.into_iter().map(|(_, release)| release).collect();
        let names: Vec<String> = list.iter().map(|r| r.name.clone()).collect();

        let mut machines: Vec<Machine> = Vec::new();
        for entry in &raw.machine {
            let m = entry.get_ref();
            self.name(entry, "machine type", &m.name, machines.iter().map(|m| &m.name))?;
            let releases = self.having(entry, m.releases.as_deref(), &names)?;
            let equals = self.equal(entry, m)?;
            machines.push(Machine { name: m.name.clone(), releases, equals });
        }
        for (entry, machine) in raw.machine.iter().zip(&machines) {
            let Some(Equal { machine: name, .. }) = &machine.equals else { continue };
            let other = machines.iter().find(|m| m.name == *name && m.name != machine.name);
            match other {
                None => {
                    let (what, name) = ("machine type", name.clone());
                    return Err(self.at(entry, Problem::Unlisted { what, name }));
                }
                Some(other) if other.equals.is_some() => {
                    let problem = format!("{name} equals another itself: name that one");
                    return Err(self.at(entry, Problem::Value { key: "equals", problem }));
                }
                Some(_) => {}
            }
        }
        let mut scenarios: Vec<Scenario> = Vec::new();
        for entry in &raw.scenario {
            let s = entry.get_ref();
            self.name(entry, "scenario", &s.name, scenarios.iter().map(|s| &s.name))?;
            self.stated(entry, "about", &s.about)?;
            scenarios.push(Scenario {
                name: s.name.clone(),
                about: s.about.clone(),
                guest: s.guest.clone(),
                arguments: s.arguments.clone(),
                chipsets: self.chipsets(entry, s.chipset.as_ref())?,
                exercises: s.exercises.clone().unwrap_or_default(),
                releases: self.having(entry, s.releases.as_deref(), &names)?,
            });
        }
        for (what, empty) in [
            ("release", list.is_empty()),
            ("machine type", machines.is_empty()),
            ("scenario", scenarios.is_empty()),
        ] {
            if empty {
                let file = self.file.to_owned();
                return Err(ConfigError::Whole { file, problem: Problem::None(what) });
            }
        }
        let mut builds = names.clone();
        let mut vendors = Vec::new();
        for entry in &raw.vendor {
            let vendor = entry.get_ref();
            vendor
                .check(&builds)
                .map_err(|(key, problem)| self.at(entry, Problem::Value { key, problem }))?;
            builds.push(vendor.name());
            vendors.push(vendor.clone());
        }
        let lists = Lists {
            releases: names,
            machines: machines.iter().map(|m| m.name.clone()).collect(),
            scenarios: scenarios.iter().map(|s| s.name.clone()).collect(),
        };
        let each = |known| self.known(known, &lists);
        let known = raw.known.iter().map(each).collect::<Result<_, _>>()?;
        let each = |known| self.known_device(known, &lists);
        let known_devices = raw.known_device.iter().map(each).collect::<Result<_, _>>()?;
        let each = |runtime| self.runtime(runtime, &lists);
        let runtime = raw.runtime.iter().map(each).collect::<Result<_, _>>()?;
        let each = |mutation| self.mutation(mutation, &lists);
        let mutations = raw.mutation.iter().map(each).collect::<Result<_, _>>()?;
        let each = |finding| self.finding(finding, &lists);
        let findings = raw.finding.iter().map(each).collect::<Result<_, _>>()?;
        Ok(Config {
            file: self.file.to_owned(),
            releases: list,
            machines,
            scenarios,
            policy: self.policy(&raw.policy)?,
            known,
            known_devices,
            runtime,
            mutations,
            findings,
            vendors,
        })
    }

    /// What a machine type is said to equal, with what differs.
    fn equal(
        &self,
        entry: &Spanned<schema::Machine>,
        raw: &schema::Machine,
    ) -> Result<Option<Equal>, ConfigError> {
        let Some(machine) = &raw.equals else {
            return match raw.differs {
                None => Ok(None),
                Some(_) => Err(self.at(entry, Problem::Blank("equals"))),
            };
        };
        let differs = raw.differs.clone().unwrap_or_default();
        self.stated(entry, "differs", &differs)?;
        Ok(Some(Equal { machine: machine.clone(), differs }))
    }

    fn chipsets<T>(
        &self,
        entry: &Spanned<T>,
        names: Option<&schema::Chipsets>,
    ) -> Result<Vec<String>, ConfigError> {
        let names = match names {
            None => vec![CHIPSETS[0].to_owned()],
            Some(schema::Chipsets::One(name)) => vec![name.clone()],
            Some(schema::Chipsets::Many(names)) => names.clone(),
        };
        if names.is_empty() {
            return Err(self.at(entry, Problem::Empty("chipset")));
        }
        match names.iter().find(|name| !CHIPSETS.contains(&name.as_str())) {
            None => Ok(names),
            Some(name) => {
                let problem = format!("'{name}', expected {}", CHIPSETS.join(" or "));
                Err(self.at(entry, Problem::Value { key: "chipset", problem }))
            }
        }
    }

    fn policy(&self, entry: &Spanned<schema::Policy>) -> Result<Policy, ConfigError> {
        let side = |key, names: &[String]| {
            if names.is_empty() {
                return Err(self.at(entry, Problem::Blank(key)));
            }
            names.iter().map(|name| self.allowed(entry, key, name)).collect()
        };
        let raw = entry.get_ref();
        Ok(Policy {
            forward: side("forward", &raw.forward)?,
            backward: side("backward", &raw.backward)?,
        })
    }

    fn allowed<T>(
        &self,
        entry: &Spanned<T>,
        key: &'static str,
        name: &str,
    ) -> Result<Verdict, ConfigError> {
        let verdict = self.verdict(entry, key, name)?;
        match verdict {
            Verdict::Misparsed | Verdict::Undetermined => {
                Err(self.at(entry, Problem::NeverAllowed(verdict)))
            }
            _ => Ok(verdict),
        }
    }

    fn known(&self, entry: &Spanned<schema::Known>, all: &Lists) -> Result<Known, ConfigError> {
        let raw = entry.get_ref();
        self.stated(entry, "reason", &raw.reason)?;
        self.stated(entry, "reference", &raw.reference)?;
        let mut feeds = Vec::new();
        for feed in raw.feeds.iter().flatten() {
            let parsed = feed.parse();
            feeds.push(
                parsed.map_err(|e| self.at(entry, Problem::Value { key: "feeds", problem: e }))?,
            );
        }
        if raw.feeds.is_some() && feeds.is_empty() {
            return Err(self.at(entry, Problem::Empty("feeds")));
        }
        Ok(Known {
            selection: self.selection(
                entry,
                (&raw.source, &raw.destination),
                (raw.machines.as_deref(), raw.scenarios.as_deref()),
                all,
            )?,
            feeds,
            verdict: self.verdict(entry, "verdict", &raw.verdict)?,
            reason: raw.reason.clone(),
            reference: raw.reference.clone(),
            line: self.line(entry),
        })
    }

    fn known_device(
        &self,
        entry: &Spanned<schema::KnownDevice>,
        all: &Lists,
    ) -> Result<KnownDevice, ConfigError> {
        let raw = entry.get_ref();
        self.stated(entry, "reason", &raw.reason)?;
        self.stated(entry, "reference", &raw.reference)?;
        if raw.devices.is_empty() {
            return Err(self.at(entry, Problem::Empty("devices")));
        }
        Ok(KnownDevice {
            sources: self.range(entry, "source", &raw.source, &all.releases)?,
            destinations: self.range(entry, "destination", &raw.destination, &all.releases)?,
            devices: raw.devices.clone(),
            verdict: self.verdict(entry, "verdict", &raw.verdict)?,
            reason: raw.reason.clone(),
            reference: raw.reference.clone(),
            line: self.line(entry),
        })
    }

    fn runtime(
        &self,
        entry: &Spanned<schema::Runtime>,
        all: &Lists,
    ) -> Result<Runtime, ConfigError> {
        let raw = entry.get_ref();
        self.stated(entry, "reason", &raw.reason)?;
        self.stated(entry, "message", &raw.message)?;
        Ok(Runtime {
            selection: self.selection(
                entry,
                (&raw.source, &raw.destination),
                (raw.machines.as_deref(), raw.scenarios.as_deref()),
                all,
            )?,
            message: raw.message.clone(),
            reason: raw.reason.clone(),
            line: self.line(entry),
        })
    }

    fn mutation(
        &self,
        entry: &Spanned<schema::Mutation>,
        all: &Lists,
    ) -> Result<Mutation, ConfigError> {
        let raw = entry.get_ref();
        self.stated(entry, "reason", &raw.reason)?;
        self.stated(entry, "what", &raw.what)?;
        Ok(Mutation {
            selection: self.selection(
                entry,
                (&raw.source, &raw.destination),
                (Some(from_ref(&raw.machine)), Some(from_ref(&raw.scenario))),
                all,
            )?,
            what: raw.what.clone(),
            at: raw.at,
            reason: raw.reason.clone(),
            line: self.line(entry),
        })
    }

    fn finding(
        &self,
        entry: &Spanned<schema::Finding>,
        all: &Lists,
    ) -> Result<Finding, ConfigError> {
        let raw = entry.get_ref();
        self.stated(entry, "machine", &raw.machine)?;
        self.stated(entry, "what", &raw.what)?;
        let release = from_ref(&raw.release);
        self.names(entry, ("release", "release"), Some(release), &all.releases)?;
        let named = Some(raw.scenarios.as_slice());
        Ok(Finding {
            release: raw.release.clone(),
            machine: raw.machine.clone(),
            scenarios: self.names(entry, ("scenarios", "scenario"), named, &all.scenarios)?,
            what: raw.what.clone(),
        })
    }

    fn selection<T>(
        &self,
        entry: &Spanned<T>,
        (source, destination): (&str, &str),
        (machines, scenarios): (Option<&[String]>, Option<&[String]>),
        all: &Lists,
    ) -> Result<Selection, ConfigError> {
        Ok(Selection {
            sources: self.range(entry, "source", source, &all.releases)?,
            destinations: self.range(entry, "destination", destination, &all.releases)?,
            machines: self.names(entry, ("machines", "machine type"), machines, &all.machines)?,
            scenarios: self.names(entry, ("scenarios", "scenario"), scenarios, &all.scenarios)?,
        })
    }

    fn having<T>(
        &self,
        entry: &Spanned<T>,
        range: Option<&str>,
        all: &[String],
    ) -> Result<Vec<String>, ConfigError> {
        range.map_or(Ok(all.to_vec()), |range| self.range(entry, "releases", range, all))
    }

    fn range<T>(
        &self,
        entry: &Spanned<T>,
        key: &'static str,
        range: &str,
        all: &[String],
    ) -> Result<Vec<String>, ConfigError> {
        releases(range, all).map_err(|problem| self.at(entry, Problem::Value { key, problem }))
    }

    fn names<T>(
        &self,
        entry: &Spanned<T>,
        (key, what): (&'static str, &'static str),
        names: Option<&[String]>,
        all: &[String],
    ) -> Result<Vec<String>, ConfigError> {
        let Some(names) = names else { return Ok(all.to_vec()) };
        if names.is_empty() {
            return Err(self.at(entry, Problem::Empty(key)));
        }
        match names.iter().find(|name| !all.contains(name)) {
            Some(name) => Err(self.at(entry, Problem::Unlisted { what, name: name.clone() })),
            None => Ok(names.to_vec()),
        }
    }

    fn verdict<T>(
        &self,
        entry: &Spanned<T>,
        key: &'static str,
        name: &str,
    ) -> Result<Verdict, ConfigError> {
        name.parse().map_err(|problem| self.at(entry, Problem::Value { key, problem }))
    }

    fn name<'n, T>(
        &self,
        entry: &Spanned<T>,
        what: &'static str,
        name: &str,
        mut before: impl Iterator<Item = &'n String>,
    ) -> Result<(), ConfigError> {
        self.stated(entry, "name", name)?;
        match before.any(|other| other == name) {
            true => Err(self.at(entry, Problem::Duplicate { what, name: name.to_owned() })),
            false => Ok(()),
        }
    }

    fn stated<T>(
        &self,
        entry: &Spanned<T>,
        key: &'static str,
        text: &str,
    ) -> Result<(), ConfigError> {
        if text.trim().is_empty() {
            return Err(self.at(entry, Problem::Blank(key)));
        }
        Ok(())
    }

    fn at<T>(&self, entry: &Spanned<T>, problem: Problem) -> ConfigError {
        ConfigError::At { file: self.file.to_owned(), line: self.line(entry), problem }
    }

    /// Line of an entry's header, counted from 1.
    fn line<T>(&self, entry: &Spanned<T>) -> usize {
        let before = self.text.get(..entry.span().start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }
}

/// All names that an entry may use.
struct Lists {
    releases: Vec<String>,
    machines: Vec<String>,
    scenarios: Vec<String>,
}
