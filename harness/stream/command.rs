//! Migration commands (wire reference 2.6).

use super::load::{End, Load};
use crate::dialect::commands::Command;
use crate::wire::{Error, Fault, Kind, Result, planted};

/// Deepest nesting of packages; a real sender has one.
pub(super) const MAX_PACKAGES: u32 = 4;

/// Reads the command whose type byte was at `at`. Returns how the loop ends, if it does.
///
/// # Errors
/// An unknown command or a bad length.
pub(super) fn load(load: &mut Load<'_, '_>, at: u64) -> Result<Option<End>> {
    let number = load.io.reader.be16()?;
    let len = load.io.reader.be16()?;
    let Some(rules) = load.dialect().commands else { return Ok(None) };
    let Some(command) = rules.command(number) else {
        return Err(Kind::Command(format!("{number:#x} unknown (length {len:#x})")).at(at));
    };
    if !rules.accepts(command, len) {
        return Err(Kind::Command(format!("{command:?} with bad length {len}")).at(at));
    }
    if let Some(on) = load.capabilities()
        && let Some(why) = rules.refuses(command, len, on)
    {
        return Err(Kind::Command(why.to_string()).at(at));
    }
    match command {
        Command::PostcopyAdvise => load.shown.postcopy_ram |= len > 0,
        Command::EnableColo => load.shown.colo = true,
        _ => {}
    }
    if command == Command::Packaged {
        let size = load.io.reader.be32()?;
        load.framing("command", at);
        return package(load, u64::from(size)).map(|()| None);
    }
    if !planted(Fault::CommandUnread) {
        load.io.reader.skip(u64::from(len))?;
    }
    load.framing("command", at);
    // From here on the guest runs; a package ends, and pages go on in the main stream.
    Ok((command == Command::PostcopyRun).then_some(End::Quit))
}

/// A section stream of `size` bytes without a header, loaded from a buffer of its own.
fn package(load: &mut Load<'_, '_>, size: u64) -> Result<()> {
    let end = load.io.reader.offset().saturating_add(size);
    load.packages += 1;
    if load.packages > MAX_PACKAGES {
        let at = load.io.reader.offset();
        return Err(too_deep(at));
    }
    load.records()?;
    load.packages -= 1;
    let at = load.io.reader.offset();
    if at > end {
        // The buffer ended inside a record.
        return Err(Kind::EndOfInput { missing: at - end }.at(end));
    }
    load.io.reader.skip(end - at)?;
    load.framing("rest of package", at);
    Ok(())
}

/// Refuses a package in too many others.
pub(super) fn too_deep(at: u64) -> Box<Error> {
    Kind::Limit(format!("more than {MAX_PACKAGES} nested packages")).at(at)
}
