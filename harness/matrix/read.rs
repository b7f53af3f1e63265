//! Makes checked types of `matrix.toml` as it is written: every name known, every reason given, every
//! error with its line.

mod entry;

use std::slice::from_ref;

use toml::Spanned;

use self::entry::{Entry, KnownNames};
use super::config::{
    Config, ConfigError, Equal, Finding, Known, KnownDevice, Machine, Mutation, Policy, Problem,
};
use super::config::{Release, Runtime, Scenario};
use super::schema;
use crate::dialect::Version;
use crate::trace::Verdict;

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

/// Wire shapes into checked types.
struct Reader<'t> {
    /// Name of the file.
    file: &'t str,
    /// What it says.
    text: &'t str,
}

impl<'t> Reader<'t> {
    fn config(&self, raw: schema::File) -> Result<Config, ConfigError> {
        let releases = self.releases(&raw.release)?;
        let names: Vec<String> = releases.iter().map(|r| r.name.clone()).collect();
        let machines = self.machines(&raw.machine, &names)?;
        let scenarios = self.scenarios(&raw.scenario, &names)?;
        for (what, empty) in [
            ("release", releases.is_empty()),
            ("machine type", machines.is_empty()),
            ("scenario", scenarios.is_empty()),
        ] {
            if empty {
                let file = self.file.to_owned();
                return Err(ConfigError::Whole { file, problem: Problem::None(what) });
            }
        }
        let mut builds = names.clone();
        let vendors = self.each(&raw.vendor, |entry, vendor| {
            let wrong = |(key, problem)| entry.at(Problem::Value { key, problem });
            vendor.check(&builds).map_err(wrong)?;
            builds.push(vendor.name());
            Ok(vendor.clone())
        })?;
        let lists = KnownNames {
            releases: names,
            machines: machines.iter().map(|m| m.name.clone()).collect(),
            scenarios: scenarios.iter().map(|s| s.name.clone()).collect(),
        };
        Ok(Config {
            file: self.file.to_owned(),
            releases,
            machines,
            scenarios,
            vendors,
            known: self.each(&raw.known, |entry, raw| known(entry, raw, &lists))?,
            known_devices: self
                .each(&raw.known_device, |entry, raw| known_device(entry, raw, &lists))?,
            runtime: self.each(&raw.runtime, |entry, raw| runtime(entry, raw, &lists))?,
            mutations: self.each(&raw.mutation, |entry, raw| mutation(entry, raw, &lists))?,
            findings: self.each(&raw.finding, |entry, raw| finding(entry, raw, &lists))?,
            policy: policy(self.entry(&raw.policy), raw.policy.get_ref())?,
        })
    }

    fn entry<T>(&self, entry: &Spanned<T>) -> Entry<'t> {
        Entry::of(self.file, self.text, entry)
    }

    /// Reads the entries of one table.
    fn each<S, T>(
        &self,
        entries: &[Spanned<S>],
        mut read: impl FnMut(Entry<'t>, &S) -> Result<T, ConfigError>,
    ) -> Result<Vec<T>, ConfigError> {
        entries.iter().map(|entry| read(self.entry(entry), entry.get_ref())).collect()
    }

    /// The releases, oldest first.
    fn releases(&self, raw: &[Spanned<schema::Release>]) -> Result<Vec<Release>, ConfigError> {
        let mut numbered: Vec<(Version, Release)> = Vec::new();
        for entry in raw {
            let (entry, raw) = (self.entry(entry), entry.get_ref());
            entry.name("release", &raw.name, numbered.iter().map(|(_, r)| &r.name))?;
            let number: Version = raw.name.parse().map_err(entry.value("name"))?;
            entry.require_text([("about", &raw.about)])?;
            numbered.push((number, Release { name: raw.name.clone(), about: raw.about.clone() }));
        }
        numbered.sort_by_key(|(number, _)| *number);
        Ok(numbered.into_iter().map(|(_, release)| release).collect())
    }

    fn machines(
        &self,
        raw: &[Spanned<schema::Machine>],
        names: &[String],
    ) -> Result<Vec<Machine>, ConfigError> {
        let mut machines: Vec<Machine> = Vec::new();
        for entry in raw {
            let (entry, raw) = (self.entry(entry), entry.get_ref());
            entry.name("machine type", &raw.name, machines.iter().map(|m| &m.name))?;
            let releases = entry.releases(raw.releases.as_deref(), names)?;
            let equals = equal(entry, raw)?;
            machines.push(Machine { name: raw.name.clone(), releases, equals });
        }
        for (entry, machine) in raw.iter().zip(&machines) {
            let Some(Equal { machine: name, .. }) = &machine.equals else { continue };
            let other = machines.iter().find(|m| m.name == *name && m.name != machine.name);
            match other {
                None => {
                    let (what, name) = ("machine type", name.clone());
                    return Err(self.entry(entry).at(Problem::Unlisted { what, name }));
                }
                Some(other) if other.equals.is_some() => {
                    let problem = format!("{name} equals another itself: name that one");
                    return Err(self.entry(entry).value("equals")(problem));
                }
                Some(_) => {}
            }
        }
        Ok(machines)
    }

    fn scenarios(
        &self,
        raw: &[Spanned<schema::Scenario>],
        names: &[String],
    ) -> Result<Vec<Scenario>, ConfigError> {
        let mut scenarios: Vec<Scenario> = Vec::new();
        for entry in raw {
            let (entry, raw) = (self.entry(entry), entry.get_ref());
            entry.name("scenario", &raw.name, scenarios.iter().map(|s| &s.name))?;
            entry.require_text([("about", &raw.about)])?;
            scenarios.push(Scenario {
                name: raw.name.clone(),
                about: raw.about.clone(),
                guest: raw.guest.clone(),
                arguments: raw.arguments.clone(),
                chipsets: entry.chipsets(raw.chipset.as_ref())?,
                exercises: raw.exercises.clone().unwrap_or_default(),
                releases: entry.releases(raw.releases.as_deref(), names)?,
            });
        }
        Ok(scenarios)
    }
}

