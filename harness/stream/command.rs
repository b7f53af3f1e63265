//! Migration commands (wire reference 2.6).

use super::progress::{End, Load};
use crate::dialect::commands::Command;
use crate::wire::{Error, Fault, Kind, Result, planted};

/// Deepest nesting of packages; a real sender has one.
pub(super) const MAX_PACKAGES: u32 = 4;

/// What comes of a command.
pub(super) enum Outcome {
    /// Nothing more: the next record follows.
    Done,
    /// The main loop ends.
    End(End),
    /// So many bytes follow, which are a stream of sections without a header.
    Package(u64),
}

/// Reads the command whose type byte was at `at`.
///
/// # Errors
/// An unknown command or a bad length.
pub(super) fn load(load: &mut Load<'_, '_>, at: u64) -> Result<Outcome> {
    let number = load.io.reader.be16()?;
    let len = load.io.reader.be16()?;
    let Some(rules) = load.dialect().commands else { return Ok(Outcome::Done) };
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
        return Ok(Outcome::Package(u64::from(size)));
    }
    if !planted(Fault::CommandUnread) {
        load.io.reader.skip(u64::from(len))?;
    }
    load.framing("command", at);
    // From here on the guest runs; a package ends, and pages go on in the main stream.
    Ok(match command {
        Command::PostcopyRun => Outcome::End(End::Quit),
        _ => Outcome::Done,
    })
}

/// Refuses a package in too many others.
pub(super) fn too_deep(at: u64) -> Box<Error> {
    Kind::Limit(format!("more than {MAX_PACKAGES} nested packages")).at(at)
}
