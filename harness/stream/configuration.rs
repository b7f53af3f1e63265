//! The configuration section: machine type, page bits, capabilities, UUID (wire reference 2.4).

use super::progress::Load;
use super::record;
use crate::dialect::machine::{self, unqualified};
use crate::vmstate::flow::SUBSECTION;
use crate::wire::{Error, Kind, Refill, Result};

/// What subsection names begin with.
const NAME: &str = "configuration";
/// Longest machine name that is held; the rest of a longer one is passed over.
const MAX_NAME: u64 = 256;

/// Reads the section where the local switch is on; otherwise nothing, so that its type byte meets
/// the main loop.
///
/// # Errors
/// A missing section, another machine type, or a value that is not the local one.
pub(super) fn load(load: &mut Load<'_, '_>) -> Result<()> {
    let Some(rules) = load.dialect().configuration else { return Ok(()) };
    let at = load.io.reader.offset();
    let found = load.io.reader.u8().or_else(|e| match e.kind {
        Kind::EndOfInput { .. } => Ok(0),
        _ => Err(e),
    })?;
    if found != record::CONFIGURATION {
        return Err(Kind::ConfigurationMissing { found }.at(at));
    }
    let name = machine_name(load)?;
    load.framing("configuration", at);
    let mut capabilities = Vec::new();
    let mut page_bits = rules.page_bits.then(|| (machine::fewest_page_bits(&load.to.machine), at));
    while let Some((found, at)) = subsection(load)? {
        let known = match found.as_str() {
            "configuration/target-page-bits" => rules.page_bits,
            "configuration/capabilities" => rules.capabilities,
            "configuration/uuid" => rules.uuid,
            _ => false,
        };
        if !known {
            return Err(refuse(Kind::UnknownSubsection { name: found, vmsd: NAME.into() }, at));
        }
        let reader = &mut load.io.reader;
        reader.skip(2 + found.len() as u64)?;
        let version_id = reader.be32()? & 0xff;
        if version_id > 1 {
            return Err(refuse(Kind::VersionTooNew { vmsd: found, version_id, supported: 1 }, at));
        }
        if version_id < 1 {
            return Err(refuse(Kind::VersionTooOld { vmsd: found, version_id, minimum: 1 }, at));
        }
        match found.as_str() {
            "configuration/target-page-bits" => page_bits = Some((reader.be32()?, at)),
            "configuration/capabilities" => {
                for _ in 0..reader.be32()? {
                    let name = String::from_utf8_lossy(&reader.counted()?).into_owned();
                    if load.to.dialect.capabilities.is_none() || !load.asks {
                        match name.as_str() {
                            "x-ignore-shared" => load.ram.shared = true,
                            "mapped-ram" => load.ram.mapped = true,
                            _ => {}
                        }
                        continue;
                    }
                    if name != "x-ignore-shared" && !(name == "mapped-ram" && rules.mapped_ram) {
                        let text = format!("received unknown capability {name}");
                        return Err(refuse(Kind::Configuration(text), at));
                    }
                    match name.as_str() {
                        "x-ignore-shared" => load.ram.shared = true,
                        _ => load.ram.mapped = true,
                    }
                    capabilities.push((name, at));
                }
            }
            _ => reader.skip(16)?,
        }
        load.framing("configuration subsection", at);
    }
    // The checks run after the whole section has been read.
    let local = unqualified(&load.to.machine);
    if !local.as_bytes().starts_with(&name) {
        return Err(refuse(
            Kind::MachineMismatch {
                received: String::from_utf8_lossy(&name).into_owned(),
                local: local.to_owned(),
            },
            at,
        ));
    }
    if let Some((bits, at)) = page_bits
        && let own = machine::page_bits(&load.to.machine)
        && bits != own
    {
        let text = format!("received target page bits {bits}, local are {own}");
        return Err(refuse(Kind::Configuration(text), at));
    }
    // Each that is asked for must be the same on both sides; none that came is all off.
    let Some(on) = load.capabilities().filter(|_| rules.capabilities) else { return Ok(()) };
    let asked = [("x-ignore-shared", on.ignore_shared), ("mapped-ram", on.mapped_ram)];
    let mut asked = asked.into_iter().filter(|(name, _)| rules.mapped_ram || *name != "mapped-ram");
    let received = |name: &str| capabilities.iter().find(|(came, _)| came == name);
    if let Some((name, local)) = asked.find(|(name, on)| received(name).is_some() != *on) {
        let word = |on: bool| if on { "on" } else { "off" };
        let at = received(name).map_or(at, |(_, at)| *at);
        let (local, came) = (word(local), word(!local));
        let text = format!("capability {name} is {local}, but received capability is {came}");
        return Err(refuse(Kind::Configuration(text), at));
    }
    Ok(())
}

/// The received machine name. The check against the local one is by prefix, with the received
/// length: an empty name, or `pc-i440fx-2.1` at a `pc-i440fx-2.10`, passes.
fn machine_name(load: &mut Load<'_, '_>) -> Result<Vec<u8>> {
    let len = load.io.reader.be32()?;
    let mut name = Vec::new();
    load.io.reader.take(u64::from(len), |piece| {
        let room = (MAX_NAME as usize).saturating_sub(name.len());
        name.extend(piece.iter().take(room));
    })?;
    Ok(name)
}

/// The name of the next subsection, not yet consumed, by the rule of 1.0 on.
fn subsection(load: &mut Load<'_, '_>) -> Result<Option<(String, u64)>> {
    let reader = &mut load.io.reader;
    let at = reader.offset();
    if reader.peek_byte(0) != Some(SUBSECTION) {
        return Ok(None);
    }
    let len = usize::from(reader.peek_byte(1).unwrap_or(0));
    if len < NAME.len() + 1 {
        return Ok(None);
    }
    let name = reader.peek(2, len, Refill::Full);
    if name.len() < len || !name.starts_with(NAME.as_bytes()) {
        return Ok(None);
    }
    Ok(Some((String::from_utf8_lossy(name).into_owned(), at)))
}

fn refuse(kind: Kind, offset: u64) -> Box<Error> {
    let mut error = kind.at(offset);
    error.section = Some(NAME.to_string());
    error
}