/// What a machine type is said to equal, with what differs.
fn equal(entry: Entry<'_>, raw: &schema::Machine) -> Result<Option<Equal>, ConfigError> {
    let Some(machine) = &raw.equals else {
        return match raw.differs {
            None => Ok(None),
            Some(_) => Err(entry.at(Problem::Blank("equals"))),
        };
    };
    let differs = raw.differs.clone().unwrap_or_default();
    entry.require_text([("differs", &differs)])?;
    Ok(Some(Equal { machine: machine.clone(), differs }))
}

fn policy(entry: Entry<'_>, raw: &schema::Policy) -> Result<Policy, ConfigError> {
    let allowed = |key, name: &String| match entry.verdict(key, name)? {
        verdict @ (Verdict::Misparsed | Verdict::Undetermined) => {
            Err(entry.at(Problem::NeverAllowed(verdict)))
        }
        verdict => Ok(verdict),
    };
    let side = |key, names: &[String]| {
        if names.is_empty() {
            return Err(entry.at(Problem::Blank(key)));
        }
        names.iter().map(|name| allowed(key, name)).collect()
    };
    Ok(Policy {
        forward: side("forward", &raw.forward)?,
        backward: side("backward", &raw.backward)?,
    })
}

fn known(entry: Entry<'_>, raw: &schema::Known, all: &KnownNames) -> Result<Known, ConfigError> {
    entry.require_text([("reason", &raw.reason), ("reference", &raw.reference)])?;
    let feeds = raw.feeds.iter().flatten().map(|feed| feed.parse().map_err(entry.value("feeds")));
    let feeds: Vec<_> = feeds.collect::<Result<_, _>>()?;
    if raw.feeds.is_some() && feeds.is_empty() {
        return Err(entry.at(Problem::Empty("feeds")));
    }
    Ok(Known {
        selection: entry.selection(
            (&raw.source, &raw.destination),
            (raw.machines.as_deref(), raw.scenarios.as_deref()),
            all,
        )?,
        feeds,
        verdict: entry.verdict("verdict", &raw.verdict)?,
        reason: raw.reason.clone(),
        reference: raw.reference.clone(),
        line: entry.line(),
    })
}

fn known_device(
    entry: Entry<'_>,
    raw: &schema::KnownDevice,
    all: &KnownNames,
) -> Result<KnownDevice, ConfigError> {
    entry.require_text([("reason", &raw.reason), ("reference", &raw.reference)])?;
    if raw.devices.is_empty() {
        return Err(entry.at(Problem::Empty("devices")));
    }
    Ok(KnownDevice {
        sources: entry.range("source", &raw.source, &all.releases)?,
        destinations: entry.range("destination", &raw.destination, &all.releases)?,
        devices: raw.devices.clone(),
        verdict: entry.verdict("verdict", &raw.verdict)?,
        reason: raw.reason.clone(),
        reference: raw.reference.clone(),
        line: entry.line(),
    })
}

fn runtime(
    entry: Entry<'_>,
    raw: &schema::Runtime,
    all: &KnownNames,
) -> Result<Runtime, ConfigError> {
    entry.require_text([("reason", &raw.reason), ("message", &raw.message)])?;
    Ok(Runtime {
        selection: entry.selection(
            (&raw.source, &raw.destination),
            (raw.machines.as_deref(), raw.scenarios.as_deref()),
            all,
        )?,
        message: raw.message.clone(),
        reason: raw.reason.clone(),
        line: entry.line(),
    })
}

fn mutation(
    entry: Entry<'_>,
    raw: &schema::Mutation,
    all: &KnownNames,
) -> Result<Mutation, ConfigError> {
    entry.require_text([("reason", &raw.reason), ("what", &raw.what)])?;
    Ok(Mutation {
        selection: entry.selection(
            (&raw.source, &raw.destination),
            (Some(from_ref(&raw.machine)), Some(from_ref(&raw.scenario))),
            all,
        )?,
        what: raw.what.clone(),
        at: raw.at,
        reason: raw.reason.clone(),
        line: entry.line(),
    })
}

fn finding(
    entry: Entry<'_>,
    raw: &schema::Finding,
    all: &KnownNames,
) -> Result<Finding, ConfigError> {
    entry.require_text([("machine", &raw.machine), ("what", &raw.what)])?;
    let release = from_ref(&raw.release);
    entry.names(("release", "release"), Some(release), &all.releases)?;
    let named = Some(raw.scenarios.as_slice());
    Ok(Finding {
        release: raw.release.clone(),
        machine: raw.machine.clone(),
        scenarios: entry.names(("scenarios", "scenario"), named, &all.scenarios)?,
        what: raw.what.clone(),
    })
}
